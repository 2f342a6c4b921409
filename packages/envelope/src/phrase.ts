import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { equalConstantTime, toHex } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { wordlist as words } from "@scure/bip39/wordlists/english.js";
import { type Ed25519Key, ed25519FromSeed, ed25519KeyBytes } from "./ed25519.ts";
import { envelopeFaults } from "./faults.ts";
import { deriveKey, secretBytes } from "./key-tree.ts";

export const phraseWords = 24;
export const locatorBytes = 32;

const wordBits = 11;
const prefixLetters = 4;
const suggestionsMax = 3;
// Longer text is no phrase; nothing is compared with the list for it.
const textLengthMax = 2048;
const wordIndex: ReadonlyMap<string, number> = new Map(words.map((word, index) => [word, index]));

/** A word that is not in the list. It says something of a secret, so it is shown to who typed it and never logged. */
export interface MisspeltWord {
  /** From 1. */
  readonly position: number;
  /** Up to three words of the list, the nearest first. */
  readonly suggestions: readonly string[];
}

/**
 * What derives from the 256 bits of a recovery phrase, while it is needed. JSON and inspection show only the locator.
 * Everything secret throws `locked` once `erase` was called.
 */
export interface Phrase {
  /** 32 public bytes under which the sealed slot lies: a hash of the locator key. */
  readonly locator: Uint8Array;
  /** Signs what proves that the phrase is known. */
  readonly locatorKey: Ed25519Key;
  /** A copy of the key (32 bytes) that wraps the root secret; the caller's to erase. */
  slotKey(): Uint8Array;
  /** Overwrites the slot key and lets go of the locator key. Harmless when called twice. */
  erase(): void;
}

/** The locator of a locator key (32 raw bytes): whoever holds the key, and nobody else, can prove that it is theirs. */
export function locatorOf(locatorKey: Uint8Array): Uint8Array {
  assert.equal(locatorKey.length, ed25519KeyBytes);
  return new Uint8Array(createHash("sha256").update("piccolo/slots/v1/locator\0").update(locatorKey).digest());
}

class DerivedPhrase implements Phrase {
  readonly locator: Uint8Array;
  #secrets: { readonly slotKey: Uint8Array; readonly locatorKey: Ed25519Key } | undefined;

  constructor(entropy: Uint8Array) {
    const seed = deriveKey(entropy, "locator-key");
    const locatorKey = ed25519FromSeed(seed);
    seed.fill(0);
    this.#secrets = { slotKey: deriveKey(entropy, "phrase-slot-key"), locatorKey };
    this.locator = locatorOf(locatorKey.publicKey);
  }

  #held(): { readonly slotKey: Uint8Array; readonly locatorKey: Ed25519Key } {
    if (this.#secrets === undefined) {
      throw envelopeFaults.fault("locked", "the recovery phrase is no longer in memory: enter it again");
    }
    return this.#secrets;
  }

  get locatorKey(): Ed25519Key {
    return this.#held().locatorKey;
  }

  slotKey(): Uint8Array {
    return new Uint8Array(this.#held().slotKey);
  }

  erase(): void {
    this.#secrets?.slotKey.fill(0);
    this.#secrets = undefined;
  }

  toJSON(): unknown {
    return { locator: toHex(this.locator), secrets: "redacted" };
  }
}

/** 24 words of the list for 32 bytes of entropy, by BIP39: the entropy and one byte of its SHA-256, 11 bits a word. */
function wordsOf(entropy: Uint8Array): string[] {
  const checksum = checksumOf(entropy);
  const indexes: number[] = [];
  let buffer = 0;
  let bits = 0;
  for (const byte of [...entropy, checksum]) {
    buffer = ((buffer << 8) | byte) & 0x7_ffff;
    bits += 8;
    if (bits < wordBits) continue;
    bits -= wordBits;
    indexes.push((buffer >>> bits) & 0x7ff);
  }
  return indexes.map((index) => {
    const word = words[index];
    assert.ok(word !== undefined);
    return word;
  });
}

function checksumOf(entropy: Uint8Array): number {
  const [first = 0] = createHash("sha256").update(entropy).digest();
  return first;
}

