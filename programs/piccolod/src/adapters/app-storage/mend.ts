import { appStorageFaults } from "../../apps/runtime/app-storage.ts";
import { runCommand } from "../volume/command.ts";

/** Of the largest file system, looked through on the slowest disk. */
const mendMs = 12 * 3_600_000;
/** Of e2fsck: all was well, or is now. */
const mendedCodes: readonly (number | undefined)[] = [0, 1, 2];

/**
 * Only what e2fsck does without asking, and nothing where all is well, unless it is to look all the same. `path`: of a file
 * system nobody uses. Throws `app-storage-failed`.
 */
export async function mend(path: string, looks: "where-unwell" | "always" = "where-unwell"): Promise<void> {
  const force = looks === "always" ? ["-f"] : [];
  const { code, stdout, stderr } = await runCommand("e2fsck", [...force, "-p", path], { timeoutMs: mendMs });
  if (mendedCodes.includes(code)) return;
  const why = "the app's data is damaged more than can be mended by itself; bring it back from a backup";
  const cause = new Error(`e2fsck: ${code ?? "not run"}: ${`${stdout}${stderr}`.trim().slice(-500)}`);
  throw appStorageFaults.fault("app-storage-failed", why, { cause });
}
