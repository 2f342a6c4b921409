import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import {
  type BootChoice,
  type BootControl,
  bootControlFaults,
  bootEntryPattern,
  type BootImages,
  entryInUse,
  type NewBootImage,
  unknownEntry,
} from "../../system/boot-control.ts";
import type { BootPartition } from "./boot-partition.ts";
import { byRelease, type EntryFile, entryFileOf, entryIdOf, parseEntryFile } from "./entry-file.ts";
import type { LoaderVariables } from "./loader-variables.ts";

const imagesFolder = "EFI/Linux";
const loaderPath = "EFI/BOOT/BOOTX64.EFI";
const predictionsFolder = "piccolo/predictions";
const unfinished = ".part";
const predictionsMax = 8;
const predictionBytesMax = 65_536;
/** The boot loader renames files and writes its random seed. */
const reserveBytes = 1 << 20;

/** systemd-boot with unified kernel images: what is tried and what is left stands in the images' names. */
export class SystemdBoot implements BootControl, BootImages {
  readonly #partition: BootPartition;
  readonly #variables: LoaderVariables;

  constructor(partition: BootPartition, variables: LoaderVariables) {
    this.#partition = partition;
    this.#variables = variables;
  }

  get #booted(): string | undefined {
    return entryIdOf(this.#variables.read("LoaderEntrySelected"));
  }

  async choice(): Promise<BootChoice> {
    const entries = await this.#read((folder) => entriesOf(folder));
    const known = (id: string | undefined): string | undefined =>
      entries.some((entry) => entry.id === id) ? id : undefined;
    return {
      entries: entries.map(({ id, state, tries }) => ({ id, state, tries })),
      booted: this.#booted,
      preferred: known(this.#variables.read("LoaderEntryDefault")),
      next: known(this.#variables.read("LoaderEntryOneShot")),
    };
  }

  async bless(id: string): Promise<void> {
    await this.#write((folder) => {
      const images = join(folder, imagesFolder);
      const files = filesOf(folder, id);
      const [first] = files;
      if (first === undefined) throw unknownEntry(id);
      if (first.state !== "good") renameSync(join(images, first.file), join(images, id));
      // A power cut within a renaming may leave both names; the counted one would be tried again and again.
      for (const { file } of files.slice(1)) rmSync(join(images, file));
      syncFolder(images);
    });
  }

  async prefer(id: string | undefined): Promise<void> {
    if (id !== undefined) await this.#find(id);
    await this.#variables.write("LoaderEntryDefault", id);
  }

  async once(id: string): Promise<void> {
    await this.#find(id);
    await this.#variables.write("LoaderEntryOneShot", id);
  }

