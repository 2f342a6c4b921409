/**
 * The port to where apps keep what lasts: images, volumes of bounded size, copies of volumes, and secrets as files. All
 * of it lies on the sealed volume. Each operation can be repeated, and one that is cut off leaves what was there or what
 * shall be there. The adapter is `adapters/app-storage`, the fake `test-support/folder-app-storage.ts`; both run the suite
 * `test-support/app-storage-suite.ts`.
 */
import { catalogue } from "@piccolo/fault";

export const appStorageFaults = catalogue({
  "app-storage-failed": {
    retry: "later",
    meaning: "Try again; where that does not help, restart the device, and report it with what is said here.",
  },
  "app-data-damaged": {
    retry: "never",
    meaning:
      "Uninstall that app and restore it from its newest backup; where there is none, report it with what is said here.",
  },
});

/** An account of the host. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Two ranges of 65,536 ids of the host, by their first. */
export interface IdMove {
  readonly from: number;
  readonly to: number;
}

export interface AppStorage {
  /** Where the container runtime keeps images and containers; there once `open` has returned. */
  readonly runtimeFolder: string;
  /** Makes the place ready; again is harmless. Throws `app-storage-failed`, `disk-full`. */
  open(): Promise<void>;
  freeBytes(): number;
  /** What the container runtime has written is on the disk when it returns: it does not see to that itself. */
  flushRuntime(): Promise<void>;

  /** Where it is, or will be, when it is mounted. */
  volumeFolder(app: string, volume: string): string;
  /** Makes it where it is missing; the app can write no more than the bound, whatever it does. */
  makeVolume(app: string, volume: string, sizeBytesMax: number): Promise<void>;
  /**
   * The app can write as much from now on, or from the next time the volume is mounted after nothing used it; where that
   * cannot be, it is tried again each time. A bound that is higher stays. Throws `app-storage-failed` where there is no such
   * volume.
   */
  raiseBound(app: string, volume: string, sizeBytesMax: number): Promise<void>;
  /** Has it mounted; an empty one becomes the owner's. Throws `app-data-damaged` where nothing but a copy brings it back. */
  mountVolume(app: string, volume: string, owner: Owner): Promise<void>;
  /** Volumes nothing uses are gone for good; others of the app may be in use. */
  dropVolumes(app: string, volumes: readonly string[]): Promise<void>;
  volumesOf(app: string): readonly string[];
  /** What each volume takes of the disk. */
  usedBytes(app: string): Readonly<Record<string, number>>;
  /** How much each volume of the app can hold at most. */
  boundBytes(app: string): Readonly<Record<string, number>>;
  /** By app that has volumes: what they may still take of the disk beyond what they take now. */
  promisedBytes(): Readonly<Record<string, number>>;

  /** By id; `partial` was cut off. */
  snapshots(): ReadonlyMap<string, "complete" | "partial">;
  /** What each volume of a complete copy takes of the disk; of a copy that is not there, none. */
  snapshotBytes(id: string): Readonly<Record<string, number>>;
  /** Of volumes nothing writes to at this moment. What was of that id is gone then. */
  snapshot(id: string, app: string, volumes: readonly string[]): Promise<void>;
  /** The volumes, which nothing uses, become what they were. */
  restore(id: string, app: string, volumes: readonly string[]): Promise<void>;
  /**
   * Files that belong to one range of ids belong to another one's same id afterwards; volumes nothing uses. What was cut
   * off is done again.
   */
  moveOwners(app: string, volumes: readonly string[], range: IdMove): Promise<void>;
  dropSnapshot(id: string): Promise<void>;
  intoTrash(trash: string, app: string, volumes: readonly string[]): Promise<void>;
  outOfTrash(trash: string, app: string, volumes: readonly string[]): Promise<void>;
  purgeTrash(trash: string): Promise<void>;
  /**
   * What was dropped or purged is away for good at once, and its room comes back by and by: this resolves when all of it is
   * free. Throws what the disk refused; that is tried again at the next start.
   */
  freed(): Promise<void>;

  secretFile(app: string, name: string): string;
  /** A file only the owner may read; what was there is replaced. */
  writeSecret(app: string, name: string, value: string, owner: Owner): void;
  removeSecrets(app: string): void;
  /** Nothing of it is mounted any more. */
  close(): Promise<void>;
}
