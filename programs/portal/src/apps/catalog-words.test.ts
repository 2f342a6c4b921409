import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, catalogInWords, catalogTroubles, isUnencrypted, keyInGroups, keyOf } from "./catalog-words.ts";

const key = "0123456789abcdef".repeat(4);

test("what is no key is none, and a key is read however it is written", () => {
  for (const typed of ["", key.slice(1), `${key}0`, key.replace("0", "g"), "https://example.org"]) {
    assert.equal(keyOf(typed), undefined, typed);
  }
  for (const typed of [key, ` ${key}\n`, key.toUpperCase(), keyInGroups(key), key.replaceAll(/(..)(?=.)/g, "$1:")]) {
    assert.equal(keyOf(typed), key, typed);
  }
  assert.equal(keyInGroups("0123456789"), "0123 4567 89");
});

test("what is no address of a folder is none", () => {
  for (const typed of [
    "",
    "  ",
    "ftp://example.org",
    "javascript:alert(1)",
    "https://",
    "http://[",
    "https://me:secret@example.org/apps",
    "https://example.org/apps?of=me",
    "https://example.org/#apps",
    `https://example.org/${"a".repeat(500)}`,
  ]) {
    assert.equal(addressOf(typed), undefined, typed);
  }
});

test("an address is that of the folder, encrypted unless something else is said", () => {
  for (const [typed, address] of [
    ["https://example.org/apps", "https://example.org/apps"],
    [" example.org/apps/ ", "https://example.org/apps"],
    ["https://example.org/apps/index.json", "https://example.org/apps"],
    ["https://example.org/apps/key.hex", "https://example.org/apps"],
    ["HTTPS://Example.org", "https://example.org"],
    ["http://192.168.1.4:8000/apps", "http://192.168.1.4:8000/apps"],
  ] as const) {
    assert.equal(addressOf(typed), address);
  }
  assert.deepEqual([isUnencrypted("http://example.org"), isUnencrypted("https://example.org")], [true, false]);
});

const index = {
  title: { en: "Neighbours" },
  development: false,
  sequence: 7,
  issuedAtMs: 0,
  expiresAtMs: 0,
  stale: false,
  apps: 1,
};
const problem = { code: "catalog-older", detail: "An older one was given.", atMs: 60_000 };

test("a catalog says how much it has, and since when", () => {
  assert.equal(catalogInWords({ builtIn: true, index }, 0), "1 app · number 7 · came with the system");
  assert.equal(
    catalogInWords({ builtIn: false, fetchedAtMs: 60_000, index: { ...index, apps: 12 } }, 3_700_000),
    "12 apps · number 7 · fetched 1 hour ago",
  );
  assert.equal(catalogInWords({ builtIn: false, fetchedAtMs: 60_000 }, 61_000), "fetched just now");
  assert.equal(catalogInWords({ builtIn: false }, 61_000), "not fetched yet");
});

test("what is wrong is said with what it means", () => {
  const tones = (troubles: ReturnType<typeof catalogTroubles>): unknown => troubles.map(({ tone }) => tone);
  assert.deepEqual(catalogTroubles({ builtIn: false, index }, 0), []);
  const refused = catalogTroubles({ builtIn: true, problem }, 0);
  assert.deepEqual(tones(refused), ["danger"]);
  assert.match(refused[0]?.text ?? "", /nothing of it is offered\. An older one was given\.$/);
  const missing = catalogTroubles({ builtIn: false, problem }, 3_660_000);
  assert.deepEqual(tones(missing), ["warn"]);
  assert.match(missing[0]?.text ?? "", /could not fetch it yet, last tried 1 hour ago\. An older/);
  const late = { ...index, development: true, stale: true };
  const [failed, development, stale] = catalogTroubles(
    { builtIn: false, fetchedAtMs: 0, index: late, problem },
    3_660_000,
  );
  assert.match(failed?.text ?? "", /looked for 1 hour ago, in vain\. An older/);
  assert.match(development?.text ?? "", /nobody vouches/);
  assert.match(stale?.text ?? "", /by its publisher; newer versions may be missing/);
});
