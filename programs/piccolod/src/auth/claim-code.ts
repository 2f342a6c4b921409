/** The one-time code that proves that whoever claims the device has seen it, or installed it (docs/spec/claim-code.md). */
import { createHash } from "node:crypto";
import { equalConstantTime, fromUtf8, toUtf8 } from "@piccolo/bytes";
import { isHashedClaimCode, matchesHash, newClaimCode, plainClaimCode } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import { readPlainFile } from "../adapters/state-folder.ts";

/** As many as an installer reads (docs/spec/claim-code.md, C6). */
const codeBytesMax = 256;

export interface ClaimCodeOptions {
  /** What the installer left: a code, or the hash of one. Read when it is needed, to be in memory for that moment only. */
  readonly file: string;
  /** Makes a code of its own where the installer left none; undefined = the device cannot be claimed then. */
  readonly world: World | undefined;
}

export class ClaimCode {
  readonly #options: ClaimCodeOptions;
  #own: string | undefined;

  constructor(options: ClaimCodeOptions) {
    this.#options = options;
  }

  matches(given: string): boolean {
    const left = readCode(this.#options.file);
    if (left !== undefined && isHashedClaimCode(left)) return matchesHash(left, given);
    const expected = left ?? this.#own;
    return expected !== undefined && sameText(plainClaimCode(given), plainClaimCode(expected));
  }

  /** There is an owner: whoever reads it off a picture of the screen has nothing. */
  forget(): void {
    this.#own = undefined;
  }

  /** A code for the screen, another one each time; undefined where the installer's is the one that counts. */
  renew(): string | undefined {
    const { file, world } = this.#options;
    this.#own = world === undefined || readCode(file) !== undefined ? undefined : newClaimCode(world);
    return this.#own;
  }
}

/** What is no such file is nobody's code: whoever had the disk in hands can have put it there, or taken the true one away. */
function readCode(path: string): string | undefined {
  try {
    const content = readPlainFile(path, codeBytesMax);
    const code = content === undefined ? "" : fromUtf8(content).trim();
    return code === "" ? undefined : code;
  } catch {
    return undefined;
  }
}

/** Hashes first, so that not even the length shows in the time it takes. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string): Uint8Array => createHash("sha256").update(toUtf8(text)).digest();
  return equalConstantTime(digest(a), digest(b));
}
