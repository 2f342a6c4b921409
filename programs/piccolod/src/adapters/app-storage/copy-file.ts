import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { appStorageFaults } from "../../apps/runtime/app-storage.ts";
import { runProgram } from "./run-program.ts";

/** Of the largest volume on the slowest disk. */
export const copyMs = 12 * 3_600_000;

/** Only what is used of it is copied, or shared where the file system can. */
function copyUsed(from: string, to: string): Promise<void> {
  return runProgram("/bin/cp", ["--reflink=auto", "--sparse=always", "--", from, to], copyMs);
}

/**
 * What was there goes first. Throws `disk-full`, and `app-storage-failed` where the copy has not the size of what was
 * copied: a file system that ends early would be missed only when it is needed.
 */
export async function copyFile(from: string, to: string, copy = copyUsed): Promise<void> {
  await rm(to, { force: true });
  await copy(from, to);
  // Nobody writes to it meanwhile, and nobody makes it larger.
  const [size, copied] = [statSync(from).size, statSync(to).size];
  if (copied === size) return;
  await rm(to, { force: true });
  const cause = new Error(`${copied} bytes of ${size}`);
  throw appStorageFaults.fault("app-storage-failed", "the copy of the app's data has another size than the data", {
    cause,
  });
}
