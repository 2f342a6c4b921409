/**
 * The port to the volume that holds everything the device keeps, but for the outside record. The adapters, one per
 * backend, are in `adapters/volume`; all run the suite in `test-support/volume-suite.ts`.
 */
import { catalogue } from "@piccolo/fault";

export const volumeKeyBytes = 32;

/** What to do where the volume does not open any more. Whether the files lie anywhere else is not known outside of it. */
export const beginAnew = (how = "reset it or install it anew"): string =>
  `if the device was in a network, ${how}, and recover by the phrase; if it was in none, its files lie nowhere else, so keep the disk until somebody has looked at it`;

export const volumeFaults = catalogue({
  "volume-missing": {
    retry: "never",
    meaning: `The device had a volume and it is gone; put the disk back, or ${beginAnew()}.`,
  },
  "volume-damaged": {
    retry: "never",
    meaning: `The volume was damaged or changed from outside; ${beginAnew()}.`,
  },
  "volume-swapped": {
    retry: "never",
    meaning:
      "The volume that opened by itself is not the owner's: somebody changed the disk. Switch the device off, put its own disk back, or restore by the phrase on a device you trust.",
  },
  "volume-two-partitions": {
    retry: "later",
    meaning:
      "Two disks have a data partition of this name; switch the device off, take out the disk that is not its own, and start again.",
  },
  "volume-wrong-key": {
    retry: "never",
    meaning: "The key belongs to another volume; use the recovery phrase of the owner of this one.",
  },
  "volume-unavailable": {
    retry: "later",
    meaning: "This machine cannot mount the volume; install gocryptfs and fuse3 and allow the use of /dev/fuse.",
  },
  "volume-busy": {
    retry: "later",
    meaning: "A program still uses files of the volume; end it, then do it again.",
  },
});

/**
 * `absent`: none was made, or it is gone; `closed`: waits for its key; `open`: healthy, perhaps left open by a process
 * that crashed; `stale`: mounted, but what served it is dead; `damaged`: a part of its own files is missing.
 */
export type VolumeState = "absent" | "closed" | "open" | "stale" | "damaged";

export type VolumeBackend = "gocryptfs" | "luks2" | "plain-folder";

export interface Volume {
  readonly backend: VolumeBackend;
  /** Where the content lies while it is open; absolute. */
  readonly path: string;
  /** Throws `volume-two-partitions`, and `volume-unavailable` where it cannot be told. */
  state(): Promise<VolumeState>;
  /**
   * Makes an empty volume and opens it; after a crash there is a whole one or none. The key (32 bytes) stays the
   * caller's to erase, here and below. Throws `volume-busy` where there is one already, `volume-unavailable`.
   */
  create(key: Uint8Array): Promise<void>;
  /**
   * Opens it; one that is open already is left as it is, a stale one is cleaned away first. Throws `volume-missing`,
   * `volume-damaged`, `volume-wrong-key`, `volume-unavailable`.
   */
  open(key: Uint8Array): Promise<void>;
  /** Everything written is on the disk when it returns. Harmless when it is not open. */
  close(): Promise<void>;
  /** Closes it and removes all of it, for ever. */
  destroy(): Promise<void>;
  /** Keeps a copy of the record outside with the volume's own header, where the backend has room for one. */
  keepRecord?(record: Uint8Array): Promise<void>;
  /** The copy kept last, as untrusted as the record outside; undefined where there is none. */
  keptRecord?(): Promise<Uint8Array | undefined>;
}
