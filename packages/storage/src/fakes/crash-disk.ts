import { concat } from "@piccolo/bytes";
import { type Disk, diskFaults } from "../ports/index.ts";

interface Inode {
  /** What a reader sees now, and what a power cut leaves. */
  content: Uint8Array;
  durable: Uint8Array;
}

/** A change of a folder's names that `syncFolder` has not made durable yet. */
interface NameChange {
  readonly folder: string;
  readonly path: string;
  /** Undefined: the name goes. */
  readonly inode: Inode | undefined;
}

/** Something a crash may or may not have let reach the disk. */
export type Unsynced =
  | { readonly kind: "name"; readonly path: string; readonly added: boolean }
  | { readonly kind: "content"; readonly path: string; readonly bytes: number };

export interface CrashDiskOptions {
  /** Room for the contents of all files; unlimited when absent. */
  readonly capacityBytes?: number;
}

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const nothing = new Uint8Array(0);

/**
 * A disk in memory that loses at a power cut what a real one may lose: bytes that were not fsynced, and names, renames
 * and removals whose folder was not. A rename between folders is two changes, so that it survives whole only when both
 * folders were synced.
 */
export class CrashDisk implements Disk {
  capacityBytes: number;
  #files = new Map<string, Inode>();
  #durable = new Map<string, Inode>();
  #folders = new Set<string>([""]);
  #changes: NameChange[] = [];
  #life = 0;

  constructor(options: CrashDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
  }

  /**
   * Cuts the power: what is not durable is gone, except where `survives` says that it happened to reach the disk.
   * Operations under way reject and change nothing any more.
   */
  crash(survives: (what: Unsynced) => boolean = () => false): void {
    this.#life++;
    for (const change of this.#changes) {
      const added = change.inode !== undefined;
      if (!survives({ kind: "name", path: change.path, added })) continue;
      this.#apply(this.#durable, change);
    }
    this.#changes = [];
    for (const [path, inode] of this.#durable) {
      if (inode.content === inode.durable) continue;
      if (survives({ kind: "content", path, bytes: inode.content.length })) inode.durable = inode.content;
      inode.content = inode.durable;
    }
    this.#files = new Map(this.#durable);
  }

  /** Turns over one bit of a file, as a failing disk does. */
  damage(path: string, offset: number): void {
    const inode = this.#inode(path);
    const content = inode.content.slice();
    content[offset] = (content[offset] ?? 0) ^ 1;
    inode.content = content;
    inode.durable = content;
  }

  async createFile(path: string, content: readonly Uint8Array[]): Promise<void> {
    const life = this.#life;
    const bytes = concat(...content);
    if (!this.#folders.has(folderOf(path))) throw this.#absent(path);
    const existing = this.#files.get(path);
    const inode = existing ?? { content: nothing, durable: nothing };
    if (this.#usedBytes() - inode.content.length + bytes.length > this.capacityBytes) {
      throw diskFaults.fault("disk-full", "the disk is full; free some room, then do it again");
    }
    if (existing === undefined) this.#change({ folder: folderOf(path), path, inode });
    inode.durable = nothing;
    inode.content = bytes;
    await Promise.resolve();
    this.#alive(life);
    inode.durable = bytes;
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const { content } = this.#inode(path);
    if (offset + length > content.length) {
      throw diskFaults.fault("disk-error", `${path} ends after ${content.length} bytes`);
    }
    return this.#later(content.slice(offset, offset + length));
  }

  async sizeBytes(path: string): Promise<number> {
    return this.#later(this.#inode(path).content.length);
  }

  async rename(from: string, to: string): Promise<void> {
    const inode = this.#inode(from);
    if (!this.#folders.has(folderOf(to))) throw this.#absent(to);
    if (from !== to) {
      this.#change({ folder: folderOf(to), path: to, inode });
      this.#change({ folder: folderOf(from), path: from, inode: undefined });
    }
    return this.#later(undefined);
  }

  async remove(path: string): Promise<void> {
    if (this.#files.has(path)) this.#change({ folder: folderOf(path), path, inode: undefined });
    return this.#later(undefined);
  }

  async makeFolder(path: string): Promise<void> {
    for (let folder = path; folder !== ""; folder = folderOf(folder)) this.#folders.add(folder);
    return this.#later(undefined);
  }

  async list(path: string): Promise<readonly string[]> {
    const within = (candidate: string): boolean => candidate !== "" && folderOf(candidate) === path;
    return this.#later(
      [...this.#files.keys(), ...this.#folders]
        .filter(within)
        .map((entry) => (path === "" ? entry : entry.slice(path.length + 1))),
    );
  }

  async syncFolder(path: string): Promise<void> {
    const life = this.#life;
    if (!this.#folders.has(path)) throw this.#absent(path);
    const synced = new Set(this.#changes.filter((change) => change.folder === path));
    await Promise.resolve();
    this.#alive(life);
    for (const change of synced) this.#apply(this.#durable, change);
    this.#changes = this.#changes.filter((change) => !synced.has(change));
  }

  async freeBytes(): Promise<number> {
    return this.#later(Math.max(0, this.capacityBytes - this.#usedBytes()));
  }

  /** Lets others run, as every access of a real disk does, and ends what a power cut has overtaken. */
  async #later<T>(value: T): Promise<T> {
    const life = this.#life;
    await Promise.resolve();
    this.#alive(life);
    return value;
  }

  #alive(life: number): void {
    if (life !== this.#life) throw diskFaults.fault("disk-error", "the power was cut");
  }

  #change(change: NameChange): void {
    this.#changes.push(change);
    this.#apply(this.#files, change);
  }

  #apply(names: Map<string, Inode>, { path, inode }: NameChange): void {
    if (inode === undefined) names.delete(path);
    else names.set(path, inode);
  }

  #inode(path: string): Inode {
    const inode = this.#files.get(path);
    if (inode === undefined) throw this.#absent(path);
    return inode;
  }

  #usedBytes(): number {
    let sum = 0;
    for (const { content } of new Set(this.#files.values())) sum += content.length;
    return sum;
  }

  #absent(path: string): Error {
    return diskFaults.fault("not-found", `${path} is not on the disk`);
  }
}
