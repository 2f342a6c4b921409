import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import fc from "fast-check";
import { changed, keys } from "../test-support/slot-cast.ts";
import {
  type MetadataContext,
  metadataPlainBytesMax,
  openMetadata,
  sealedMetadataBytes,
  sealMetadata,
} from "./metadata-seal.ts";
import { pad, sizeClass, unpad } from "./padding.ts";

const world = new SeededWorld("metadata-seal");
const metadataKey = keys.metadataKey();
const context: MetadataContext = {
  account: keys.account,
  epoch: 1,
  sequence: 5,
  kind: "delta",
  schemaVersion: 2,
  previousHash: world.randomBytes(32),
};

test("an entry with any changed byte is refused", () => {
  const sealed = sealMetadata(metadataKey, context, world.randomBytes(300), world);
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      assert.throws(() => openMetadata(metadataKey, context, changed(sealed, at, mask)), { code: "damaged-metadata" });
    }),
    { numRuns: 400 },
  );
  const otherKey = changed(metadataKey, 0);
  assert.throws(() => openMetadata(otherKey, context, sealed), { code: "damaged-metadata" });
});

test("padding of another size or with other bytes is refused", () => {
  const padded = pad(new Uint8Array(10));
  assert.equal(unpad(changed(padded, 63)), undefined);
  assert.equal(unpad(changed(padded, 3, 64)), undefined);
  assert.equal(unpad(new Uint8Array(128)), undefined);
  assert.equal(unpad(new Uint8Array(3)), undefined);
});

test("what was sealed opens, at the size that its class says", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (plain) => {
      const sealed = sealMetadata(metadataKey, context, plain, world);
      assert.equal(sealed.length, sealedMetadataBytes(plain.length));
      assert.deepEqual(openMetadata(metadataKey, context, sealed), plain);
    }),
  );
});

test("size classes grow by 64 bytes or a sixteenth at most, and are few", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: metadataPlainBytesMax }), (bytes) => {
      const padded = sizeClass(bytes);
      assert.ok(padded >= bytes && padded - bytes < Math.max(64, bytes / 16));
      assert.equal(sizeClass(padded), padded);
    }),
  );
  const classes = new Set(Array.from({ length: 65_536 }, (_, bytes) => sizeClass(bytes)));
  assert.equal(classes.size, 16 + 6 * 16);
});

test("the same entry seals to other bytes each time", () => {
  const plain = world.randomBytes(100);
  assert.notDeepEqual(
    sealMetadata(metadataKey, context, plain, world),
    sealMetadata(metadataKey, context, plain, world),
  );
});
