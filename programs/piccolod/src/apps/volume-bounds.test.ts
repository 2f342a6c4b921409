import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataVolume } from "@piccolo/app-manifest";
import fc from "fast-check";
import { volumeBound } from "./volume-bounds.ts";

const gibibyte = 1024 ** 3;
const volume = (sizeBytesMax?: number): DataVolume => ({
  name: "data",
  title: { en: "Data" },
  snapshot: "stop",
  backup: true,
  ...(sizeBytesMax === undefined ? {} : { sizeBytesMax }),
});
const boundsOf = (sizes: readonly (number | undefined)[], freeBytes: number): readonly number[] => {
  const volumes = sizes.map(volume);
  return volumes.map((one) => volumeBound(one, { volumes }, freeBytes));
};

test("a volume gets what its manifest says while that leaves room for others, and a share where it says nothing", () => {
  assert.deepEqual(boundsOf([gibibyte], 100 * gibibyte), [gibibyte]);
  assert.deepEqual(boundsOf([200 * gibibyte, 100 * gibibyte], 100 * gibibyte), [37.5 * gibibyte, 37.5 * gibibyte]);
  assert.deepEqual(boundsOf([4_096 * gibibyte, 50 * gibibyte], 100 * gibibyte), [37.5 * gibibyte, 37.5 * gibibyte]);
  assert.deepEqual(boundsOf([4_096 * gibibyte, 5 * gibibyte], 100 * gibibyte), [70 * gibibyte, 5 * gibibyte]);
  assert.deepEqual(boundsOf([undefined], 100 * gibibyte), [25 * gibibyte]);
  assert.deepEqual(boundsOf([undefined, gibibyte, undefined], 16 * gibibyte), [2 * gibibyte, gibibyte, 2 * gibibyte]);
  assert.deepEqual(boundsOf([undefined], 10_000 * gibibyte), [100 * gibibyte]);
  assert.deepEqual(boundsOf([undefined, gibibyte], 0), [0, 0]);
});

test("no app whose manifest says all sizes, or none, fills what is free", () => {
  const sizes = fc.oneof(
    fc.array(fc.integer({ min: 2 ** 20, max: 2 ** 44 }), { minLength: 1, maxLength: 32 }),
    fc.array(fc.constant(undefined), { minLength: 1, maxLength: 32 }),
  );
  fc.assert(
    fc.property(sizes, fc.integer({ min: 0, max: 2 ** 44 }), (said, freeBytes) => {
      const all = boundsOf(said, freeBytes).reduce((sum, bytes) => sum + bytes, 0);
      assert.ok(all <= 0.75 * freeBytes + 1);
    }),
  );
});
