import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { noise, plainShard } from "../test-support/plain-code.ts";
import { type Coder, createCoderOn } from "./coder.ts";
import { createCoder } from "./index.ts";
import { createKernel, kernelBuilds } from "./kernel.ts";

function shardsOf(count: number, length: number, seed: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => noise(seed + index * 7919, length));
}

function emptyShards(count: number, length: number): Uint8Array[] {
  return Array.from({ length: count }, () => new Uint8Array(length).fill(0xee));
}

function encoded(coder: Coder, data: readonly Uint8Array[]): Uint8Array[] {
  const parity = emptyShards(coder.code.n - coder.code.k, data[0]?.length ?? 0);
  coder.encode(data, parity);
  return [...data, ...parity];
}

const anyCode = fc
  .integer({ min: 1, max: 40 })
  .chain((n) => fc.record({ k: fc.integer({ min: 1, max: n }), n: fc.constant(n) }));
const anyLength = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 16_000, max: 17_000 }));

for (const [build, bytes] of Object.entries(kernelBuilds)) {
  const kernel = createKernel(new WebAssembly.Module(bytes()));

  suite(`the ${build} kernel`, () => {
    test("codes and rebuilds what the plain tables say, for any code, length and loss", () => {
      fc.assert(
        fc.property(anyCode, anyLength, fc.nat(), fc.infiniteStream(fc.nat()), (code, length, seed, order) => {
          const coder = createCoderOn(kernel, code);
          const data = shardsOf(code.k, length, seed);
          const shards = encoded(coder, data);
          for (let index = code.k; index < code.n; index++) {
            assert.deepEqual(shards[index], plainShard(code, data, index), `parity shard ${index}`);
          }
          const ranked = [...shards.keys()]
            .map((index) => ({ index, rank: Number(order.next().value) }))
            .sort((a, b) => a.rank - b.rank);
          const lost = ranked.slice(code.k).map(({ index }) => index);
          const held = shards.map((shard, index) => (lost.includes(index) ? undefined : shard));
          const out = emptyShards(lost.length, length);
          coder.reconstruct(held, lost, out);
          assert.deepEqual(
            out,
            lost.map((index) => shards[index]),
          );
        }),
        { numRuns: 100 },
      );
    });

    test("codes and rebuilds with 255 shards", () => {
      for (const k of [1, 2, 127, 128, 254, 255]) {
        const code = { k, n: 255 };
        const coder = createCoderOn(kernel, code);
        const shards = encoded(coder, shardsOf(k, 2100, k));
        for (const index of [k, 200, 254].filter((index) => index >= k && index < 255)) {
          assert.deepEqual(shards[index], plainShard(code, shards.slice(0, k), index), `${k}: parity shard ${index}`);
        }
        const lost = Array.from({ length: 255 - k }, (_, j) => j * Math.max(1, Math.floor(k / 128)));
        const held = shards.map((shard, index) => (lost.includes(index) ? undefined : shard));
        const out = emptyShards(lost.length, 2100);
        coder.reconstruct(held, lost, out);
        assert.deepEqual(
          out,
          lost.map((index) => shards[index]),
        );
      }
    });
  });
}

test("too few shards are refused, whatever is wanted", () => {
  const coder = createCoder({ k: 3, n: 5 });
  const [first, second] = encoded(coder, shardsOf(3, 10, 1));
  for (const wanted of [[2], [0], []]) {
    const out = emptyShards(wanted.length, 10);
    assert.throws(() => coder.reconstruct([first, undefined, undefined, undefined, second], wanted, out), {
      code: "too-few-shards",
      retry: "later",
    });
    assert.deepEqual(out, emptyShards(wanted.length, 10), "nothing was written");
  }
});

