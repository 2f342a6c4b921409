import { createHash } from "node:crypto";
import { fromHex, toHex } from "@piccolo/bytes";
import { noise, plainShard } from "./plain-code.ts";
import type { Operation, ShardForm, Vector } from "./vector.ts";

export function shardBytes(form: ShardForm): Uint8Array {
  if (typeof form === "string") return fromHex(form);
  const pattern = fromHex(form.repeat);
  return Uint8Array.from({ length: form.bytes }, (_, at) => pattern[at % pattern.length] ?? 0);
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function shardsOf(k: number, n: number, length: number): string[] {
  const data = Array.from({ length: k }, (_, index) => noise(1000 * k + index, length));
  return Array.from({ length: n }, (_, index) => toHex(plainShard({ k, n }, data, index)));
}

function encodeCase(k: number, n: number, length: number): Operation {
  const shards = shardsOf(k, n, length);
  return {
    operation: "encode",
    input: { k, n, data: shards.slice(0, k) },
    expect: { parity: shards.slice(k) },
  };
}

function longEncodeCase(k: number, n: number, bytes: number): Operation {
  // Patterns of different prime lengths, so that no two shards and no two columns are alike.
  const data = [251, 241, 239, 233, 229, 227]
    .slice(0, k)
    .map((period) => ({ repeat: toHex(noise(period, period)), bytes }));
  const shards = data.map(shardBytes);
  const parity = Array.from({ length: n - k }, (_, j) => plainShard({ k, n }, shards, k + j));
  return { operation: "encode", input: { k, n, data }, expect: { paritySha256: parity.map(sha256Hex) } };
}

function reconstructCase(
  k: number,
  n: number,
  length: number,
  missing: readonly number[],
  wanted: readonly number[],
): Operation {
  const shards = shardsOf(k, n, length);
  const held = shards.map((shard, index) => (missing.includes(index) ? null : shard));
  const isEnough = n - missing.length >= k;
  return {
    operation: "reconstruct",
    input: { k, n, shards: held, wanted },
    expect: isEnough ? { shards: wanted.map((index) => shards[index] ?? "") } : { fault: "too-few-shards" },
  };
}

function upTo(end: number): number[] {
  return [...Array.from({ length: end }).keys()];
}

/** The vectors by file name without its ending. */
export function cases(): Record<string, Vector> {
  const vectors: Record<string, Vector> = {};
  const add = (name: string, rule: string, about: string, operation: Operation): void => {
    vectors[name] = { spec: "erasure/1", rule, about, ...operation };
  };

  add("encode-worked-example", "R5", "The worked example: 2-of-4, three bytes a shard.", {
    operation: "encode",
    input: { k: 2, n: 4, data: ["010280", "0304ff"] },
    expect: {
      parity: [2, 3].map((index) => toHex(plainShard({ k: 2, n: 4 }, ["010280", "0304ff"].map(fromHex), index))),
    },
  });
  add("encode-1-of-1", "R4", "One shard, no parity.", encodeCase(1, 1, 5));
  add("encode-1-of-3", "R3", "With k = 1 every parity shard is a copy.", encodeCase(1, 3, 5));
  add("encode-4-of-4", "R4", "With k = n there is no parity.", encodeCase(4, 4, 5));
  add("encode-2-of-3", "R3", "One parity shard is the exclusive or of the data.", encodeCase(2, 3, 16));
  add("encode-3-of-9", "R4", "The code of ten members.", encodeCase(3, 9, 32));
  add("encode-6-of-9", "R4", "A length that no vector register divides.", encodeCase(6, 9, 33));
  add("encode-10-of-14", "R4", "Shards of one byte.", encodeCase(10, 14, 1));
  add("encode-20-of-37", "R4", "More parity shards than a pass of any kernel writes.", encodeCase(20, 37, 17));
  add("encode-128-of-255", "R4", "The code with the most coefficients.", encodeCase(128, 255, 2));
  add("encode-1-of-255", "R3", "As many copies as there can be.", encodeCase(1, 255, 1));
  add("encode-254-of-255", "R3", "The widest code with parity.", encodeCase(254, 255, 2));
  add("encode-6-of-9-cell", "R4", "Whole cells of 65,536 bytes.", longEncodeCase(6, 9, 65_536));
  add(
    "encode-6-of-9-odd-cell",
    "R4",
    "A cell that is a byte longer than a multiple of 64.",
    longEncodeCase(6, 9, 40_001),
  );

  add("reconstruct-one-data", "R7", "One data shard from the others and the first parity shard.", {
    ...reconstructCase(6, 9, 33, [2], [2]),
  });
  add("reconstruct-all-data", "R7", "All data shards from parity shards alone.", {
    ...reconstructCase(3, 9, 20, [0, 1, 2], [0, 1, 2]),
  });
  add("reconstruct-three-of-six", "R7", "As many data shards as the code can lose.", {
    ...reconstructCase(6, 9, 33, [0, 3, 5], [0, 3, 5]),
  });
  add("reconstruct-parity", "R7", "A parity shard from the data.", reconstructCase(6, 9, 33, [8], [8]));
  add("reconstruct-parity-from-parity", "R7", "A parity shard where data is missing too, which is not wanted.", {
    ...reconstructCase(6, 9, 33, [1, 7], [7]),
  });
  add("reconstruct-mixed-order", "R7", "Data and parity shards, in the order they are wanted, one of them present.", {
    ...reconstructCase(4, 9, 18, [0, 2, 6, 8], [8, 2, 3, 0, 6]),
  });
  add("reconstruct-copy", "R7", "With k = 1 any shard is all of them.", reconstructCase(1, 3, 7, [0, 1], [0, 1]));
  add(
    "reconstruct-20-of-37",
    "R7",
    "Seventeen of twenty data shards.",
    reconstructCase(20, 37, 17, upTo(17), upTo(17)),
  );
  add("reconstruct-128-of-255", "R7", "127 of 128 data shards.", reconstructCase(128, 255, 1, upTo(127), upTo(127)));

  add("refuse-too-few", "R8", "k - 1 shards are present.", reconstructCase(6, 9, 4, [0, 1, 2, 3], [0]));
  add("refuse-too-few-parity", "R8", "k - 1 shards are present, and the one wanted is a parity shard.", {
    ...reconstructCase(3, 5, 4, [0, 3, 4], [4]),
  });
  add("refuse-too-few-present", "R8", "k - 1 shards are present, and the one wanted is among them.", {
    ...reconstructCase(3, 5, 4, [0, 3, 4], [1]),
  });
  return vectors;
}
