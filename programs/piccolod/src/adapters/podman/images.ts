import { arch } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { RegistryImage, StoredImage, TransferOptions } from "../../apps/runtime/container-runtime.ts";
import { runtimeFaults } from "../../apps/runtime/faults.ts";
import type { PodmanInterface } from "./interface.ts";
import { type ImageInspection, PullLine, read } from "./shapes.ts";
import { linesOf, unavailable } from "./unix-http.ts";

/** The compatible interface says how many bytes of each layer have come; libpod's own says so from Podman 6 on. */
const compatible = "/v1.41";
const transferMs = 24 * 3_600_000;
const pullLineBytesMax = 64 * 1024;
/** Nothing is said while the last layers are unpacked, which on a slow disk takes its time. */
const stalledMs = 30 * 60_000;

export type Architecture = "amd64" | "arm64";
const machineArchitecture: Architecture = arch() === "arm64" ? "arm64" : "amd64";

export interface PullRules {
  /** A pull of which nothing is heard for so long is given up. */
  readonly silenceMs?: number;
  /** What images are to be made for; this machine's own where absent. */
  readonly architecture?: Architecture;
}

const listTries = 30;
const listPauseMs = 100;

export class PodmanImages {
  readonly #interface: PodmanInterface;
  readonly #api: string;
  readonly #stalledMs: number;
  readonly #architecture: Architecture;
  /** So many images are just arriving. */
  #arriving = 0;
  #keeping: Promise<void> | undefined;

  constructor(inside: PodmanInterface, api: string, { silenceMs, architecture }: PullRules = {}) {
    this.#interface = inside;
    this.#api = api;
    this.#stalledMs = silenceMs ?? stalledMs;
    this.#architecture = architecture ?? machineArchitecture;
  }

  /** One that is just being removed is not found. */
  async find(digest: string): Promise<StoredImage | undefined> {
    await this.#keeping?.catch(() => undefined);
    const id = await this.idOf(digest);
    const found = id === undefined ? undefined : await this.#inspect(id);
    return found === undefined ? undefined : storedOf(found, digest);
  }

  /** Podman's own name of the image with the digest: of the image itself, or of the list a registry has it in. */
  async idOf(digest: string): Promise<string | undefined> {
    return (await this.#list()).find(
      ({ Digest, RepoDigests }) => Digest === digest || (RepoDigests ?? []).some((name) => name.endsWith(`@${digest}`)),
    )?.Id;
  }

