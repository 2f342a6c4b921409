import assert from "node:assert/strict";
import { pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import { fitsKey, type LuksHeader } from "./luks2-header.ts";

const key = new Uint8Array(64).fill(7);

interface Made {
  readonly iterations?: number;
  readonly saltBytes?: number;
  readonly digestBytes?: number;
}

/** Its digest is the key's own where one of that size can be made in a test. */
function headerWith({ iterations = 1_000, saltBytes = 32, digestBytes = 32 }: Made): LuksHeader {
  const salt = new Uint8Array(saltBytes).fill(3);
  const canBeMade = digestBytes > 0 && digestBytes <= 1_000;
  const digest = canBeMade ? pbkdf2Sync(key, salt, 1_000, digestBytes, "sha256") : new Uint8Array(digestBytes);
  const made = {
    type: "pbkdf2",
    segments: ["0"],
    hash: "sha256",
    iterations,
    salt: salt.toBase64(),
    digest: new Uint8Array(digest).toBase64(),
  };
  return { sequence: 1n, label: "", uuid: "", json: { segments: {}, digests: { "0": made }, tokens: {} } };
}

test("a header fits the key its digest was made of, and no other", () => {
  for (const digestBytes of [20, 32, 64]) {
    assert.ok(fitsKey(headerWith({ digestBytes }), key));
    assert.ok(!fitsKey(headerWith({ digestBytes }), new Uint8Array(64)));
  }
});

test("a digest of a size that none of ours has fits no key", () => {
  for (const digestBytes of [0, 19, 65]) assert.ok(!fitsKey(headerWith({ digestBytes }), key), `${digestBytes}`);
  assert.ok(!fitsKey(headerWith({ saltBytes: 65 }), key));
});

test("a digest that would take hours to derive is not derived", () => {
  assert.ok(!fitsKey(headerWith({ iterations: 1_000_000, digestBytes: 300_000 }), key));
});
