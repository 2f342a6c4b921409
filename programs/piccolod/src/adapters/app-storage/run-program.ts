import { execFile } from "node:child_process";
import { basename } from "node:path";
import { diskFaults } from "@piccolo/storage/ports";
import { appStorageFaults } from "../../apps/runtime/app-storage.ts";

const usualMs = 60_000;

/** Whether that is what one of the system's programs says of a failed write. */
export function saysDiskFull(said: string): boolean {
  return /no space left on device/i.test(said);
}

/** Runs one of the system's programs. Throws `disk-full`, `app-storage-failed` with its last words as the cause. */
export function runProgram(path: string, args: readonly string[], patienceMs = usualMs): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(
      path,
      [...args],
      { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }, timeout: patienceMs, killSignal: "SIGKILL" },
      (error, _out, said) => {
        if (error === null) {
          resolve();
          return;
        }
        if (saysDiskFull(said)) {
          reject(diskFaults.fault("disk-full", "there is no room left for the app's data"));
          return;
        }
        const cause = new Error(`${basename(path)}: ${said.trim().slice(-500) || error.message}`);
        reject(
          appStorageFaults.fault("app-storage-failed", "the room for the app's data could not be made ready", {
            cause,
          }),
        );
      },
    );
  });
}

/** In whose view of the file systems something is mounted. */
export interface MountView {
  readonly run: typeof runProgram;
  /** What stands before a command that is to have it. */
  readonly enter: readonly string[];
  /** Of its mounts; a file. */
  readonly table: string;
}

export const ownView: MountView = { run: runProgram, enter: [], table: "/proc/self/mountinfo" };

const enterSystem = ["--target", "1", "--mount", "--"];

/** The first process's: what is mounted in it is there for the whole system, and stays when this process ends. */
export const systemView: MountView = {
  run: (path, args, ...more) => runProgram("/usr/bin/nsenter", [...enterSystem, path, ...args], ...more),
  enter: ["nsenter", ...enterSystem],
  table: "/proc/1/mountinfo",
};
