import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isFault } from "@piccolo/fault";
import { type AppStorage, appStorageFaults, type IdMove, type Owner } from "../../apps/runtime/app-storage.ts";
import type { Room } from "../../room/room.ts";
import { passByMode } from "../app-leftovers.ts";
import { mountsOn } from "../volume/mounts.ts";
import { copyFile, copyMs } from "./copy-file.ts";
import { GoneFiles } from "./gone-files.ts";
import { contentName, ImageFile, isThere, thaw } from "./image-file.ts";
import { mayResizeMounted } from "./larger-image.ts";
import { moveOwners } from "./move-owners.ts";
import { type MountView, ownView, runProgram, systemView } from "./run-program.ts";
import { syncPath } from "./sync-path.ts";
import { boundBytes, fileOf, takenBytes, untakenBytes, volumesIn } from "./volume-files.ts";

/** The smallest file system worth its journal. */
const leastVolumeBytes = 8 * 1024 * 1024;
const blockBytes = 4_096;
const partialMark = ".partial";
const unfinishedMark = ".new";
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
  /**
   * Ends all that uses what is mounted here. Called where the volume went away below it and came back: nothing that was
   * started before can go on.
   */
  readonly endUsers?: () => Promise<void>;
  /** Told before anything is mounted. */
  readonly opened?: () => void;
  /** Told while a volume is frozen. */
  readonly frozen?: () => void;
  /**
   * Mounts are made for the whole system: whoever runs the apps there has another view of the file systems than this
   * process. They outlive it then, and the next one finds them.
   */
  readonly ofSystem?: boolean;
  /** Whether a file system may be made larger while it is mounted; if not said, what the kernel lets this process do. */
  readonly resizesMounted?: boolean;
  /** What the volume has for content, without the device's reserve; brought in line after whatever changes it at once. */
  readonly room: Pick<Room, "freeBytes" | "keep">;
}

export class SealedAppStorage implements AppStorage {
  readonly runtimeFolder: string;
  readonly #folder: string;
  readonly #mountFolder: string;
  readonly #runtimeImage: ImageFile | undefined;
  readonly #endUsers: () => Promise<void>;
  readonly #opened: () => void;
  readonly #frozen: () => void;
  readonly #view: MountView;
  readonly #room: Pick<Room, "freeBytes" | "keep">;
  readonly #resizesMounted: boolean;
  readonly #gone: GoneFiles;
  #opening: Promise<void> | undefined;
  #isSettled = false;

  constructor(options: AppStorageOptions) {
    const { folder, mountFolder, runtimeInImage, endUsers, opened, frozen, ofSystem = false, room } = options;
    this.#resizesMounted = options.resizesMounted ?? mayResizeMounted();
    this.#endUsers = endUsers ?? (() => Promise.resolve());
    this.#opened = opened ?? (() => undefined);
    this.#frozen = frozen ?? (() => undefined);
    this.#view = ofSystem ? systemView : ownView;
    this.#folder = folder;
    this.#mountFolder = mountFolder;
    this.#room = room;
    this.#gone = new GoneFiles(join(folder, "gone"), room);
    const runtime = join(mountFolder, "runtime");
    this.#runtimeImage = runtimeInImage ? new ImageFile(join(folder, "runtime.ext4"), runtime, this.#view) : undefined;
    this.runtimeFolder = join(runtime, "content");
  }

