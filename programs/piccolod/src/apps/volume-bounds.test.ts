import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataVolume } from "@piccolo/app-manifest";
import fc from "fast-check";
import { volumeBound } from "./volume-bounds.ts";

const [mebibyte, gibibyte] = [1024 ** 2, 1024 ** 3];
type Size = number | undefined;
const volume = (sizeBytesMax?: number): DataVolume => ({
  name: "data",
  title: { en: "Data" },
  snapshot: "stop",
  backup: true,
  ...(sizeBytesMax === undefined ? {} : { sizeBytesMax }),
});

/** Of an app's volumes as they are made, one after another, while nothing is written to any. */
function boundsOf(sizes: readonly Size[], freeBytes: number, othersBytes = 0): readonly Size[] {
  const volumes = sizes.map(volume);
  let ownBytes: Size;
  return volumes.map((one) => {
    const bound = volumeBound(one, { volumes }, { freeBytes, ownBytes, othersBytes });
    if (bound !== undefined) ownBytes = (ownBytes ?? 0) + bound;
    return bound;
  });
}

const sum = (bounds: readonly Size[]): number => bounds.reduce<number>((all, bytes) => all + (bytes ?? 0), 0);

test("a volume gets what its manifest says while that leaves room for others, and a share where it says nothing", () => {
  assert.deepEqual(boundsOf([gibibyte], 100 * gibibyte), [gibibyte]);
  assert.deepEqual(boundsOf([200 * gibibyte, 100 * gibibyte], 100 * gibibyte), [37.5 * gibibyte, 37.5 * gibibyte]);
  assert.deepEqual(boundsOf([4_096 * gibibyte, 50 * gibibyte], 100 * gibibyte), [37.5 * gibibyte, 37.5 * gibibyte]);
  assert.deepEqual(boundsOf([4_096 * gibibyte, 5 * gibibyte], 100 * gibibyte), [70 * gibibyte, 5 * gibibyte]);
  assert.deepEqual(boundsOf([undefined], 100 * gibibyte), [25 * gibibyte]);
  assert.deepEqual(boundsOf([undefined, gibibyte, undefined], 16 * gibibyte), [2 * gibibyte, gibibyte, 2 * gibibyte]);
  assert.deepEqual(boundsOf([undefined], 10_000 * gibibyte), [100 * gibibyte]);
});

test("what is promised to other apps is shared out to nobody else", () => {
  assert.deepEqual(boundsOf([4_096 * gibibyte], 100 * gibibyte, 75 * gibibyte), [18.75 * gibibyte]);
  assert.deepEqual(boundsOf([undefined], 100 * gibibyte, 75 * gibibyte), [6.25 * gibibyte]);
});

test("an app does not begin where not even the least is left, and what one with data lacks is made where it is free", () => {
  assert.deepEqual(boundsOf([undefined], 100 * mebibyte), [64 * mebibyte]);
  assert.deepEqual(boundsOf([undefined], 63 * mebibyte), [undefined]);
  assert.deepEqual(boundsOf([undefined], 100 * gibibyte, 100 * gibibyte), [undefined]);
  assert.deepEqual(boundsOf([gibibyte], 100 * gibibyte, 200 * gibibyte), [undefined]);
  assert.deepEqual(boundsOf([mebibyte], mebibyte), [mebibyte]);
  assert.deepEqual(boundsOf([mebibyte], mebibyte - 1), [undefined]);
  const lacking = (freeBytes: number): Size =>
    volumeBound(volume(), { volumes: [volume(), volume()] }, { freeBytes, ownBytes: gibibyte, othersBytes: gibibyte });
  assert.equal(lacking(gibibyte), 64 * mebibyte);
  assert.equal(lacking(63 * mebibyte), undefined);
});

const someSizes = fc.oneof(
  fc.array(fc.integer({ min: 2 ** 20, max: 2 ** 44 }), { minLength: 1, maxLength: 32 }),
  fc.array(fc.constant(undefined), { minLength: 1, maxLength: 32 }),
);
const leastOf = (sizes: readonly Size[]): number => 64 * mebibyte * sizes.length;

test("no app whose manifest says all sizes, or none, fills what is free", () => {
  fc.assert(
    fc.property(someSizes, fc.integer({ min: 0, max: 2 ** 44 }), (said, freeBytes) => {
      assert.ok(sum(boundsOf(said, freeBytes)) <= Math.max(0.75 * freeBytes + 1, leastOf(said)));
    }),
  );
});

test("however many apps are installed, all of them can fill their volumes", () => {
  fc.assert(
    fc.property(
      fc.array(someSizes, { maxLength: 12 }),
      fc.integer({ min: 2 ** 30, max: 2 ** 44 }),
      (apps, freeBytes) => {
        let promised = 0;
        let least = 0;
        for (const said of apps) {
          promised += sum(boundsOf(said, freeBytes, promised));
          least += leastOf(said);
        }
        assert.ok(promised <= freeBytes + least);
      },
    ),
  );
});