  async install({ id, content, tries, prediction }: NewBootImage): Promise<void> {
    if (!bootEntryPattern.test(id)) throw unknownEntry(id);
    if (this.#booted === id) throw entryInUse(id, "it started the running system");
    await this.#write((folder) => {
      const images = join(folder, imagesFolder);
      mkdirSync(images, { recursive: true });
      clearUnfinished(folder);
      makeRoom(folder, content.length + (prediction?.length ?? 0));
      const earlier = filesOf(folder, id);
      const whole = join(images, entryFileOf(id, { left: tries, done: 0 }));
      try {
        // What explains a boot comes before what can be booted.
        if (prediction !== undefined) writePrediction(folder, id, prediction);
        writeWhole(`${whole}${unfinished}`, content);
        renameSync(`${whole}${unfinished}`, whole);
      } catch (cause) {
        clearUnfinished(folder);
        throw cause;
      }
      for (const { file } of earlier) if (join(images, file) !== whole) rmSync(join(images, file), { force: true });
      syncFolder(images);
      if (digest(readFileSync(whole)) === digest(content)) return;
      rmSync(whole);
      throw bootControlFaults.fault("boot-image-damaged", `${id} reads otherwise than it was written: fetch it again`);
    });
  }

  async remove(id: string): Promise<void> {
    if (this.#booted === id) throw entryInUse(id, "it started the running system");
    const preferred = this.#variables.read("LoaderEntryDefault") === id;
    await this.#write((folder) => {
      const entries = entriesOf(folder);
      const isGood = entries.some((entry) => entry.id === id && entry.state === "good");
      if (isGood && !entries.some((entry) => entry.id !== id && entry.state === "good")) {
        throw entryInUse(id, "it is the only one known to work");
      }
      for (const { file } of filesOf(folder, id)) rmSync(join(folder, imagesFolder, file));
      rmSync(predictionPath(folder, id), { force: true });
      clearUnfinished(folder);
    });
    if (preferred) await this.#variables.write("LoaderEntryDefault", undefined);
  }

  async digestOf(id: string): Promise<string> {
    return this.#read((folder) => {
      const [first] = filesOf(folder, id);
      if (first === undefined) throw unknownEntry(id);
      return digest(readFileSync(join(folder, imagesFolder, first.file)));
    });
  }

  async predictions(): Promise<readonly Uint8Array[]> {
    return this.#read((folder) =>
      namesIn(join(folder, predictionsFolder))
        .filter((name) => name.endsWith(".json"))
        .sort()
        .slice(-predictionsMax)
        .map((name) => join(folder, predictionsFolder, name))
        .filter((path) => statSync(path).size <= predictionBytesMax)
        .map((path) => new Uint8Array(readFileSync(path))),
    );
  }

  /** The boot loader and the image that is running, in the order in which firmware starts them. Throws `boot-entry-unknown`. */
  async startedPrograms(): Promise<readonly Uint8Array[]> {
    const id = this.#booted ?? "";
    return this.#read((folder) => {
      const [first] = filesOf(folder, id);
      if (first === undefined) throw unknownEntry(id);
      return [loaderPath, join(imagesFolder, first.file)].map(
        (path) => new Uint8Array(readFileSync(join(folder, path))),
      );
    });
  }

  /** Whether the boot loader counts the starts of what is running. */
  get isCounted(): boolean {
    return this.#variables.read("LoaderBootCountPath") !== undefined;
  }

  async #find(id: string): Promise<void> {
    await this.#read((folder) => {
      if (filesOf(folder, id).length === 0) throw unknownEntry(id);
    });
  }

  #read<Result>(work: (folder: string) => Result): Promise<Result> {
    return this.#partition.use("read", (folder) => understood(() => work(folder)));
  }

  #write<Result>(work: (folder: string) => Result): Promise<Result> {
    return this.#partition.use("write", (folder) => understood(() => work(folder)));
  }
}

/** Failures of the disk are those of the port. */
function understood<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !("errno" in error)) throw error;
    if ("code" in error && error.code === "ENOSPC") throw full(error);
    const message = "the boot partition cannot be read or written: restart the device";
    throw bootControlFaults.fault("boot-partition-unreadable", message, { cause: error });
  }
}

function full(cause?: unknown): Error {
  const message = "the boot partition has no room for another system image: remove an older one first";
  return bootControlFaults.fault("boot-partition-full", message, cause === undefined ? {} : { cause });
}

const digest = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

function namesIn(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((e) => e.isFile())
        .map((e) => e.name)
    : [];
}

/** All files that are one entry: normally one, the one known to work first. */
function filesOf(folder: string, id: string): EntryFile[] {
  const rank = { good: 0, trying: 1, bad: 2 };
  return namesIn(join(folder, imagesFolder))
    .flatMap((name) => parseEntryFile(name) ?? [])
    .filter((entry) => entry.id === id)
    .sort((a, b) => rank[a.state] - rank[b.state]);
}

function entriesOf(folder: string): EntryFile[] {
  const ids = new Set(namesIn(join(folder, imagesFolder)).flatMap((name) => parseEntryFile(name)?.id ?? []));
  return [...ids].flatMap((id) => filesOf(folder, id)[0] ?? []).sort(byRelease);
}

function predictionPath(folder: string, id: string): string {
  return join(folder, predictionsFolder, id.replace(/^piccolo-(\d+)\.efi$/, "$1.json"));
}

function writePrediction(folder: string, id: string, prediction: Uint8Array): void {
  const path = predictionPath(folder, id);
  mkdirSync(join(folder, predictionsFolder), { recursive: true });
  writeWhole(`${path}${unfinished}`, prediction);
  renameSync(`${path}${unfinished}`, path);
  syncFolder(join(folder, predictionsFolder));
}

function clearUnfinished(folder: string): void {
  for (const below of [imagesFolder, predictionsFolder]) {
    for (const name of namesIn(join(folder, below))) {
      if (name.endsWith(unfinished)) rmSync(join(folder, below, name));
    }
  }
}

function makeRoom(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bytes + reserveBytes > bavail * bsize) throw full();
}

function writeWhole(path: string, content: Uint8Array): void {
  const file = openSync(path, "w", 0o600);
  try {
    for (let at = 0; at < content.length;) at += writeSync(file, content, at, Math.min(content.length - at, 1 << 20));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
