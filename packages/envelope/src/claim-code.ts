/** Claim codes: how they are made, typed, and kept as a hash (docs/spec/claim-code.md). */
import { argon2Sync } from "node:crypto";
import { equalConstantTime, fromBase64Url, toBase64Url, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";

/** Crockford's digits: none is taken for another. */
const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** 40 bits. */
const codeDigits = 8;
const saltBytes = 16;
const hashBytes = 32;
const cost = { memoryKiB: 65_536, passes: 3 };
const most = { memoryKiB: 262_144, passes: 10, textLength: 64 };
const pattern = /^argon2id\$(\d{1,6})\$(\d{1,2})\$([\w-]{22})\$([\w-]{43})$/;

/** As people read it from a screen: two groups of four. */
export function newClaimCode(world: Pick<World, "randomBytes">): string {
  const code = [...world.randomBytes(codeDigits)].map((byte) => digits[byte % digits.length] ?? "").join("");
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** What counts of a code that was typed: neither case nor hyphens and spaces, and no letters that look like digits. */
export function plainClaimCode(typed: string): string {
  return typed.normalize("NFKC").replaceAll(/[\s-]/g, "").toUpperCase().replaceAll("O", "0").replaceAll(/[IL]/g, "1");
}

/** Rows of keys and letters of which people take four and more; `os/root/usr/lib/piccolo/install` has the same, and so has it the words. */
const rows = [
  "01234567890",
  "09876543210",
  "abcdefghijklmnopqrstuvwxyz",
  "zyxwvutsrqponmlkjihgfedcba",
  "qwertyuiop",
  "qwertzuiop",
  "asdfghjkl",
  "zxcvbnm",
  "yxcvbnm",
];
const words =
  "password passw0rd 1q2w3e4r 1qaz2wsx iloveyou letmein welcome trustno1 changeme default secret admin master piccolo claimcode sunshine princess football baseball superman computer internet dragon monkey";
const rowLength = 4;
const least = { characters: 8, different: 4, digitsAlone: 12 };

/**
 * Whether a code of somebody's own is one that others try first: what is left without well-known words and rows of keys is short, repeats
 * itself, or is a date or a number (docs/spec/claim-code.md, C6). A code that is not may be easy nevertheless.
 */
export function isEasyClaimCode(code: string): boolean {
  let left = code.replaceAll(/[\s-]/g, "").toLowerCase();
  for (const word of words.split(" ")) left = left.replaceAll(word, "");
  for (const row of rows) {
    for (let at = 0; at + rowLength <= row.length; at++) left = left.replaceAll(row.slice(at, at + rowLength), "");
  }
  if (left.length < least.characters || new Set(left).size < least.different) return true;
  return left.length < least.digitsAlone && /^[^a-z]*$/.test(left);
}

/** A text that tells a right code from a wrong one, and costs who has it much work a guess. */
export function hashClaimCode(code: string, world: Pick<World, "randomBytes">): string {
  const salt = world.randomBytes(saltBytes);
  const hash = derive(code, salt, cost.memoryKiB, cost.passes);
  return ["argon2id", cost.memoryKiB, cost.passes, toBase64Url(salt), toBase64Url(hash)].join("$");
}

export function isHashedClaimCode(text: string): boolean {
  return text.startsWith("argon2id$");
}

/** A text that is no such hash matches nothing. */
export function matchesHash(text: string, typed: string): boolean {
  const [, memory = "", passes = "", salt = "", hash = ""] = pattern.exec(text) ?? [];
  const [memoryKiB, times] = [Number(memory), Number(passes)];
  if (memoryKiB < 8 || memoryKiB > most.memoryKiB || times < 1 || times > most.passes) return false;
  if (typed.length > most.textLength) return false;
  try {
    return equalConstantTime(derive(typed, fromBase64Url(salt), memoryKiB, times), fromBase64Url(hash));
  } catch {
    return false;
  }
}

function derive(code: string, salt: Uint8Array, memoryKiB: number, passes: number): Uint8Array {
  const message = toUtf8(plainClaimCode(code));
  return new Uint8Array(
    argon2Sync("argon2id", { message, nonce: salt, parallelism: 1, memory: memoryKiB, passes, tagLength: hashBytes }),
  );
}
