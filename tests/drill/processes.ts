import { readdirSync, readFileSync } from "node:fs";

/** Processes whose name it is, in all control groups of the machine. */
export function processesCalled(name: string): readonly number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Signals all of them, and says how many there still were: one may have ended since it was looked for. */
export function signalAll(pids: readonly number[], signal: "SIGKILL" | "SIGSTOP"): number {
  let reached = 0;
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
      reached++;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  return reached;
}
