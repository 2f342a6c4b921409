/** Fetches an image as a device does, for each kind of device, and finds out what there is to it. */
import { hash } from "node:crypto";
import { catalogue } from "@piccolo/fault";
import type { Log } from "../../programs/piccolod/src/adapters/log.ts";
import { PodmanImages } from "../../programs/piccolod/src/adapters/podman/images.ts";
import { libpodApi, PodmanInterface } from "../../programs/piccolod/src/adapters/podman/interface.ts";
import { runtimeFaults } from "../../programs/piccolod/src/apps/runtime/faults.ts";
import { type Architecture, fetchedBytes, type WantedImage } from "./decide.ts";
import { type StoreOptions, ThrowawayPodman } from "./throwaway-podman.ts";

export const verifyFaults = catalogue({
  "image-too-large": {
    retry: "never",
    meaning: "The image is larger than is allowed; allow more, or take another image.",
  },
});

export interface VerifyOptions extends StoreOptions {
  /** A pull of which nothing is heard for so long is given up. */
  readonly silenceMs: number;
  /** More than this is not fetched of one image for one architecture. */
  readonly bytesMax: number;
  /** Ends the pull; its reason is thrown. */
  readonly signal: AbortSignal;
  readonly progress: (architecture: Architecture, doneBytes: number, totalBytes: number) => void;
  /** What Podman itself says of a failure. */
  readonly said: (words: string) => void;
}

function tooLarge(bytes: number, bytesMax: number): Error {
  const inWords = (count: number): string => `${Math.ceil(count / 1024 ** 2)} MiB`;
  return verifyFaults.fault(
    "image-too-large",
    `it is of ${inWords(bytes)} and more than the ${inWords(bytesMax)} allowed`,
  );
}

function logTo(said: VerifyOptions["said"]): Log {
  const ignored = (): void => undefined;
  return {
    debug: ignored,
    info: ignored,
    warn: (_event, facts) => {
      const words = facts?.["message"];
      if (typeof words === "string") said(words);
    },
    error: ignored,
  };
}

/** Podman verifies the manifest and each layer by its digest as they come, and each layer's content as it is unpacked. */
async function fetchFor(
  { reference: { registry, repository, digest } }: WantedImage,
  architecture: Architecture,
  options: VerifyOptions,
): Promise<number> {
  const { silenceMs, bytesMax, signal, progress, said } = options;
  signal.throwIfAborted();
  const podman = new ThrowawayPodman(options);
  const large = new AbortController();
  try {
    await podman.ensure();
    const rules = { silenceMs, architecture };
    const images = new PodmanImages(new PodmanInterface(podman, logTo(said)), libpodApi, rules);
    await images.pull(
      { registry, repository, digest },
      {
        signal: AbortSignal.any([signal, large.signal]),
        progress: (doneBytes, totalBytes) => {
          if (totalBytes > bytesMax) large.abort(tooLarge(totalBytes, bytesMax));
          progress(architecture, doneBytes, totalBytes);
        },
      },
    );
    const files = new Map(podman.keptFiles().map((file) => [`sha256:${hash("sha256", file, "hex")}`, file]));
    const bytes = fetchedBytes(digest, architecture, files);
    if (bytes === undefined) {
      throw runtimeFaults.fault("image-digest-differs", "no manifest that Podman kept of it has that digest");
    }
    if (bytes > bytesMax) throw tooLarge(bytes, bytesMax);
    return bytes;
  } finally {
    await podman.remove();
  }
}

/**
 * `sizeBytes` of docs/spec/catalog.md. Throws the faults of a pull (`image-unreachable`, `registry-busy`, `image-refused`,
 * `image-digest-differs`, `image-architecture`, `disk-full`), `image-too-large` and `podman-unusable`.
 */
export async function verifyImage(wanted: WantedImage, options: VerifyOptions): Promise<number> {
  let most = 0;
  for (const architecture of wanted.architectures) {
    most = Math.max(most, await fetchFor(wanted, architecture, options));
  }
  return most;
}
