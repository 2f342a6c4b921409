/**
 * The port to how the volume's room is divided: a reserve is the device's own, for its databases, and all the rest is for
 * content. So a full device still signs its owner in, deletes, changes settings and backs up its metadata. The adapters are
 * in `adapters/volume`, the suite in `test-support/room-suite.ts`.
 */
import { diskFaults } from "@piccolo/storage/ports";

/** What holds content, in the folder of all that lies on the volume: everything that others and apps can let grow. */
export const contentFolders = ["fragments", "spool", "apps"] as const;

const mebibyte = 1024 * 1024;
const leastReserveBytes = 32 * mebibyte;
const mostReserveBytes = 2 * 1024 * mebibyte;

/** A sixteenth of the volume, from 32 MiB to 2 GiB: databases grow with the disk, and a change of their schema doubles them. */
export function reserveOf(totalBytes: number): number {
  return Math.min(mostReserveBytes, Math.max(leastReserveBytes, Math.floor(totalBytes / 16)));
}

export interface Room {
  /**
   * `kernel`: whatever is written to the folders of content, the reserve stays. `asking`: the device asks before it
   * writes content itself; apps, and other programs of the machine, may take the reserve.
   */
  readonly keptBy: "kernel" | "asking";
  /** What content may still take; never negative. */
  freeBytes(): number;
  /** Brings the bound in line with what the device's own files take now. Throws `volume-unavailable`. */
  keep(): Promise<void>;
}

/** One addition to the owner's database, many times over. */
const additionBytes = mebibyte;

/** Whether there is room for one addition beside the reserve. */
export const hasRoom = (room: Pick<Room, "freeBytes">, bytes = additionBytes): boolean => room.freeBytes() >= bytes;

/** For what the owner adds to the content: refused while some of the reserve is left. Throws `disk-full`. */
export function assertRoom(room: Pick<Room, "freeBytes">, bytes = additionBytes): void {
  if (hasRoom(room, bytes)) return;
  throw diskFaults.fault(
    "disk-full",
    "this device's disk is full, so nothing can be added; delete files or remove an app, then do it again",
  );
}
