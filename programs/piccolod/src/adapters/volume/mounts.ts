/** What the kernel says of FUSE mounts: which there are, whether somebody still answers for them, and who. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A server that does not answer within this time is taken for dead. */
const answerMs = 3_000;

/** Spaces and the like are octal in the kernel's table. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** What is mounted on the path (which holds no symbolic link), innermost last: the kinds and sources. `table` is a process's. */
export function mountsOn(
  path: string,
  table = "/proc/self/mountinfo",
): readonly { readonly kind: string; readonly source: string }[] {
  return readFileSync(table, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [front = "", back = ""] = line.split(" - ", 2);
      if (unescape(front.split(" ")[4] ?? "") !== path) return [];
      const [kind = "", source = ""] = back.split(" ");
      return [{ kind, source: unescape(source) }];
    });
}

/**
 * Whether the file system on the path is served: a dead server gives an error at once, a stopped one nothing. What is asked is
 * how much room there is, since the kernel keeps a copy of attributes for a second and answers from it for a dead server.
 */
export async function answers(path: string): Promise<boolean> {
  const timeout = new AbortController();
  const late = delay(answerMs, false, { signal: timeout.signal }).catch(() => false);
  const asked = statfs(path).then(
    () => true,
    () => false,
  );
  const isAnswered = await Promise.race([asked, late]);
  timeout.abort();
  return isAnswered;
}

/** Processes of the program that serve the path, found by their arguments. */
export function serversOf(program: string, path: string): readonly number[] {
  return processesWith(program, (word) => word === path);
}

/** Processes of the program that have such an argument. */
export function processesWith(program: string, isSought: (word: string) => boolean): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        if (basename(readlinkSync(`/proc/${name}/exe`)) !== program) return [];
        const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
        return words.some(isSought) ? [Number(name)] : [];
      } catch {
        // It has ended meanwhile, or is another account's.
        return [];
      }
    });
}
