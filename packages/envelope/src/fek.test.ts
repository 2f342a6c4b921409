import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import { ByteWriter, concat, toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import fc from "fast-check";
import { wrappedFekBytes } from "./fek.ts";
import { deriveKey, newFek, newRootSecret } from "./key-tree.ts";
import { deriveOwnerKeys, wrappedFekEpoch } from "./owner-keys.ts";

const world = new SeededWorld("fek");
const rootSecret = newRootSecret(world);
const keys = deriveOwnerKeys(rootSecret, 1);
const fek = newFek(world);
const versionId = world.randomBytes(16);
const wrapped = keys.wrapFek(fek, versionId);

const isDamaged = { name: "Fault", code: "damaged-key" };
const isMalformed = { name: "Fault", code: "malformed" };

test("a wrapped key opens for no other version, account or root secret", () => {
  assert.throws(() => keys.unwrapFek(wrapped, world.randomBytes(16)), isDamaged);
  assert.throws(() => deriveOwnerKeys(newRootSecret(world), 1).unwrapFek(wrapped, versionId), isDamaged);
  const account = world.randomBytes(32);
  const ours = deriveOwnerKeys(rootSecret, 2, keys.account).wrapFek(fek, versionId);
  assert.throws(() => deriveOwnerKeys(rootSecret, 2, account).unwrapFek(ours, versionId), isDamaged);
});

test("a key wrapped under another epoch names that epoch", () => {
  const later = deriveOwnerKeys(rootSecret, 2, keys.account);
  assert.throws(() => later.unwrapFek(wrapped, versionId), { code: "wrong-epoch", details: { epoch: 1 } });
  assert.equal(wrappedFekEpoch(wrapped), 1);
  // The epoch is authenticated: renaming it does not make the key fit.
  const renamed = new Uint8Array(wrapped);
  renamed[4] = 2;
  assert.throws(() => later.unwrapFek(renamed, versionId), isDamaged);
});

test("a key that opens but does not fit its commitment is refused", () => {
  const commitment = world.randomBytes(32);
  const key = deriveKey(deriveKey(rootSecret, "kek"), "fek-wrap", commitment);
  const cipher = createCipheriv("aes-256-gcm", key, new Uint8Array(12));
  cipher.setAAD(new ByteWriter().u8(1).raw(keys.account).raw(versionId).u32(1).finish());
  const ciphertext = Buffer.concat([cipher.update(fek), cipher.final()]);
  const forged = new ByteWriter().u8(1).u32(1).raw(ciphertext).raw(cipher.getAuthTag()).raw(commitment).finish();
  assert.throws(() => keys.unwrapFek(forged, versionId), isDamaged);
});

test("wrapped keys of another size or format are malformed", () => {
  for (const length of [0, 1, wrappedFekBytes - 1]) {
    assert.throws(() => keys.unwrapFek(wrapped.subarray(0, length), versionId), isMalformed);
  }
  assert.throws(() => keys.unwrapFek(concat(wrapped, new Uint8Array(1)), versionId), isMalformed);
  assert.throws(() => keys.unwrapFek(concat(new Uint8Array([2]), wrapped.subarray(1)), versionId), isMalformed);
});

test("any bit changed in a wrapped key is refused", () => {
  fc.assert(
    fc.property(fc.nat(wrappedFekBytes - 1), fc.nat(7), (at, bit) => {
      const changed = new Uint8Array(wrapped);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      assert.throws(() => keys.unwrapFek(changed, versionId), { name: "Fault" });
    }),
  );
});

test("versions and keys of another size are bugs", () => {
  assert.throws(() => keys.wrapFek(fek.subarray(1), versionId), assert.AssertionError);
  assert.throws(() => keys.wrapFek(fek, versionId.subarray(1)), assert.AssertionError);
});

test("a wrapped key opens to the key it was made from, and wrapping it again gives the same bytes", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      (fek, versionId) => {
        const wrapped = keys.wrapFek(fek, versionId);
        assert.equal(wrapped.length, wrappedFekBytes);
        assert.deepEqual(keys.unwrapFek(wrapped, versionId), new Uint8Array(fek));
        assert.deepEqual(keys.wrapFek(fek, versionId), wrapped);
      },
    ),
  );
});

test("one key wrapped for two versions has nothing in common but format and epoch", () => {
  const other = keys.wrapFek(fek, world.randomBytes(16));
  assert.equal(toHex(other.subarray(0, 5)), toHex(wrapped.subarray(0, 5)));
  const same = Array.from(other.subarray(5)).filter((byte, index) => byte === wrapped[5 + index]);
  assert.ok(same.length < 10);
});
