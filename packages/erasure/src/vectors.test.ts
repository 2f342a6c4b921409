import { fromHex, toHex } from "@piccolo/bytes";
import { readVectors, testVectors } from "../../../tools/vectors.ts";
import { cases, sha256Hex, shardBytes } from "../test-support/cases.ts";
import type { Operation, Vector } from "../test-support/vector.ts";
import { createCoder } from "./index.ts";

const vectors = readVectors<Vector>("erasure");

function emptyShards(count: number, length: number): Uint8Array[] {
  return Array.from({ length: count }, () => new Uint8Array(length));
}

/** What this implementation answers to a vector, in the form of its `expect`. */
function answer(vector: Operation): unknown {
  const coder = createCoder(vector.input);
  switch (vector.operation) {
    case "encode": {
      const data = vector.input.data.map(shardBytes);
      const parity = emptyShards(vector.input.n - vector.input.k, data[0]?.length ?? 0);
      coder.encode(data, parity);
      return "parity" in vector.expect ? { parity: parity.map(toHex) } : { paritySha256: parity.map(sha256Hex) };
    }
    case "reconstruct": {
      const shards = vector.input.shards.map((shard) => (shard === null ? undefined : fromHex(shard)));
      const length = shards.find((shard) => shard !== undefined)?.length ?? 0;
      const out = emptyShards(vector.input.wanted.length, length);
      coder.reconstruct(shards, vector.input.wanted, out);
      return { shards: out.map(toHex) };
    }
    default:
      throw new Error("a vector of an unknown operation");
  }
}

testVectors(vectors, answer, cases);