  /** Where one of them is removed while they are looked through, Podman has no answer for any of them. */
  async #list(): Promise<ReturnType<typeof read.images>> {
    const removed = new Error("an image was removed meanwhile");
    for (let attempt = 1; ; attempt++) {
      try {
        return read.images(
          await this.#interface.call({ method: "GET", path: `${this.#api}/images/json` }, ({ message }) =>
            attempt < listTries && /(?:image|layer) not known/i.test(message) ? removed : undefined,
          ),
        );
      } catch (error) {
        if (error !== removed) throw error;
        await delay(listPauseMs);
      }
    }
  }

  /** An image that is not whole yet has no digest, and would be taken for one that nobody needs. */
  async #besideNoRemoval<Result>(transfer: () => Promise<Result>): Promise<Result> {
    this.#arriving++;
    try {
      await this.#keeping?.catch(() => undefined);
      return await transfer();
    } finally {
      this.#arriving--;
    }
  }

  async #inspect(id: string): Promise<ImageInspection | undefined> {
    const answer = await this.#interface.find({
      method: "GET",
      path: `${this.#api}/images/${encodeURIComponent(id)}/json`,
    });
    return answer === undefined ? undefined : read.image(answer);
  }

  load(digest: string, archive: AsyncIterable<Uint8Array>, options: TransferOptions = {}): Promise<StoredImage> {
    return this.#besideNoRemoval(() => this.#load(digest, archive, options));
  }

  async #load(
    digest: string,
    archive: AsyncIterable<Uint8Array>,
    { signal, progress }: TransferOptions,
  ): Promise<StoredImage> {
    let doneBytes = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const part of archive) {
        yield part;
        doneBytes += part.length;
        progress?.(doneBytes, 0);
      }
    };
    const answer = await this.#interface.bringIn((inside) =>
      inside.call(
        {
          method: "POST",
          path: `${this.#api}/images/load`,
          body: counted(),
          timeoutMs: transferMs,
          ...(signal === undefined ? {} : { signal }),
        },
        ({ message }) => (/payload does not match/i.test(message) ? differs() : undefined),
      ),
    );
    const { Names: names } = read.loaded(answer);
    try {
      return await this.#checked(digest);
    } catch (error) {
      for (const name of names) await this.#removeByName(name);
      throw error;
    }
  }

  pull(image: RegistryImage, options: TransferOptions = {}): Promise<StoredImage> {
    return this.#besideNoRemoval(() => this.#pull(image, options));
  }

  async #pull(image: RegistryImage, options: TransferOptions): Promise<StoredImage> {
    const stalled = new AbortController();
    const watch = setTimeout(() => stalled.abort(unreachable()), this.#stalledMs);
    let failure: string | undefined;
    try {
      failure = await this.#interface.bringIn((inside) =>
        this.#transfer(inside, image, options, stalled.signal, () => watch.refresh()),
      );
    } catch (error) {
      throw stalled.signal.aborted && options.signal?.aborted !== true ? stalled.signal.reason : error;
    } finally {
      clearTimeout(watch);
    }
    if (failure !== undefined) throw this.#pullFailed(failure, image);
    try {
      return await this.#checked(image.digest);
    } catch (error) {
      await this.#removeByName(referenceTo(image));
      throw error;
    }
  }

  /** Why it failed, where it did. `heard`: told of each sign of life. */
  async #transfer(
    inside: PodmanInterface,
    image: RegistryImage,
    { signal, progress }: TransferOptions,
    stalled: AbortSignal,
    heard: () => void,
  ): Promise<string | undefined> {
    const platform = this.#architecture === machineArchitecture ? "" : `&platform=linux/${this.#architecture}`;
    const body = await inside.open(
      {
        method: "POST",
        path: `${compatible}/images/create?fromImage=${encodeURIComponent(referenceTo(image))}${platform}`,
        timeoutMs: transferMs,
        signal: signal === undefined ? stalled : AbortSignal.any([signal, stalled]),
      },
      ({ message }) => this.#pullFailed(message, image),
    );
    const parts = new Map<string, { readonly done: number; readonly total: number }>();
    let failure: string | undefined;
    try {
      for await (const line of linesOf(body, pullLineBytesMax)) {
        heard();
        // The answer is a success from its first byte; that it failed is one of its lines.
        const { id, progressDetail, error } = PullLine.parse(JSON.parse(line));
        failure ??= error;
        if (id === undefined || progressDetail?.current === undefined) continue;
        parts.set(id, { done: progressDetail.current, total: progressDetail.total ?? 0 });
        const all = [...parts.values()];
        progress?.(
          all.reduce((sum, { done }) => sum + done, 0),
          all.reduce((sum, { total }) => sum + total, 0),
        );
      }
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason as Error;
      throw unavailable(error);
    }
    return failure;
  }

  #pullFailed(said: string, image: RegistryImage): Error {
    const failed = this.#interface.failed("pull", { status: 500, message: said });
    if (/no space left/i.test(said)) return failed;
    const message = withoutNames(said, image);
    // First, since some say so in the words by which others refuse.
    if (
      /toomanyrequests: |too many requests|rate limit|\bstatus(?: code from registry| code)?:? 429\b/i.test(message)
    ) {
      return runtimeFaults.fault(
        "registry-busy",
        "the image's registry gives your internet connection no more images for a while",
      );
    }
    if (/digest|does not match|corrupt|invalid checksum/i.test(message) && !/manifest unknown/i.test(message)) {
      return differs();
    }
    if (/manifest unknown|not found|unauthorized|denied|forbidden/i.test(message)) {
      return runtimeFaults.fault("image-refused", "the registry has no such image, or does not give it to everybody");
    }
    if (/x509:|tls: |HTTP response to HTTPS client/.test(message)) {
      return runtimeFaults.fault(
        "image-unreachable",
        "the image's registry does not show by a certificate this device trusts that it is the right one",
      );
    }
    if (/no image found in manifest list for architecture|architecture/i.test(message)) return otherArchitecture();
    return unreachable();
  }

  async #checked(digest: string): Promise<StoredImage> {
    const found = await this.find(digest);
    if (found === undefined) throw differs();
    if (found.architecture !== this.#architecture) throw otherArchitecture();
    return found;
  }

  async remove(digest: string): Promise<void> {
    const id = await this.idOf(digest);
    if (id !== undefined) await this.#removeByName(id);
  }

  /** While any is arriving, all stay until the next time. */
  keep(digests: ReadonlySet<string>): Promise<void> {
    if (this.#arriving > 0) return Promise.resolve();
    this.#keeping ??= this.#keep(digests).finally(() => (this.#keeping = undefined));
    return this.#keeping;
  }

  async #keep(digests: ReadonlySet<string>): Promise<void> {
    for (const { Id, Digest, RepoDigests } of await this.#list()) {
      const names = [Digest ?? "", ...(RepoDigests ?? []).map((name) => name.slice(name.indexOf("@") + 1))];
      if (!names.some((name) => digests.has(name))) await this.#removeByName(Id);
    }
  }

  async #removeByName(name: string): Promise<void> {
    const inUse = new Error("in use");
    try {
      await this.#interface.call(
        { method: "DELETE", path: `${this.#api}/images/${encodeURIComponent(name)}?force=false` },
        ({ status }) => (status === 404 || status === 409 ? inUse : undefined),
      );
    } catch (error) {
      if (error !== inUse) throw error;
    }
  }
}

function referenceTo({ registry, repository, digest }: RegistryImage): string {
  return `${registry}/${repository}@${digest}`;
}

/** What Podman says without what it says it of: an image may be called after a digest, and its registry after a ban. */
function withoutNames(message: string, { registry, repository, digest }: RegistryImage): string {
  const names = [digest, `${registry}/${repository}`, registry, registry.replace(/:[0-9]+$/, "")];
  // One plain word is a name only where it stands behind its registry or in an address; else it may be the reason itself.
  if (!/^[a-z]+$/.test(repository)) names.push(repository);
  return names.reduce(
    (rest, name) => rest.replaceAll(new RegExp(`(?<![\\w.-])${RegExp.escape(name)}(?![\\w-])`, "g"), ""),
    message.replaceAll(/\b[a-z]+:\/\/[^\s"]+/g, ""),
  );
}

function storedOf(found: ImageInspection, digest: string): StoredImage {
  return { digest, architecture: found.Architecture, sizeBytes: found.Size, user: found.User ?? "" };
}

function unreachable(): Error {
  return runtimeFaults.fault(
    "image-unreachable",
    "the image's registry does not answer, or broke off; try again later",
  );
}

function differs(): Error {
  return runtimeFaults.fault("image-digest-differs", "what arrived is not the image the manifest names");
}

function otherArchitecture(): Error {
  return runtimeFaults.fault("image-architecture", "the image is made for another kind of processor");
}
