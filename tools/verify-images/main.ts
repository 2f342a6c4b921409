/**
 * `npm run verify-images [-- OPTIONS]`: fetches the images of a catalog's manifests by their digests and writes down in
 * `catalog.json`, one by one, which of them are what they say (catalog/README.md). For where registries are in reach.
 */
import { mkdirSync } from "node:fs";
import { constants } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { isFault } from "@piccolo/fault";
import { readCatalogSource, recordImage } from "@piccolo/release";
import { catalogFolder } from "../write-catalog.ts";
import { disproves, nextStep, type WantedImage, wantedImages } from "./decide.ts";
import { hiddenFolder, removeForsakenStores, throwawayFaults } from "./throwaway-podman.ts";
import { verifyImage, type VerifyOptions } from "./verify.ts";

const usage = `usage: npm run verify-images -- [OPTIONS]
  --only APP                  this app alone; may be given several times
  --all                       also images that are verified already
  --catalog FOLDER            with catalog.json, manifests and icons; the built-in one unless given
  --store FOLDER              where images lie while they are looked at (/var/tmp)
  --size-max-mib NUMBER       the most that is fetched of one image (8192)
  --silence-seconds NUMBER    without progress for so long, a pull is given up (900)
  --insecure-registry PLACE   host:port of a registry without TLS, for development
`;

class UsageError extends Error {}

function numberOf(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--${name} takes a whole number above 0`);
  return Number(text);
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      all: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      catalog: { type: "string", default: catalogFolder },
      store: { type: "string", default: "/var/tmp" },
      "size-max-mib": { type: "string", default: "8192" },
      "silence-seconds": { type: "string", default: "900" },
      "insecure-registry": { type: "string", multiple: true, default: [] },
    },
  });
  const place = resolve(values.store);
  if (`${place}/`.startsWith(`${hiddenFolder}/`)) {
    throw new UsageError(`--store takes a folder elsewhere than in ${hiddenFolder}, which is hidden from Podman`);
  }
  return {
    all: values.all,
    only: values.only,
    folder: resolve(values.catalog),
    place,
    bytesMax: numberOf("size-max-mib", values["size-max-mib"]) * 1024 ** 2,
    silenceMs: numberOf("silence-seconds", values["silence-seconds"]) * 1_000,
    insecureRegistries: values["insecure-registry"],
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const inMebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
const tellEveryMs = 10_000;

/** Told of each step of a download, says so from time to time. */
function createTeller(): VerifyOptions["progress"] {
  let toldMs = performance.now();
  return (architecture, doneBytes, totalBytes) => {
    if (performance.now() - toldMs < tellEveryMs) return;
    toldMs = performance.now();
    say(`  ${architecture}: ${inMebibytes(doneBytes)} of ${inMebibytes(totalBytes)}`);
  };
}

/** Aborts with the exit code of a program that the signal ends. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => stop.abort(128 + constants.signals[name]));
  }
  return stop.signal;
}

interface Failure {
  readonly image: WantedImage;
  readonly code: string;
  readonly reason: string;
  readonly words: string | undefined;
}

/** One line an app and image: which, why not, what to do. */
function tellFailures(failures: readonly Failure[]): void {
  for (const { image, code, reason, words } of failures) {
    for (const app of image.apps) {
      say(`${app}: ${image.name} is not verified (${code}): ${reason}. What to do: ${nextStep(code)}.`);
      if (words !== undefined) say(`  Podman says: ${words.replaceAll(/\s+/g, " ").slice(0, 500)}`);
    }
  }
}

type Options = ReturnType<typeof readOptions>;

async function verifyAll(images: readonly WantedImage[], options: Options, signal: AbortSignal): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const [at, image] of images.entries()) {
    say(`[${at + 1}/${images.length}] ${image.name} for ${image.architectures.join(", ")} (${image.apps.join(", ")})`);
    let words: string | undefined;
    const said = (text: string): void => void (words = text);
    try {
      const sizeBytes = await verifyImage(image, { ...options, signal, progress: createTeller(), said });
      recordImage(options.folder, image.name, { sizeBytes });
      say(`  verified, ${inMebibytes(sizeBytes)}`);
    } catch (error) {
      if (signal.aborted || !isFault(error) || throwawayFaults.owns(error)) throw error;
      const { code, message: reason } = error;
      // What was said of it before is not so any more.
      if (disproves(code)) recordImage(options.folder, image.name, undefined);
      failures.push({ image, code, reason, words });
      say(`  not verified: ${code}`);
    }
  }
  return failures;
}

async function run(): Promise<number> {
  const signal = stopOnSignals();
  const options = readOptions();
  const { apps } = readCatalogSource(options.folder);
  const every = wantedImages(apps, { all: true, only: [] });
  const unknown = options.only.find((app) => !every.some((image) => image.apps.includes(app)));
  if (unknown !== undefined) throw new UsageError(`there is no app ${unknown} in ${options.folder}`);
  const images = wantedImages(apps, options);
  mkdirSync(options.place, { recursive: true });
  removeForsakenStores(options.place);
  try {
    const failures = await verifyAll(images, options, signal);
    tellFailures(failures);
    say(`${images.length - failures.length} of ${images.length} images verified.`);
    if (failures.length < images.length) say("Now tools/write-catalog.ts makes the signed catalog anew.");
    return failures.length === 0 ? 0 : 1;
  } catch (error) {
    if (signal.aborted) {
      say("Stopped. What was verified stays; the same command goes on with the rest.");
      return signal.reason as number;
    }
    if (!throwawayFaults.owns(error)) throw error;
    process.stderr.write(`verify-images: ${error.message}\n`);
    return 1;
  }
}

try {
  process.exitCode = await run();
} catch (error) {
  const isOfArguments = error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  if (!isOfArguments && !(error instanceof UsageError)) throw error;
  process.stderr.write(`verify-images: ${error.message}\n${usage}`);
  process.exitCode = 2;
}