  /** Who asks while it is being made ready waits for the same. */
  open(): Promise<void> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<void> {
    for (const path of [this.#folder, this.#mountFolder]) mkdirSync(path, { recursive: true, mode: 0o700 });
    await this.#settle();
    // Again where the users' end has taken it away.
    mkdirSync(this.#mountFolder, { recursive: true, mode: 0o700 });
    this.#opened();
    if (this.#runtimeImage === undefined) {
      await this.#bind(join(this.#folder, "runtime"), join(this.#mountFolder, "runtime"));
      mkdirSync(this.runtimeFolder, { recursive: true, mode: 0o700 });
      this.#letContainersPass();
      return;
    }
    const { blocks, bsize } = statfsSync(this.#folder);
    const sizeBytes = Math.max(leastVolumeBytes, Math.floor(blocks / 2) * bsize);
    // Programs of images may have file capabilities; what they may take is bounded by each container.
    // Images are fetched again, containers made again, and secrets written before each start.
    await this.#runtimeImage.mountDisposable(sizeBytes, ["nodev"]);
    this.#runtimeImage.contentFolder({ uid: 0, gid: 0 }, 0o700);
    this.#letContainersPass();
  }

  /** The first process of a container, which is nobody here, finds its root below; it may pass by and read nothing on the way. */
  #letContainersPass(): void {
    const runtime = join(this.#mountFolder, "runtime");
    for (const path of [this.#mountFolder, runtime, this.runtimeFolder]) chmodSync(path, passByMode);
  }

  /** What an earlier run of this process left when it was cut off. */
  async #settle(): Promise<void> {
    if (this.#runtimeImage?.isStale === true) {
      await this.#endUsers();
      for (const path of this.#mounted()) await this.#view.run("/bin/umount", ["--lazy", path]);
    }
    // Later than now it would thaw what this run has frozen for a copy.
    if (this.#isSettled) return;
    for (const path of this.#mounted()) await thaw(path);
    this.#isSettled = true;
    // Nobody waits for that; what cannot go now is tried again at the next start.
    this.#gone.empty().catch(() => undefined);
  }

  /** All that is mounted here, innermost first. */
  #mounted(): readonly string[] {
    const below = `${this.#mountFolder}/`;
    return readFileSync(this.#view.table, "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((path) => path.startsWith(below))
      .toReversed();
  }

  async #bind(source: string, target: string): Promise<void> {
    for (const path of [source, target]) mkdirSync(path, { recursive: true, mode: 0o700 });
    if (mountsOn(target, this.#view.table).length > 0) return;
    await this.#view.run("/bin/mount", ["--bind", source, target]);
    // So that what is mounted below stays here, as in a file system of its own.
    await this.#view.run("/bin/mount", ["--make-private", target]);
  }

  freeBytes(): number {
    return this.#room.freeBytes();
  }

  flushRuntime(): Promise<void> {
    return runProgram("/bin/sync", ["--file-system", this.runtimeFolder], copyMs);
  }

  volumeFolder(app: string, volume: string): string {
    return join(this.#mountFolder, "volumes", app, volume, contentName);
  }

  #volumes(app: string): string {
    return join(this.#folder, "volumes", app);
  }

  #image(app: string, volume: string): ImageFile {
    return new ImageFile(join(this.#volumes(app), fileOf(volume)), dirname(this.volumeFolder(app, volume)), this.#view);
  }

  async makeVolume(app: string, volume: string, sizeBytesMax: number): Promise<void> {
    await this.#image(app, volume).create(this.#sizeFor(sizeBytesMax));
  }

  #sizeFor(sizeBytesMax: number): number {
    const { blocks, bsize } = statfsSync(dirname(this.#folder));
    // More than the disk has would cost room of its own.
    const sizeBytes = Math.max(leastVolumeBytes, Math.min(sizeBytesMax, blocks * bsize));
    return Math.floor(sizeBytes / blockBytes) * blockBytes;
  }

  async raiseBound(app: string, volume: string, sizeBytesMax: number): Promise<void> {
    const image = this.#image(app, volume);
    if (!this.volumesOf(app).includes(volume)) {
      throw appStorageFaults.fault("app-storage-failed", "there is no such volume of the app");
    }
    await image.lengthen(this.#sizeFor(sizeBytesMax));
    if (image.isMounted && this.#resizesMounted) await image.fillMounted();
  }

  async mountVolume(app: string, volume: string, owner: Owner): Promise<void> {
    const image = this.#image(app, volume);
    if (!this.#resizesMounted) await orAsItIs(() => image.fillByCopy());
    await image.mount();
    if (this.#resizesMounted) await orAsItIs(() => image.fillMounted());
    image.contentFolder(owner, 0o755);
  }

  async dropVolumes(app: string, volumes: readonly string[]): Promise<void> {
    for (const volume of volumes) await patiently(() => this.#image(app, volume).unmount());
    // What was cut off while it was made goes, too.
    const names = volumes.map(fileOf).flatMap((name) => [name, `${name}${unfinishedMark}`]);
    await this.#gone.remove(names.map((name) => join(this.#volumes(app), name)));
  }

  volumesOf(app: string): readonly string[] {
    return volumesIn(this.#volumes(app));
  }

  usedBytes(app: string): Readonly<Record<string, number>> {
    const taken = (volume: string): number => takenBytes(join(this.#volumes(app), fileOf(volume)));
    return Object.fromEntries(this.volumesOf(app).map((volume) => [volume, taken(volume)]));
  }

  boundBytes(app: string): Readonly<Record<string, number>> {
    const bound = (volume: string): number => boundBytes(join(this.#volumes(app), fileOf(volume)));
    return Object.fromEntries(this.volumesOf(app).map((volume) => [volume, bound(volume)]));
  }

  promisedBytes(): Readonly<Record<string, number>> {
    const folder = this.#volumes("");
    const promises = (isThere(folder) ? readdirSync(folder) : []).flatMap((app) => {
      const bytes = this.volumesOf(app).map((volume) => untakenBytes(join(this.#volumes(app), fileOf(volume))));
      return bytes.length === 0 ? [] : [[app, bytes.reduce((sum, one) => sum + one)] as const];
    });
    return Object.fromEntries(promises);
  }

  #snapshotFolder(id: string): string {
    return join(this.#folder, "snapshots", id);
  }

  snapshots(): ReadonlyMap<string, "complete" | "partial"> {
    const folder = this.#snapshotFolder("");
    if (!isThere(folder)) return new Map();
    return new Map(
      readdirSync(folder).map((name) =>
        name.endsWith(partialMark) ? [name.slice(0, -partialMark.length), "partial"] : [name, "complete"],
      ),
    );
  }

  snapshotBytes(id: string): Readonly<Record<string, number>> {
    const folder = this.#snapshotFolder(id);
    const taken = (volume: string): number => takenBytes(join(folder, fileOf(volume)));
    return Object.fromEntries(volumesIn(folder).map((volume) => [volume, taken(volume)]));
  }

  async snapshot(id: string, app: string, volumes: readonly string[]): Promise<void> {
    const [whole, partial] = [this.#snapshotFolder(id), `${this.#snapshotFolder(id)}${partialMark}`];
    await this.#gone.remove([whole, partial]);
    await this.#made(partial, async () => {
      mkdirSync(partial, { recursive: true, mode: 0o700 });
      for (const volume of volumes) {
        const copy = join(partial, fileOf(volume));
        await this.#image(app, volume).whileStill(() => {
          this.#frozen();
          return copyFile(join(this.#volumes(app), fileOf(volume)), copy);
        });
        await this.#room.keep();
        await syncPath(copy);
      }
      await syncPath(partial);
    });
    renameSync(partial, whole);
    await syncPath(dirname(whole));
  }

  async restore(id: string, app: string, volumes: readonly string[]): Promise<void> {
    mkdirSync(this.#volumes(app), { recursive: true, mode: 0o700 });
    for (const volume of volumes) {
      await patiently(() => this.#image(app, volume).unmount());
      const path = join(this.#volumes(app), fileOf(volume));
      const copy = join(this.#snapshotFolder(id), fileOf(volume));
      try {
        await this.#replace(path, copy);
      } catch (error) {
        if (!isFault(error, "disk-full") || !isThere(path)) throw error;
        // It is given up in any case, and the copy is whole: its room is what the copy lacks beside it.
        await this.#gone.remove([path]);
        await this.#replace(path, copy);
      }
      await this.#room.keep();
    }
    await syncPath(this.#volumes(app));
  }

  async #replace(path: string, copy: string): Promise<void> {
    const next = `${path}${unfinishedMark}`;
    await this.#made(next, async () => {
      await copyFile(copy, next);
      await this.#room.keep();
      await syncPath(next);
    });
    renameSync(next, path);
  }

  /** What has no room while something else is on its way out is made again after that. */
  async #made(path: string, make: () => Promise<void>): Promise<void> {
    try {
      await this.#orGone(path, make);
    } catch (error) {
      if (!isFault(error, "disk-full") || !this.#gone.isEmptying) throw error;
      await this.freed().catch(() => undefined);
      await this.#orGone(path, make);
    }
  }

  /** What cannot be made whole goes: on a disk that is full nothing else would give its room back. */
  async #orGone(path: string, make: () => Promise<void>): Promise<void> {
    try {
      await make();
    } catch (error) {
      // Why it was not made is told; the next try removes it first.
      await this.#gone.remove([path]).catch(() => undefined);
      throw error;
    }
  }

  freed(): Promise<void> {
    return this.#gone.freed();
  }

  async moveOwners(app: string, volumes: readonly string[], range: IdMove): Promise<void> {
    for (const volume of volumes) {
      await this.#image(app, volume).mount();
      await moveOwners(this.volumeFolder(app, volume), range);
    }
  }

  dropSnapshot(id: string): Promise<void> {
    return this.#gone.remove(["", partialMark].map((end) => `${this.#snapshotFolder(id)}${end}`));
  }

  #trash(id: string): string {
    return join(this.#folder, "trash", id);
  }

  async intoTrash(trash: string, app: string, volumes: readonly string[]): Promise<void> {
    for (const volume of this.volumesOf(app)) await patiently(() => this.#image(app, volume).unmount());
    this.#removeMountPoints(app);
    await this.#move(this.#volumes(app), this.#trash(trash), volumes);
    await this.#forgetUnfinished(this.#volumes(app));
  }

  #removeMountPoints(app: string): void {
    const folder = join(this.#mountFolder, "volumes", app);
    if (!isThere(folder)) return;
    // Never more than empty folders: what is mounted in one is data.
    for (const path of [...readdirSync(folder).map((name) => join(folder, name)), folder]) removeEmpty(path);
  }

  /** What was cut off while it was made; the folder, if nothing else is in it. */
  async #forgetUnfinished(folder: string): Promise<void> {
    if (!isThere(folder)) return;
    const unfinished = readdirSync(folder).filter((name) => name.endsWith(unfinishedMark));
    await this.#gone.remove(unfinished.map((name) => join(folder, name)));
    removeEmpty(folder);
  }

  async outOfTrash(trash: string, app: string, volumes: readonly string[]): Promise<void> {
    await this.#move(this.#trash(trash), this.#volumes(app), volumes);
    await this.#gone.remove([this.#trash(trash)]);
  }

  /** What is not there any more was moved before; what is there already is never overwritten. */
  async #move(from: string, to: string, volumes: readonly string[]): Promise<void> {
    mkdirSync(to, { recursive: true, mode: 0o700 });
    for (const volume of volumes) {
      const [source, target] = [join(from, fileOf(volume)), join(to, fileOf(volume))];
      if (isThere(source) && !isThere(target)) renameSync(source, target);
    }
    for (const path of [from, to]) if (isThere(path)) await syncPath(path);
  }

  purgeTrash(trash: string): Promise<void> {
    return this.#gone.remove([this.#trash(trash)]);
  }

  /** Beside the runtime's files: containers' accounts cannot read in a folder of encrypted files. */
  #secrets(app: string): string {
    return join(this.runtimeFolder, "../secrets", app);
  }

  secretFile(app: string, name: string): string {
    return join(this.#secrets(app), name);
  }

  writeSecret(app: string, name: string, value: string, owner: Owner): void {
    // The files are bound into containers one by one; the folder is nobody's but the device's.
    mkdirSync(this.#secrets(app), { recursive: true, mode: 0o700 });
    const path = this.secretFile(app, name);
    // In place, because a container may have the file bound.
    writeFileSync(path, value, { mode: 0o400 });
    chmodSync(path, 0o400);
    chownSync(path, owner.uid, owner.gid);
  }

  removeSecrets(app: string): void {
    rmSync(this.#secrets(app), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    // What is left of it goes at the next start.
    await this.#gone.stop();
    this.#isSettled = false;
    for (const path of this.#mounted()) {
      if (mountsOn(path, this.#view.table).length > 0) await patiently(() => this.#view.run("/bin/umount", [path]));
    }
  }
}

/** A volume that cannot be made as large as it may be is of use all the same; the next mount tries it again. */
async function orAsItIs(grow: () => Promise<void>): Promise<void> {
  try {
    await grow();
  } catch (error) {
    if (!isFault(error)) throw error;
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EBUSY") throw error;
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
