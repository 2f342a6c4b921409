import assert from "node:assert/strict";
import { erasureFaults } from "./faults.ts";
import { type Kernel, sharedKernel } from "./kernel.ts";
import { type Code, codeRow, rebuildRows } from "./matrix.ts";
import { createPlan, type Plan, tableBytes } from "./plan.ts";

/**
 * Codes k data shards into n and rebuilds any shards from any k of them (docs/spec/erasure.md). Shards of one call have
 * one length, at least 1 byte; each call stands for itself, so a stream is coded stripe by stripe. What is written must
 * not overlap what is read.
 */
export interface Coder {
  readonly code: { readonly k: number; readonly n: number };
  /** parity[j] (n-k of them) is written from data (k shards of equal length). */
  encode(data: readonly Uint8Array[], parity: readonly Uint8Array[]): void;
  /**
   * shards: n entries, undefined = missing; writes shard wanted[i] into out[i]. Fault `too-few-shards` when fewer than k
   * are present. wanted may be data or parity indexes.
   */
  reconstruct(shards: readonly (Uint8Array | undefined)[], wanted: readonly number[], out: readonly Uint8Array[]): void;
}

/** Rebuilding plans a coder keeps: at most this many, and tables of about this size in all. */
const cachedPlansMax = 64;
const cachedTableBytesMax = 1 << 20;

function assertEqualLengths(shards: Iterable<Uint8Array>): void {
  let length: number | undefined;
  for (const shard of shards) {
    length ??= shard.length;
    assert.ok(shard.length === length && length > 0, "the shards of one call have one length of at least one byte");
  }
}

export function createCoder(code: { k: number; n: number }): Coder {
  return createCoderOn(sharedKernel(), code);
}

export function createCoderOn(kernel: Kernel, { k, n }: Code): Coder {
  assert.ok(Number.isInteger(k) && Number.isInteger(n) && k >= 1 && k <= n && n <= 255, "1 <= k <= n <= 255");
  const code: Code = Object.freeze({ k, n });
  const cacheSize = Math.max(
    1,
    Math.min(cachedPlansMax, Math.floor(cachedTableBytesMax / (tableBytes * k * (n - k + 1)))),
  );
  const rebuildPlans = new Map<string, Plan>();
  let encodePlan: Plan | undefined;

  const rebuildPlan = (present: readonly number[], missing: readonly number[]): Plan => {
    const key = String.fromCharCode(...present, ...missing);
    let plan = rebuildPlans.get(key);
    if (plan === undefined) {
      plan = createPlan(rebuildRows(code, present, missing));
      const [oldest] = rebuildPlans.keys();
      if (oldest !== undefined && rebuildPlans.size >= cacheSize) rebuildPlans.delete(oldest);
    } else {
      // A map keeps its order of insertion, so the plan used last moves to the end.
      rebuildPlans.delete(key);
    }
    rebuildPlans.set(key, plan);
    return plan;
  };

  return {
    code,
    encode: (data, parity) => {
      assert.ok(data.length === k && parity.length === n - k, "encode takes k data and n - k parity shards");
      assertEqualLengths([...data, ...parity]);
      if (n === k) return;
      encodePlan ??= createPlan(Array.from({ length: n - k }, (_, j) => codeRow(code, k + j)));
      kernel.run(encodePlan, data, parity);
    },
    reconstruct: (shards, wanted, out) => {
      assert.ok(shards.length === n, "reconstruct takes n entries, undefined for a missing shard");
      assert.ok(out.length === wanted.length, "there is one output for every wanted shard");
      assert.ok(new Set(wanted).size === wanted.length, "no shard is wanted twice");
      assert.ok(
        wanted.every((index) => Number.isInteger(index) && index >= 0 && index < n),
        "a wanted shard has an index below n",
      );
      const present = [...shards.keys()].filter((index) => shards[index] !== undefined);
      assertEqualLengths([...shards.filter((shard) => shard !== undefined), ...out]);
      if (present.length < k) {
        throw erasureFaults.fault(
          "too-few-shards",
          `${present.length} shards are present and ${k} are needed; bring more holders online`,
          { details: { present: present.length, needed: k } },
        );
      }
      const missing: number[] = [];
      const outputs: Uint8Array[] = [];
      for (const [i, index] of wanted.entries()) {
        const output = out[i];
        assert.ok(output !== undefined);
        const shard = shards[index];
        if (shard === undefined) {
          missing.push(index);
          outputs.push(output);
        } else {
          output.set(shard);
        }
      }
      if (missing.length === 0) return;
      const chosen = present.slice(0, k);
      const sources = chosen.flatMap((index) => shards[index] ?? []);
      kernel.run(rebuildPlan(chosen, missing), sources, outputs);
    },
  };
}
