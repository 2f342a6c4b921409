/** What a disk that fails throws, in the place of a fault: a device that nobody looks after says it, and stays closed. */
import { constants } from "node:os";
import { type Fault, isFault } from "@piccolo/fault";
import { diskFaults } from "@piccolo/storage/ports";
import { stateFaults } from "../adapters/state-folder.ts";
import { databaseFaults } from "../db/faults.ts";
import { beginAnew, volumeFaults } from "./volume.ts";

const { errno } = constants;

/**
 * What the system says where a disk fails or is full, where its file system is damaged or read-only, and where something was planted in a
 * file's place. The last three are Linux's alone (asm-generic/errno.h).
 */
const ofDisks: ReadonlyMap<number, string> = new Map([
  [errno.EIO, "EIO"],
  [errno.ENXIO, "ENXIO"],
  [errno.ENODEV, "ENODEV"],
  [errno.EBUSY, "EBUSY"],
  [errno.ENOSPC, "ENOSPC"],
  [errno.EDQUOT, "EDQUOT"],
  [errno.EFBIG, "EFBIG"],
  [errno.EROFS, "EROFS"],
  [errno.EBADMSG, "EBADMSG"],
  [errno.ENODATA, "ENODATA"],
  [errno.ESTALE, "ESTALE"],
  [errno.EPERM, "EPERM"],
  [errno.EACCES, "EACCES"],
  [errno.EEXIST, "EEXIST"],
  [errno.ENOTDIR, "ENOTDIR"],
  [errno.EISDIR, "EISDIR"],
  [errno.ENOTEMPTY, "ENOTEMPTY"],
  [errno.ELOOP, "ELOOP"],
  [117, "EUCLEAN"],
  [121, "EREMOTEIO"],
  [123, "ENOMEDIUM"],
]);

/** SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_CANTOPEN and SQLITE_NOTADB. */
const ofDatabases: ReadonlySet<number> = new Set([10, 11, 13, 14, 26]);

/** A fault as it is, and what a disk that fails throws as `failureOfDisk` has it; undefined for what is neither, which is a bug. */
export function faultOfStart(error: unknown, volumePath: string): Fault | undefined {
  return failureOfDisk(error, volumePath) ?? (isFault(error) ? error : undefined);
}

/**
 * What a disk that fails throws, as `volume-damaged`, `database-damaged` or, for what lies beside the volume, `state-damaged`; undefined for
 * everything else. `volumePath` is where the open volume lies.
 */
export function failureOfDisk(error: unknown, volumePath: string): Fault | undefined {
  // The engine's disk is a folder of the volume.
  if (diskFaults.owns(error)) return ofVolume(error.message, error);
  if (isFault(error) || !(error instanceof Error)) return undefined;
  const found = error as { readonly errcode?: unknown; readonly errno?: unknown; readonly path?: unknown };
  if (typeof found.errcode === "number" && ofDatabases.has(found.errcode & 0xff)) {
    const message = `a database of the device cannot be read or written (${error.message})`;
    return databaseFaults.fault("database-damaged", message, { cause: error });
  }
  // What is said of an address is the network's.
  if (typeof found.errno !== "number" || "address" in error) return undefined;
  const code = ofDisks.get(Math.abs(found.errno));
  if (code === undefined) return undefined;
  if (typeof found.path === "string" && `${found.path}/`.startsWith(`${volumePath}/`)) return ofVolume(code, error);
  const { meaning } = stateFaults.entries["state-damaged"];
  return stateFaults.fault("state-damaged", `${meaning} (${code})`, { cause: error });
}

function ofVolume(because: string, cause: Error): Fault {
  const message = `the disk fails where the volume lies, or is full (${because}): restart the device; where that does not help, ${beginAnew("install it anew on another disk")}`;
  return volumeFaults.fault("volume-damaged", message, { cause });
}
