/** Which parts of a file system's image hold anything, by the file system's own word. */
import { type ChildProcess, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { createInterface } from "node:readline";

const program = "/sbin/dumpe2fs";
/** What is not known of a part is never skipped, so that a coarse map is enough. */
const partBytes = 1024 * 1024;

export interface UsedParts {
  /** Whether nothing of it belongs to a file or to the file system. */
  isUnused(at: number, length: number): boolean;
}

/**
 * Undefined where the whole image has to be read: it is none, or one whose journal still holds changes, so that its
 * account of what is free is not the last one.
 */
export async function usedParts(path: string): Promise<UsedParts | undefined> {
  const count = Math.ceil(statSync(path).size / partBytes);
  /** Bytes of each part that are free. */
  const free = new Uint32Array(count);
  let blockBytes = 0;
  let isClean = false;
  const lines = (text: string): void => {
    const [, name = "", value = ""] = /^\s*([A-Z][A-Za-z ]+):\s*(.*)$/.exec(text) ?? [];
    if (name === "Filesystem features") isClean = !/\bneeds_recovery\b/.test(value);
    else if (name === "Filesystem state") isClean = isClean && value === "clean";
    else if (name === "Block size") blockBytes = Number(value);
    else if (name === "Free blocks" && value.includes("-") && blockBytes > 0) addRanges(free, value, blockBytes);
  };
  if (!(await readLines(path, lines)) || !isClean || blockBytes === 0) return undefined;
  return {
    isUnused: (at, length) => {
      for (let part = Math.floor(at / partBytes); part * partBytes < at + length; part++) {
        if ((free[part] ?? 0) < partBytes) return false;
      }
      return true;
    },
  };
}

/** `12-40, 77, 90-91`, in blocks; both ends are in it. */
function addRanges(free: Uint32Array, text: string, blockBytes: number): void {
  for (const range of text.split(", ")) {
    const [first = Number.NaN, last = first] = range.split("-").map(Number);
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) continue;
    const end = (last + 1) * blockBytes;
    for (let at = first * blockBytes; at < end;) {
      const part = Math.floor(at / partBytes);
      const next = Math.min(end, (part + 1) * partBytes);
      if (part < free.length) free[part] = (free[part] ?? 0) + next - at;
      at = next;
    }
  }
}

/** Whether the program read all of it. */
async function readLines(path: string, line: (text: string) => void): Promise<boolean> {
  const child: ChildProcess = spawn(program, [path], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on("error", () => resolve(null));
    child.on("close", resolve);
  });
  // A child for which no descriptor is left has no streams, not even `null` for them.
  const input = child.stdout ?? undefined;
  if (input !== undefined) for await (const text of createInterface({ input })) line(text);
  return (await ended) === 0;
}
