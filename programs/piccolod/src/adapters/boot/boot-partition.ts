/** The EFI system partition, which is mounted for as long as something is read or written there, and never else. */
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { promisify } from "node:util";
import { bootControlFaults } from "../../system/boot-control.ts";

export interface BootPartition {
  /** One use at a time in a process. Throws `boot-partition-unreadable`. */
  use<Result>(access: "read" | "write", work: (folder: string) => Result): Promise<Result>;
}

/** A partition that is mounted where somebody else put it, or a folder that stands for one. */
export function openBootPartition(folder: string): BootPartition {
  return { use: async (_access, work) => work(folder) };
}

/** Runs a program. */
export type Run = (program: string, args: readonly string[]) => Promise<unknown>;

/** The last use of each mount point: the uses of one process come one after the other, however many partitions it made over it. */
const lastUses = new Map<string, Promise<unknown>>();

/** Mounts the partition below a folder of its own for each use. */
export function mountedBootPartition(
  device: string,
  folder: string,
  execute: Run = promisify(execFile),
): BootPartition {
  const run = async (program: string, args: readonly string[]): Promise<void> => {
    try {
      await execute(program, args);
    } catch (cause) {
      const message = `the boot partition cannot be used: ${program} failed`;
      throw bootControlFaults.fault("boot-partition-unreadable", message, { cause });
    }
  };
  const mounted = async <Result>(access: "read" | "write", work: (folder: string) => Result): Promise<Result> => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const options = `${access === "read" ? "ro" : "rw"},nosuid,nodev,noexec,umask=0077`;
    await run("/usr/bin/mount", ["-t", "vfat", "-o", options, device, folder]);
    try {
      return work(folder);
    } finally {
      await run("/usr/bin/umount", [folder]);
    }
  };
  return {
    use: (access, work) => {
      const result = (lastUses.get(folder) ?? Promise.resolve()).then(() => mounted(access, work));
      lastUses.set(
        folder,
        result.catch(() => undefined),
      );
      return result;
    },
  };
}
