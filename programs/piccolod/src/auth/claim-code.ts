/** The claim code, which proves the right to an unclaimed device: as it is, or as a slow hash where others may read the file. */
import { createHash, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { equalConstantTime, toUtf8 } from "@piccolo/bytes";

/** Read when it is needed, so that it is in memory for that moment only; undefined where there is no such file. */
export function readClaimCode(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

const hashed = /^scrypt-(\d{1,7})-(\d{1,2})-(\d{1,2}):([0-9a-f]{32}):([0-9a-f]{64})$/;
/** A file may not ask for more work than this; the throttle allows few attempts. */
const memoryBytesMax = 256 * 1024 * 1024;

/** Whether `given` is the code `expected` says: the code itself, or `scrypt-N-r-p:salt:hash` of it (`npm run release -- ignition`). */
export function isClaimCode(given: string, expected: string): boolean {
  const code = given.trim();
  if (!expected.startsWith("scrypt-")) return sameText(code, expected);
  const [, n, r, p, salt = "", hash = ""] = hashed.exec(expected) ?? [];
  const cost = { N: Number(n), r: Number(r), p: Number(p) };
  const isPower = cost.N > 1 && (cost.N & (cost.N - 1)) === 0;
  // What is no such hash, or asks for too much, opens to nobody.
  if (!isPower || cost.r < 1 || cost.p < 1 || cost.p > 4 || 128 * cost.N * cost.r > memoryBytesMax / 2) return false;
  const derived = scryptSync(code, Buffer.from(salt, "hex"), 32, { ...cost, maxmem: memoryBytesMax });
  return equalConstantTime(derived, Buffer.from(hash, "hex"));
}

/** Hashes first, so that not even the length shows in the time it takes. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string): Uint8Array => createHash("sha256").update(toUtf8(text)).digest();
  return equalConstantTime(digest(a), digest(b));
}
