import { diskFaults } from "@piccolo/storage/ports";
import { appStorageFaults } from "../../apps/runtime/app-storage.ts";
import { type RunCommand, runCommand } from "../volume/command.ts";
import { saysDiskFull } from "./run-program.ts";

/** Of the largest file system, looked through on the slowest disk. */
const mendMs = 12 * 3_600_000;
/** Of e2fsck: all was well, or is now. */
const mendedCodes: readonly (number | undefined)[] = [0, 1, 2];
/** Beside whether something was mended: errors are left, and nothing kept it from finding and mending what it can. */
const leftCodes: readonly (number | undefined)[] = [4, 5, 6, 7];

/**
 * Only what e2fsck does without asking, and nothing where all is well, unless it is to look all the same. `path`: of a file
 * system nobody uses. Throws
 * `app-data-damaged` where it needs a person, `disk-full` where what its journal holds has no room, and `app-storage-failed`
 * where it could not be looked through, which says nothing of what is in it.
 */
export async function mend(
  path: string,
  looks: "where-unwell" | "always" = "where-unwell",
  run: RunCommand = runCommand,
): Promise<void> {
  const force = looks === "always" ? ["-f"] : [];
  const { code, stdout, stderr } = await run("e2fsck", [...force, "-p", path], { timeoutMs: mendMs });
  if (mendedCodes.includes(code)) return;
  const said = `${stdout}${stderr}`;
  if (saysDiskFull(said)) {
    throw diskFaults.fault(
      "disk-full",
      "the app's data is whole, and there is no room left for what was last written to it",
    );
  }
  const cause = new Error(`e2fsck: ${code ?? "not run"}: ${said.trim().slice(-500)}`);
  if (isDamaged(code, said)) {
    const why = "the app's data is damaged more than can be mended by itself; bring it back from a backup";
    throw appStorageFaults.fault("app-data-damaged", why, { cause });
  }
  throw appStorageFaults.fault("app-storage-failed", "the app's data could not be looked through before its use", {
    cause,
  });
}

function isDamaged(code: number | undefined, said: string): boolean {
  if (/bad magic number in super-block/i.test(said)) return true;
  // What it could not write it may have understood all the same.
  return leftCodes.includes(code) && !/error writing|short write|attempt to write/i.test(said);
}
