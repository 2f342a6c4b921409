/**
 * The port to the bytes of local copies: they are read to be stored in the network, and written when they come back. A copy
 * that is being written is a partial one (`AppStorage.snapshots`) until `complete`. The adapter is
 * `adapters/app-storage/folder-snapshot-files.ts`; it serves the fake storage, too, in one suite with it.
 */

export interface SnapshotReader {
  readonly sizeBytes: number;
  /** Whether it is known, without reading it, that there is nothing but zeros or leftovers. */
  isUnused(at: number, length: number): boolean;
  /** Undefined where it is unused; what is read is the caller's. */
  read(at: number, length: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

export interface SnapshotWriter {
  /** What is there: zeros where nothing was written. */
  read(at: number, length: number): Promise<Uint8Array>;
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** What was written is on the disk afterwards. */
  close(): Promise<void>;
}

export interface SnapshotFiles {
  /** Of a complete copy. Throws `app-storage-failed` where there is none. */
  open(id: string, volume: string): Promise<SnapshotReader>;
  /** Makes the volume in a partial copy, or goes on with it. Throws `disk-full`. */
  openPartial(id: string, volume: string, sizeBytes: number): Promise<SnapshotWriter>;
  /** The partial copy, of these volumes and no others, is a complete one. Again is harmless. */
  complete(id: string, volumes: readonly string[]): Promise<void>;
}
