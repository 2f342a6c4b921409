import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { SeededWorld, type World } from "@piccolo/world";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import fc from "fast-check";
import { misspeltWords, newPhrase, parsePhrase } from "./phrase.ts";

const world = new SeededWorld("phrase");

function phraseOf(entropy: Uint8Array): string[] {
  const fixed: World = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
    randomBytes: () => new Uint8Array(entropy),
  };
  return newPhrase(fixed);
}

// From the vectors of the BIP39 reference implementation, those with 256 bits.
const published: readonly (readonly [string, string])[] = [
  ["00".repeat(32), `${"abandon ".repeat(23)}art`],
  [
    "7f".repeat(32),
    "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
  ],
  [
    "80".repeat(32),
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless",
  ],
  ["ff".repeat(32), `${"zoo ".repeat(23)}vote`],
];

test("the list has 2048 words whose first four letters differ", () => {
  assert.equal(new Set(wordlist.map((word) => word.slice(0, 4))).size, 2048);
});

test("words that are not in the list are named by position and never repeated", () => {
  const words = newPhrase(world);
  words[2] = "secretword";
  words[23] = "passwrod";
  assert.throws(
    () => parsePhrase(words.join(" ")),
    (error) => {
      assert.ok(isFault(error, "phrase-misspelt"));
      assert.deepEqual(error.details, { positions: [3, 24] });
      const shown = inspect(error, { depth: null });
      assert.ok(!["secretword", "passwrod", "password"].some((word) => shown.includes(word)));
      return true;
    },
  );
});

test("suggestions are the nearest words, at most three", () => {
  const [abandon, hotel, nothing] = misspeltWords("abondon hoetl xqzvvkjw");
  assert.deepEqual(abandon, { position: 1, suggestions: ["abandon"] });
  assert.equal(hotel?.suggestions[0], "hotel");
  assert.deepEqual(nothing, { position: 3, suggestions: [] });
  assert.ok(misspeltWords("bal").every(({ suggestions }) => suggestions.length <= 3));
  assert.deepEqual(misspeltWords(newPhrase(world).join(" ")), []);
});

test("one wrong word never passes unless the checksum happens to fit", () => {
  const words = newPhrase(world);
  let accepted = 0;
  for (const other of wordlist) {
    try {
      parsePhrase([...words.slice(0, 23), other].join(" "));
      accepted++;
    } catch (error) {
      assert.ok(isFault(error, "phrase-checksum"));
    }
  }
  // The last word carries three bits of entropy and eight of checksum.
  assert.equal(accepted, 8);
});

test("the published phrases come from their entropy", () => {
  for (const [entropy, words] of published) {
    assert.equal(phraseOf(Uint8Array.fromHex(entropy)).join(" "), words);
    assert.doesNotThrow(() => parsePhrase(words));
  }
});

test("any entropy comes back as the same keys, however it is typed", () => {
  const separator = fc.constantFrom(" ", "\n", " \t", ", ", " ; ", "\u00a0");
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), separator, fc.boolean(), (entropy, between, upper) => {
      const words = phraseOf(entropy);
      const typed = words.map((word) => (upper ? word.toUpperCase() : word.slice(0, 4))).join(between);
      const phrase = parsePhrase(typed);
      assert.deepEqual(phrase.locator, parsePhrase(words.join(" ")).locator);
      assert.deepEqual(phrase.slotKey(), parsePhrase(words.join(" ")).slotKey());
    }),
    { numRuns: 30 },
  );
});

test("text of any kind is a phrase or a fault of the catalogue", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 3000 }), (text) => {
      try {
        parsePhrase(text);
      } catch (error) {
        assert.ok(isFault(error) && error.code.startsWith("phrase-"));
      }
    }),
  );
});

test("an erased phrase keeps only its locator, and no printed form shows more", () => {
  const phrase = parsePhrase(newPhrase(world).join(" "));
  const slotKey = toHex(phrase.slotKey());
  const shown = JSON.stringify(phrase) + inspect(phrase, { showHidden: true, depth: null, maxArrayLength: null });
  assert.ok(!shown.includes(slotKey) && !shown.includes(Array.from(phrase.slotKey()).join(",")));
  assert.ok(shown.includes(toHex(phrase.locator)));
  phrase.erase();
  phrase.erase();
  assert.throws(() => phrase.slotKey(), { code: "locked" });
  assert.throws(() => phrase.locatorKey, { code: "locked" });
  assert.equal(phrase.locator.length, 32);
});
