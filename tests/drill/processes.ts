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
