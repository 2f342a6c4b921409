/** Ends what a command left running inside a container. */
import { readdirSync, readFileSync } from "node:fs";
import { isProcessOf } from "./isolation.ts";

function parents(): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // Behind the name, which may have brackets and spaces in it.
      found.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function send(pid: number, signal: "SIGSTOP" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/**
 * Ends a process of the container and all that came from it. Each is halted before its own are looked for, so that none
 * makes another one unseen.
 */
export function endProcesses(first: number, containerId: string): void {
  const halted = new Set<number>();
  for (let found = [first]; found.length > 0;) {
    const own = found.filter((pid) => isProcessOf(pid, containerId));
    for (const pid of own) {
      send(pid, "SIGSTOP");
      halted.add(pid);
    }
    if (own.length === 0) break;
    found = [...parents()].flatMap(([pid, parent]) => (halted.has(parent) && !halted.has(pid) ? [pid] : []));
  }
  for (const pid of halted) send(pid, "SIGKILL");
}
