import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import fc from "fast-check";
import { changed } from "../test-support/slot-cast.ts";
import { createKeyRing } from "./key-ring.ts";
import { newFek, newRootSecret } from "./key-tree.ts";
import { lockedFekBytes, sealToFileKey } from "./locked-fek.ts";
import { deriveOwnerKeys, type OwnerKeys, wrappedFekEpoch } from "./owner-keys.ts";
import { certifyRotation, type OwnerChain, rotationsMax, verifyRotationChain } from "./owner-rotation.ts";
import { openPreviousKeys, previousRootsMax, wrapPreviousRoot } from "./root-wraps.ts";
import { wrappedFekBytes } from "./fek.ts";

const world = new SeededWorld("key-ring");
const roots = Array.from({ length: 4 }, () => newRootSecret(world));
const account = deriveOwnerKeys(roots[0] ?? new Uint8Array(0), 1).account;
const versionId = world.randomBytes(16);
const fek = newFek(world);

function keysAt(epoch: number): OwnerKeys {
  return deriveOwnerKeys(rootAt(epoch), epoch, account);
}

function rootAt(epoch: number): Uint8Array {
  const root = roots[epoch - 1];
  assert.ok(root !== undefined);
  return root;
}

/** Two re-keys, one begun before the other had ended: each root is wrapped under the epoch after it. */
const chained = [wrapPreviousRoot(keysAt(2), rootAt(1), 1), wrapPreviousRoot(keysAt(3), rootAt(2), 2)];

test("a file key of an epoch whose keys are gone is refused", () => {
  const ring = createKeyRing(keysAt(3), [keysAt(2)]);
  const wrapped = keysAt(1).wrapFek(fek, versionId);
  assert.throws(() => ring.unwrapFek(wrapped, versionId), { code: "wrong-epoch", details: { epoch: 1 } });
  const old = keysAt(2).wrapFek(fek, versionId);
  assert.deepEqual(ring.unwrapFek(old, versionId), fek);
  ring.forgetPrevious();
  assert.throws(() => ring.unwrapFek(old, versionId), { code: "wrong-epoch" });
});

test("previous roots that are too many, named twice or not reachable are refused", () => {
  const [first, second] = chained;
  assert.ok(first !== undefined && second !== undefined);
  assert.throws(() => openPreviousKeys(keysAt(3), [second, second]), { code: "malformed" });
  assert.throws(() => openPreviousKeys(keysAt(3), [first]), { code: "wrong-epoch" });
  assert.throws(() => openPreviousKeys(keysAt(3), [second, changed(first, 50)]), { code: "damaged-slot" });
  const many = Array.from({ length: previousRootsMax + 1 }, (_, at) => {
    const keys = deriveOwnerKeys(rootAt(4), 20, account);
    return wrapPreviousRoot(keys, rootAt(1), at + 1);
  });
  assert.throws(() => openPreviousKeys(deriveOwnerKeys(rootAt(4), 20, account), many), { code: "malformed" });
});

test("a file key sealed while locked is refused with any changed byte", () => {
  const keys = keysAt(1);
  const sealed = sealToFileKey(keys.filePublicKey, fek, { account, versionId, epoch: 1 }, world);
  fc.assert(
    fc.property(fc.nat(lockedFekBytes - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      // X25519 ignores the highest bit of a public key, but the key schedule does not.
      assert.throws(() => keys.unwrapFek(changed(sealed, at, mask), versionId), { name: "Fault" });
    }),
    { numRuns: 300 },
  );
  assert.throws(() => sealToFileKey(new Uint8Array(32), fek, { account, versionId, epoch: 1 }, world), {
    code: "damaged-key",
  });
});

test("a chain of unfinished re-keys opens every epoch's file keys", () => {
  const ring = createKeyRing(keysAt(3), openPreviousKeys(keysAt(3), chained));
  assert.deepEqual(ring.epochs, [3, 2, 1]);
  for (const epoch of [1, 2, 3]) {
    assert.deepEqual(ring.unwrapFek(keysAt(epoch).wrapFek(fek, versionId), versionId), fek);
    const locked = sealToFileKey(keysAt(epoch).filePublicKey, fek, { account, versionId, epoch }, world);
    assert.deepEqual(ring.unwrapFek(locked, versionId), fek);
  }
});

test("rewrapping brings old and sealed file keys to the current epoch and leaves current ones", () => {
  const ring = createKeyRing(keysAt(3), openPreviousKeys(keysAt(3), chained));
  const current = ring.wrapFek(fek, versionId);
  assert.equal(ring.rewrapFek(current, versionId), undefined);
  const locked = sealToFileKey(ring.filePublicKey, fek, { account, versionId, epoch: 3 }, world);
  for (const old of [keysAt(1).wrapFek(fek, versionId), keysAt(2).wrapFek(fek, versionId), locked]) {
    assert.deepEqual(ring.rewrapFek(old, versionId), current);
  }
  assert.equal(current.length, wrappedFekBytes);
  assert.equal(wrappedFekEpoch(current), 3);
});

test("erasing a ring erases every epoch, and no printed form shows a secret", () => {
  const ring = createKeyRing(keysAt(3), openPreviousKeys(keysAt(3), chained));
  const old = ring.of(1);
  const shown = JSON.stringify(ring) + inspect(ring, { showHidden: true, depth: null, maxArrayLength: null });
  for (const secret of [ring.metadataKey(), ring.slotsKey(), old.metadataKey()]) {
    assert.ok(!shown.includes(toHex(secret)) && !shown.includes(Array.from(secret).join(",")));
  }
  ring.erase();
  assert.throws(() => ring.metadataKey(), { code: "locked" });
  assert.throws(() => ring.slotsKey(), { code: "locked" });
  assert.throws(() => old.metadataKey(), { code: "locked" });
});

test("a chain of rotations has an end", () => {
  let keys = keysAt(1);
  const rotations = [];
  for (let epoch = 2; epoch <= rotationsMax + 2; epoch++) {
    const next = deriveOwnerKeys(newRootSecret(world), epoch, account);
    rotations.push(certifyRotation(keys, next));
    keys = next;
  }
  const chain: OwnerChain = { firstOwnerPublicKey: keysAt(1).ownerPublicKey, rotations };
  assert.throws(() => verifyRotationChain(account, chain), { code: "broken-rotation" });
  const longest = { ...chain, rotations: rotations.slice(0, rotationsMax) };
  assert.equal(verifyRotationChain(account, longest).epoch, rotationsMax + 1);
});
