import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataVolume } from "@piccolo/app-manifest";
import fc from "fast-check";
import { raisedBound, type VolumeNow, volumeBound } from "./volume-bounds.ts";

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

/** Of an app with these volumes, as it finds them at a start. */
function raisedOf(
  sizes: readonly Size[],
  now: readonly VolumeNow[],
  { freeBytes, othersBytes = 0 }: { readonly freeBytes: number; readonly othersBytes?: number },
): readonly Size[] {
  const volumes = sizes.map((size, at) => ({ ...volume(size), name: `v${at}` }));
  const there = Object.fromEntries(now.map((one, at) => [`v${at}`, one]));
  const ownBytes = now.reduce((all, { boundBytes, usedBytes }) => all + boundBytes - usedBytes, 0);
  return volumes.map((one) => raisedBound(one, { volumes }, there, { freeBytes, ownBytes, othersBytes }));
}

test("a volume that was made on a full disk gets what it would get now, beside what it has taken", () => {
  const small = { boundBytes: 64 * mebibyte, usedBytes: 60 * mebibyte };
  assert.deepEqual(raisedOf([gibibyte], [small], { freeBytes: 100 * gibibyte }), [gibibyte]);
  assert.deepEqual(raisedOf([undefined], [small], { freeBytes: 100 * gibibyte }), [25 * gibibyte + 15 * mebibyte]);
  const pair = [small, { boundBytes: gibibyte, usedBytes: 0 }];
  assert.deepEqual(raisedOf([2 * gibibyte, gibibyte], pair, { freeBytes: 100 * gibibyte }), [2 * gibibyte, undefined]);
});

test("a bound follows a larger size of another version, and is never lowered to a smaller one", () => {
  const now = [{ boundBytes: gibibyte, usedBytes: 4 * mebibyte }];
  assert.deepEqual(raisedOf([2 * gibibyte], now, { freeBytes: 100 * gibibyte }), [2 * gibibyte]);
  assert.deepEqual(raisedOf([gibibyte + 2 * mebibyte], now, { freeBytes: 100 * gibibyte }), [gibibyte + 2 * mebibyte]);
  for (const size of [gibibyte, gibibyte / 2, undefined]) {
    assert.deepEqual(raisedOf([size], now, { freeBytes: gibibyte }), [undefined]);
  }
});

test("no bound is raised by what others were promised, nor by so little that no app would notice", () => {
  const now = [{ boundBytes: gibibyte, usedBytes: gibibyte - mebibyte }];
  assert.deepEqual(raisedOf([undefined], now, { freeBytes: 100 * gibibyte, othersBytes: 100 * gibibyte }), [undefined]);
  assert.deepEqual(raisedOf([4 * gibibyte], now, { freeBytes: 1.25 * gibibyte, othersBytes: gibibyte / 2 }), [
    1.3125 * gibibyte - 0.75 * mebibyte,
  ]);
  assert.deepEqual(raisedOf([4 * gibibyte], now, { freeBytes: gibibyte / 2 }), [undefined]);
  const facts = { freeBytes: gibibyte, ownBytes: undefined, othersBytes: 0 };
  assert.equal(raisedBound(volume(), { volumes: [volume()] }, {}, facts), undefined);
});

const someNow = fc
  .record({ boundBytes: fc.integer({ min: 2 ** 20, max: 2 ** 42 }), taken: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ boundBytes, taken }) => ({ boundBytes, usedBytes: Math.floor(boundBytes * taken) }));

test("whatever is raised, every volume can still be filled, and the next look raises nothing more", () => {
  fc.assert(
    fc.property(
      someSizes.chain((sizes) =>
        fc.tuple(fc.constant(sizes), fc.array(someNow, { minLength: sizes.length, maxLength: sizes.length })),
      ),
      fc.integer({ min: 0, max: 2 ** 44 }),
      fc.integer({ min: 0, max: 2 ** 44 }),
      ([sizes, before], freeBytes, othersBytes) => {
        const now = [...before];
        const promised = (): number => now.reduce((all, one) => all + one.boundBytes - one.usedBytes, othersBytes);
        const promisedBefore = promised();
        const raise = (at: number): Size => raisedOf(sizes, now, { freeBytes, othersBytes })[at];
        for (const [at, one] of before.entries()) {
          const raised = raise(at);
          assert.ok(raised === undefined || raised > one.boundBytes);
          now[at] = { ...one, boundBytes: raised ?? one.boundBytes };
        }
        assert.ok(promised() <= Math.max(freeBytes, promisedBefore));
        for (const [at, one] of now.entries())
          if (one !== before[at] && one.boundBytes !== before[at]?.boundBytes) assert.equal(raise(at), undefined);
      },
    ),
  );
});
