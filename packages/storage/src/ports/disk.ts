/**
 * A folder on a disk, as the holder store and the spool need it. Paths are relative, with `/`, of names the stores
 * choose themselves. Failures are Faults: `not-found`, `disk-full`, `disk-error`.
 *
 * Durability: `createFile` has fsynced the content when it resolves, but the name itself, like a rename or a removal,
 * survives a power cut only after `syncFolder` of its folder has resolved.
 */
export interface Disk {
  /** Creates the file, or replaces its content; a crash meanwhile leaves no file, a part of it, or the whole. */
  createFile(path: string, content: readonly Uint8Array[]): Promise<void>;
  /** Exactly `length` bytes from `offset`, in memory of their own; fewer there are a `disk-error`. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  sizeBytes(path: string): Promise<number>;
  rename(from: string, to: string): Promise<void>;
  /** Removing what is not there is no error. */
  remove(path: string): Promise<void>;
  /** Creates the folder and its parents, durably. */
  makeFolder(path: string): Promise<void>;
  /** Names in the folder, in no order; an absent folder is empty. */
  list(path: string): Promise<readonly string[]>;
  syncFolder(path: string): Promise<void>;
  /** Room left for content, without what is kept for databases and logs. */
  freeBytes(): Promise<number>;
}
