import { readFileSync } from "node:fs";

/** Read when it is needed, so that it is in memory for that moment only; undefined where there is no such file. */
export function readClaimCode(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