test("what is no code, or does not fit together, is a bug of the caller", () => {
  for (const [k, n] of [
    [0, 1],
    [2, 1],
    [1, 256],
    [1.5, 3],
    [Number.NaN, 3],
  ] as const) {
    assert.throws(() => createCoder({ k, n }), assert.AssertionError, `${k} of ${n}`);
  }
  const coder = createCoder({ k: 2, n: 4 });
  const [a, b] = [new Uint8Array(4), new Uint8Array(4)];
  const short = new Uint8Array(3);
  const calls: readonly (() => void)[] = [
    () => coder.encode([a], [a, b]),
    () => coder.encode([a, b], [a]),
    () => coder.encode([a, short], [a, b]),
    () => coder.encode([a, b], [a, short]),
    () => coder.encode([new Uint8Array(0), new Uint8Array(0)], [new Uint8Array(0), new Uint8Array(0)]),
    () => coder.reconstruct([a, b], [2], [a]),
    () => coder.reconstruct([a, b, undefined, undefined], [2], []),
    () => coder.reconstruct([a, b, undefined, undefined], [4], [a]),
    () => coder.reconstruct([a, b, undefined, undefined], [-1], [a]),
    () => coder.reconstruct([a, b, undefined, undefined], [2, 2], [a, b]),
    () => coder.reconstruct([a, short, undefined, undefined], [2], [a]),
    () => coder.reconstruct([a, b, undefined, undefined], [2], [short]),
  ];
  for (const call of calls) assert.throws(call, assert.AssertionError);
});

test("views at any offset are read and written, and nothing beside them", () => {
  const coder = createCoder({ k: 3, n: 5 });
  const data = shardsOf(3, 1000, 5);
  const shards = encoded(coder, data);
  for (const offset of [1, 3, 7, 15]) {
    const views = data.map((shard) => {
      const room = new Uint8Array(1000 + offset);
      room.set(shard, offset);
      return room.subarray(offset);
    });
    const rooms = emptyShards(2, 1000 + 2 * offset);
    coder.encode(
      views,
      rooms.map((room) => room.subarray(offset, offset + 1000)),
    );
    for (const [j, room] of rooms.entries()) {
      assert.deepEqual(room.subarray(offset, offset + 1000), shards[3 + j]);
      assert.ok(room.every((byte, at) => byte === 0xee || (at >= offset && at < offset + 1000)));
    }
  }
});

test("a present shard that is wanted is given as it is, beside the missing ones, in the order asked for", () => {
  const coder = createCoder({ k: 2, n: 5 });
  const shards = encoded(coder, shardsOf(2, 33, 9));
  const out = emptyShards(3, 33);
  coder.reconstruct([undefined, shards[1], undefined, shards[3], shards[4]], [4, 0, 2], out);
  assert.deepEqual(out, [shards[4], shards[0], shards[2]]);
});

test("with k = 1 every shard is a copy, and with k = n there is no parity", () => {
  const [only] = shardsOf(1, 70_000, 3);
  assert.ok(only !== undefined);
  assert.deepEqual(
    encoded(createCoder({ k: 1, n: 9 }), [only]),
    Array.from({ length: 9 }, () => only),
  );
  const whole = createCoder({ k: 4, n: 4 });
  const data = shardsOf(4, 20, 4);
  assert.deepEqual(encoded(whole, data), data);
  assert.throws(() => whole.reconstruct([undefined, ...data.slice(1)], [0], emptyShards(1, 20)), {
    code: "too-few-shards",
  });
});

test("coders of different codes and patterns share the kernel without meeting", () => {
  const codes = Array.from({ length: 12 }, (_, i) => ({ k: 1 + (i % 4), n: 5 + i }));
  const coders = codes.map((code) => createCoder(code));
  const all = coders.map((coder, i) => encoded(coder, shardsOf(coder.code.k, 100 + i, i)));
  for (let round = 0; round < 12; round++) {
    for (const [i, coder] of coders.entries()) {
      const shards = all[i] ?? [];
      const lost = (round + i) % shards.length;
      const [out] = emptyShards(1, 100 + i);
      assert.ok(out !== undefined);
      coder.reconstruct(shards.with(lost, undefined as never), [lost], [out]);
      assert.deepEqual(out, shards[lost]);
    }
  }
});
