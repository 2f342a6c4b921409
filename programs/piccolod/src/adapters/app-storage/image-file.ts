import { chownSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isFault } from "@piccolo/fault";
import { fsyncPath } from "../volume/key-check.ts";
import { mountsOn } from "../volume/mounts.ts";
import { growByCopy, growMounted, isShort, largestBytes } from "./larger-image.ts";
import { mend } from "./mend.ts";
import { type MountView, ownView, runProgram } from "./run-program.ts";
import { syncPath } from "./sync-path.ts";

/** What is an app's own in it; beside it lies what a file system has for itself. */
export const contentName = "content";

/** All that waits to be written goes to the disk first, and nothing can end that. */
const freezeMs = 30 * 60_000;
const thawTries = 5;
const thawPauseMs = 200;
const unusedTries = 10;
const unusedPauseMs = 100;
/**
 * Small file systems would get blocks with which they could not grow beyond 256 GiB. The smallest keep them: larger ones
 * would leave them nothing but a journal.
 */
const largeBlocksBytes = 64 * 1024 * 1024;

/** Tables and journal are zeroed when they are used, and nothing is kept back for an administrator. */
const quietly = ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"];

/** Whether it is there. Throws where that cannot be found out, such as on a volume nobody serves any more. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** After a crash in the middle of a copy the file system is still frozen, and whoever writes to it waits for ever. */
export async function thaw(mountPoint: string): Promise<void> {
  // It is refused where nothing is frozen.
  await runProgram("/sbin/fsfreeze", ["--unfreeze", mountPoint]).catch(() => undefined);
}

/** Names of the loop devices that stand on the file. */
export function loopsOn(path: string): readonly string[] {
  return readdirSync("/sys/block").filter((name) => {
    try {
      return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trimEnd() === path;
    } catch {
      return false;
    }
  });
}

/** Throws where it stays frozen after some tries. */
async function unfreeze(mountPoint: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runProgram("/sbin/fsfreeze", ["--unfreeze", mountPoint]);
    } catch (error) {
      if (attempt >= thawTries) throw error;
      await delay(thawPauseMs);
    }
  }
}

/**
 * A file that holds a file system of a fixed size, and takes only the room that is used of it. So an app's volume is
 * bounded by the kernel itself, wherever the file lies, and a container finds a file system that knows owners and
 * capabilities, which one of encrypted files does only in part.
 */
export class ImageFile {
  readonly #path: string;
  readonly #mountPoint: string;
  readonly #view: MountView;

  constructor(path: string, mountPoint: string, view: MountView = ownView) {
    this.#path = path;
    this.#mountPoint = mountPoint;
    this.#view = view;
  }