/** A fresh recovery phrase. It is shown once and kept nowhere: strings cannot be erased, so let go of it soon. */
export function newPhrase(world: World): string[] {
  const entropy = world.randomBytes(secretBytes);
  const chosen = wordsOf(entropy);
  entropy.fill(0);
  return chosen;
}

/** The typed words: case, accents, commas, line ends and the numbers of a printed list do not matter. */
function typedWords(text: string): string[] {
  if (text.length > textLengthMax) {
    throw envelopeFaults.fault("phrase-length", `the text is too long for a recovery phrase of ${phraseWords} words`);
  }
  return text
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .split(/[\s,;]+/u)
    .filter((typed) => /[^\p{N}\p{P}]/u.test(typed));
}

/** The index of a word or of an unambiguous beginning of at least four letters; the list's first four letters are unique. */
function indexOf(typed: string): number | undefined {
  const whole = wordIndex.get(typed);
  if (whole !== undefined || typed.length < prefixLetters) return whole;
  const index = words.findIndex((word) => word.startsWith(typed));
  return index < 0 ? undefined : index;
}

/** Insertions, deletions, changes and swaps of neighbours that turn one word into the other. */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = (previous[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let least = Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        least = Math.min(least, (beforePrevious[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[to.length] ?? 0;
}

function suggestionsFor(typed: string): string[] {
  const word = typed.slice(0, 2 * words.reduce((longest, { length }) => Math.max(longest, length), 0));
  // With more than a third of the letters wrong it is another word; a suggestion would only mislead.
  const farthest = Math.max(1, Math.floor(word.length / 3));
  return words
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .filter(({ distance }) => distance <= farthest)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, suggestionsMax)
    .map(({ candidate }) => candidate);
}

/**
 * The words of a typed phrase that are not in the list, with suggestions. For the answer to the person who typed it: it
 * MUST NOT reach a log or a fault, whose details both keep to positions. Throws `phrase-length` for very long text.
 */
export function misspeltWords(text: string): readonly MisspeltWord[] {
  return typedWords(text)
    .slice(0, phraseWords)
    .flatMap((typed, at) =>
      indexOf(typed) === undefined ? [{ position: at + 1, suggestions: suggestionsFor(typed) }] : [],
    );
}

/**
 * Reads a typed recovery phrase. Throws `phrase-misspelt` (details: `positions`, from 1), `phrase-length` (details:
 * `words`) or `phrase-checksum`; no fault repeats anything that was typed. Words may be cut to their first four letters.
 */
export function parsePhrase(text: string): Phrase {
  const typed = typedWords(text);
  const indexes = typed.slice(0, phraseWords).map(indexOf);
  const positions = indexes.flatMap((index, at) => (index === undefined ? [at + 1] : []));
  if (positions.length > 0) {
    throw envelopeFaults.fault(
      "phrase-misspelt",
      `not in the list of words: number ${positions.join(", ")}; look at the paper and try again`,
      { details: { positions } },
    );
  }
  if (typed.length !== phraseWords) {
    throw envelopeFaults.fault(
      "phrase-length",
      `the phrase has ${typed.length} words instead of ${phraseWords}: enter all of them in order`,
      { details: { words: typed.length } },
    );
  }
  const bytes = new Uint8Array(secretBytes + 1);
  for (const [at, index = 0] of indexes.entries()) {
    for (let bit = 0; bit < wordBits; bit++) {
      const target = at * wordBits + bit;
      const value = (index >>> (wordBits - 1 - bit)) & 1;
      bytes[target >>> 3] = (bytes[target >>> 3] ?? 0) | (value << (7 - (target & 7)));
    }
  }
  const entropy = bytes.subarray(0, secretBytes);
  const fits = equalConstantTime(bytes.subarray(secretBytes), new Uint8Array([checksumOf(entropy)]));
  const phrase = fits ? new DerivedPhrase(entropy) : undefined;
  bytes.fill(0);
  if (phrase === undefined) {
    throw envelopeFaults.fault(
      "phrase-checksum",
      "the words do not fit together: a word is replaced by another one of the list, or the order differs",
    );
  }
  return phrase;
}
