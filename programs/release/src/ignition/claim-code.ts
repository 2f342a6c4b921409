/** The claim code of a device to be, and the slow hash that stands for it where others may read. */
import { randomBytes, scryptSync } from "node:crypto";
import { toBase32 } from "@piccolo/bytes";

/** 128 MiB of memory for each guess; the daemon reads the numbers from the hash. */
const cost = { N: 131_072, r: 8, p: 1 } as const;

/** 50 random bits in two groups that are easy to type. */
export function makeClaimCode(): string {
  const text = toBase32(new Uint8Array(randomBytes(7))).toLowerCase();
  return `${text.slice(0, 5)}-${text.slice(5, 10)}`;
}

/** `scrypt-N-r-p:salt:hash`, as `claim-code` of a device may hold it instead of the code. */
export function hashClaimCode(code: string, salt: Uint8Array = new Uint8Array(randomBytes(16))): string {
  const hash = scryptSync(code.trim(), salt, 32, { ...cost, maxmem: 256 * 1024 * 1024 });
  return `scrypt-${cost.N}-${cost.r}-${cost.p}:${Buffer.from(salt).toString("hex")}:${hash.toString("hex")}`;
}
