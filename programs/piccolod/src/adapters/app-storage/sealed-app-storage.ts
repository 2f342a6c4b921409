import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { AppStorage, VolumeRequest } from "../../apps/runtime/app-storage.ts";
import { mountsOn } from "../volume/mounts.ts";
import { ImageFile } from "./image-file.ts";
import { runProgram } from "./run-program.ts";

/** The smallest file system worth its journal. */
const leastVolumeBytes = 8 * 1024 * 1024;
const unmountTries = 50;
const unmountPauseMs = 100;

export interface AppStorageOptions {
  /** On the sealed volume, and this storage's alone. */
  readonly folder: string;
  /**
   * Where it is mounted, outside the volume's own folder: the accounts of containers have to come by on their way, and
   * that folder is for the device alone.
   */
  readonly mountFolder: string;
  /**
   * Whether the runtime's files lie in a file system of their own: where the volume is a folder of encrypted files, it
   * loses a container's right to write into what belongs to another of its accounts.
   */
  readonly runtimeInImage: boolean;
}

export class SealedAppStorage implements AppStorage {
  readonly runtimeFolder: string;
  readonly #folder: string;
  readonly #mountFolder: string;
  readonly #runtimeImage: ImageFile | undefined;

  constructor({ folder, mountFolder, runtimeInImage }: AppStorageOptions) {
    this.#folder = folder;
    this.#mountFolder = mountFolder;
    const runtime = join(mountFolder, "runtime");
    this.#runtimeImage = runtimeInImage ? new ImageFile(join(folder, "runtime.ext4"), runtime) : undefined;
    this.runtimeFolder = join(runtime, "content");
  }

  async open(): Promise<void> {
    for (const path of [this.#folder, this.#mountFolder]) mkdirSync(path, { recursive: true, mode: 0o700 });
    if (this.#runtimeImage === undefined) {
      await this.#bind(join(this.#folder, "runtime"), join(this.#mountFolder, "runtime"));
      mkdirSync(this.runtimeFolder, { recursive: true, mode: 0o700 });
      return;
    }
    const { blocks, bsize } = statfsSync(this.#folder);
    await this.#runtimeImage.create(Math.max(leastVolumeBytes, Math.floor(blocks / 2) * bsize));
    // Programs of images may have file capabilities; what they may take is bounded by each container.
    await this.#runtimeImage.mount(["nodev"]);
    this.#runtimeImage.contentFolder({ uid: 0, gid: 0 }, 0o700);
  }

  async #bind(source: string, target: string): Promise<void> {
    for (const path of [source, target]) mkdirSync(path, { recursive: true, mode: 0o700 });
    if (mountsOn(target).length > 0) return;
    await runProgram("/bin/mount", ["--bind", source, target]);
    // So that what is mounted below stays here, as in a file system of its own.
    await runProgram("/bin/mount", ["--make-private", target]);
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(dirname(this.#folder));
    return bavail * bsize;
  }

  #image(app: string, volume: string): ImageFile {
    return new ImageFile(join(this.#volumeFiles(app), `${volume}.ext4`), join(this.#mounts(app), volume));
  }

  #volumeFiles(app: string): string {
    return join(this.#folder, "volumes", app);
  }

  #mounts(app: string): string {
    return join(this.#mountFolder, "volumes", app);
  }

  /** Beside the runtime's files: containers' accounts cannot read in a folder of encrypted files. */
  #secrets(app: string): string {
    return join(this.runtimeFolder, "../secrets", app);
  }

  async mountVolume({ app, volume, sizeBytesMax, owner }: VolumeRequest): Promise<string> {
    const image = this.#image(app, volume);
    await image.create(Math.max(leastVolumeBytes, sizeBytesMax));
    await image.mount();
    return image.contentFolder(owner, 0o755);
  }

  volumesOf(app: string): readonly string[] {
    const folder = this.#volumeFiles(app);
    if (!existsSync(folder)) return [];
    return readdirSync(folder).flatMap((name) => /^(.+)\.ext4$/.exec(name)?.[1] ?? []);
  }

  usedBytes(app: string): Readonly<Record<string, number>> {
    const blockBytes = 512;
    const sizeOf = (volume: string): number =>
      statSync(join(this.#volumeFiles(app), `${volume}.ext4`)).blocks * blockBytes;
    return Object.fromEntries(this.volumesOf(app).map((volume) => [volume, sizeOf(volume)]));
  }

  async unmountVolumes(app: string): Promise<void> {
    for (const volume of this.volumesOf(app)) await patiently(() => this.#image(app, volume).unmount());
  }

  async removeVolumes(app: string): Promise<void> {
    await this.unmountVolumes(app);
    rmSync(this.#volumeFiles(app), { recursive: true, force: true });
    rmSync(this.#mounts(app), { recursive: true, force: true });
  }

  writeSecret(app: string, name: string, value: string, owner: { readonly uid: number; readonly gid: number }): string {
    const folder = this.#secrets(app);
    // The files are bound into containers one by one; the folder is nobody's but the device's.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, name);
    // In place, because a container may have the file bound.
    writeFileSync(path, value, { mode: 0o400 });
    chmodSync(path, 0o400);
    chownSync(path, owner.uid, owner.gid);
    return path;
  }

  removeSecrets(app: string): void {
    rmSync(this.#secrets(app), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    const below = `${this.#mountFolder}/`;
    const mounted = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((path) => path.startsWith(below));
    for (const path of mounted.toReversed()) {
      if (mountsOn(path).length > 0) await patiently(() => runProgram("/bin/umount", [path]));
    }
  }
}

/** Who has just ended may still hold a file open for a moment. */
async function patiently(unmount: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await unmount();
      return;
    } catch (error) {
      if (attempt === unmountTries) throw error;
      await delay(unmountPauseMs);
    }
  }
}
