import { rm } from "node:fs/promises";
import { runProgram } from "./run-program.ts";

/** Of the largest volume on the slowest disk. */
export const copyMs = 12 * 3_600_000;

/** Only what is used of it is copied, or shared where the file system can. */
export async function copyFile(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await runProgram("/bin/cp", ["--reflink=auto", "--sparse=always", "--", from, to], copyMs);
}