  get isMounted(): boolean {
    return mountsOn(this.#mountPoint, this.#view.table).length > 0;
  }

  /**
   * Makes the file where it is missing: after a crash there is a whole one or none. `from`: a folder whose content it
   * begins with.
   */
  async create(sizeBytes: number, from?: string): Promise<void> {
    if (isThere(this.#path)) return;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const blocks = sizeBytes < largeBlocksBytes ? [] : ["-b", "4096"];
    const next = `${this.#path}.new`;
    await rm(next, { force: true });
    const file = await open(next, "wx", 0o600);
    try {
      await file.truncate(sizeBytes);
      await runProgram("/sbin/mkfs.ext4", [...quietly, ...(from === undefined ? [] : ["-d", from]), ...blocks, next]);
      await file.sync();
    } finally {
      await file.close();
    }
    renameSync(next, this.#path);
    await syncPath(dirname(this.#path));
  }

  /** Makes the file larger, and never smaller; its file system fills it later. After a crash it has either size. */
  async lengthen(sizeBytes: number): Promise<void> {
    const wanted = Math.min(sizeBytes, largestBytes(this.#path));
    if (wanted <= statSync(this.#path).size) return;
    const file = await open(this.#path, "r+");
    try {
      await file.truncate(wanted);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Of one that is mounted. Throws `disk-full`, `app-storage-failed`. */
  async fillMounted(): Promise<void> {
    if (!isShort(this.#path)) return;
    const [{ source } = { source: undefined }] = mountsOn(this.#mountPoint, this.#view.table);
    if (source !== undefined) await growMounted(source, this.#view);
  }

  /** Of one that is not mounted, unless somebody else uses it. Throws `disk-full`, `app-storage-failed`. */
  async fillByCopy(): Promise<void> {
    if (this.isMounted || !isShort(this.#path) || !(await this.#isUnused())) return;
    await growByCopy(this.#path);
  }

  /**
   * No device files and no programs that take another's rights, whatever an app puts there. A file system that has told of
   * errors, or has given itself up after a write below it failed, is mended first, unless somebody else uses it: then it
   * is mounted as it is. Throws `app-storage-failed`, `disk-full`, and `app-data-damaged` where it cannot be mended without
   * a person.
   */
  async mount(options: readonly string[] = ["nosuid", "nodev"]): Promise<void> {
    if (this.isMounted) {
      if (!this.#isThisFileMounted()) await this.letGo();
      else if (!this.#hasErrors() || !(await this.#isPutAway())) return;
    }
    mkdirSync(this.#mountPoint, { recursive: true, mode: 0o700 });
    if (await this.#isUnused()) await mend(this.#path);
    await this.#view.run("/bin/mount", [
      "-t",
      "ext4",
      "-o",
      ["loop", ...options].join(","),
      this.#path,
      this.#mountPoint,
    ]);
  }

  /**
   * Has it mounted, made where it is missing, and made anew where it is damaged beyond mending: nothing in it is worth
   * keeping. As `create` and `mount`.
   */
  async mountDisposable(sizeBytes: number, options: readonly string[], from?: string): Promise<void> {
    await this.create(sizeBytes, from);
    try {
      await this.mount(options);
    } catch (error) {
      if (!isFault(error, "app-data-damaged")) throw error;
      await rm(this.#path);
      await this.create(sizeBytes, from);
      await this.mount(options);
    }
  }

  /** What the kernel has found wrong since the file system was last mended. */
  #hasErrors(): boolean {
    return mountsOn(this.#mountPoint, this.#view.table).some(({ source }) => {
      const count = `/sys/fs/ext4/${basename(source)}/errors_count`;
      return isThere(count) && Number(readFileSync(count, "utf8")) > 0;
    });
  }

  /** Whether it is not mounted here any more; what is busy stays. */
  async #isPutAway(): Promise<boolean> {
    try {
      await this.unmount();
      return true;
    } catch {
      return false;
    }
  }

  /** Whoever has just ended may have it for a moment longer; a container that runs has it in a view of its own. */
  async #isUnused(): Promise<boolean> {
    for (let attempt = 1; loopsOn(this.#path).length > 0; attempt++) {
      if (attempt >= unusedTries) return false;
      await delay(unusedPauseMs);
    }
    return true;
  }

  /**
   * Whether what is mounted is another file: of a volume that went away and came back, all files are others, and those
   * of before answer with nothing but errors.
   */
  get isStale(): boolean {
    return this.isMounted && !this.#isThisFileMounted();
  }

  #isThisFileMounted(): boolean {
    return mountsOn(this.#mountPoint, this.#view.table).every(({ source }) => {
      const backing = `/sys/block/${basename(source)}/loop/backing_file`;
      return isThere(backing) && readFileSync(backing, "utf8").trimEnd() === this.#path;
    });
  }

  /** Takes away whatever is mounted; who uses it keeps it until it ends. */
  async letGo(): Promise<void> {
    for (let left = mountsOn(this.#mountPoint, this.#view.table).length; left > 0; left--) {
      await this.#view.run("/bin/umount", ["--lazy", this.#mountPoint]);
    }
  }

  /** A folder in it, made where it is missing; whole volumes have one of the file system's own beside it. */
  contentFolder(owner: { readonly uid: number; readonly gid: number }, mode: number): string {
    const path = `${this.#mountPoint}/${contentName}`;
    if (isThere(path)) return path;
    const next = `${path}.new`;
    rmSync(next, { recursive: true, force: true });
    mkdirSync(next, { mode });
    chownSync(next, owner.uid, owner.gid);
    fsyncPath(next);
    renameSync(next, path);
    fsyncPath(this.#mountPoint);
    return path;
  }

  async unmount(): Promise<void> {
    if (this.isMounted) await this.#view.run("/bin/umount", [this.#mountPoint]);
  }

  /** While `copy` reads the file, nothing in it changes: what uses the file system waits meanwhile. */
  async whileStill(copy: () => Promise<void>): Promise<void> {
    if (!this.isMounted) return copy();
    try {
      await runProgram("/sbin/fsfreeze", ["--freeze", this.#mountPoint], freezeMs);
    } catch (error) {
      // One that was ended for taking too long has frozen it all the same. It is refused where nothing is frozen.
      await unfreeze(this.#mountPoint).catch(() => undefined);
      throw error;
    }
    try {
      await copy();
    } finally {
      await unfreeze(this.#mountPoint);
    }
    return undefined;
  }
}
