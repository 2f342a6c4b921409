import assert from "node:assert/strict";
import "./webassembly.ts";
import { kernelPlain } from "./kernel-plain.wasm.ts";
import { kernelRelaxed } from "./kernel-relaxed.wasm.ts";
import { type Plan, rowsPerPass, tableBytes } from "./plan.ts";

/**
 * Runs plans over shards. One instance, and one memory, serves every coder of the module. Shards are copied in and out
 * once. That is about two fifths of the time of encoding 6-of-9, some 0.05 CPU seconds for a GiB; shards that live in
 * this memory would save it, at the price of a second allocator whose room has to be given back by hand.
 */
export interface Kernel {
  /** Writes the plan's rows over `sources` into `outputs`, given by row of the plan's matrix. All have one length >= 1. */
  run(plan: Plan, sources: readonly Uint8Array[], outputs: readonly Uint8Array[]): void;
}

type Mix = (
  seeded: number,
  tables: number,
  sources: number,
  count: number,
  outputs: number,
  stride: number,
  length: number,
) => void;

/** The tables of the largest plan, 128 data and 127 parity shards, lie behind the kernel's own few constants. */
const tablesAt = 4096;
const windowAt = tablesAt + 128 * 127 * tableBytes;
/** A window of columns of all shards, small enough to stay in a processor's second-level cache beside the shards. */
const windowBytes = 512 * 1024;
const columnBytesMax = 16_384;
/** Columns lie a few cache lines off a power of two, because equal low address bits would share one cache set. */
const skewBytes = 192;
/** What the kernel does in one step of its loop. */
const stepBytes = 32;

function functionOf(exports: WebAssembly.Instance["exports"], name: string): Mix {
  const value = exports[name];
  assert.ok(typeof value === "function", `the kernel exports ${name}`);
  return value as Mix;
}

export function createKernel(module: WebAssembly.Module): Kernel {
  const { exports } = new WebAssembly.Instance(module);
  assert.ok(exports["memory"] instanceof WebAssembly.Memory);
  // The memory cannot grow (its maximum is its size), so this view stays valid.
  const memory = new Uint8Array(exports["memory"].buffer);
  assert.ok(memory.length >= windowAt + windowBytes, "the kernel's memory holds tables and window");
  const rows = Array.from({ length: rowsPerPass + 1 }, (_, count) =>
    count === 0 ? undefined : functionOf(exports, `rows${count}`),
  );
  const sums = Array.from({ length: rowsPerPass + 1 }, (_, count) =>
    functionOf(exports, count === 0 ? "sum" : `sumAnd${count}`),
  );
  let loaded: Plan | undefined;

  const mix = (plan: Plan, stride: number, length: number): void => {
    let outputsAt = windowAt + plan.sources * stride;
    for (const pass of plan.passes) {
      const run = pass.sum ? sums[pass.outputs - 1] : rows[pass.outputs];
      assert.ok(run !== undefined);
      run(plan.seeded ? 1 : 0, tablesAt + pass.tablesAt, windowAt, plan.sources, outputsAt, stride, length);
      outputsAt += pass.outputs * stride;
    }
  };

  return {
    run: (plan, sources, outputs) => {
      if (loaded !== plan) {
        memory.set(plan.tables, tablesAt);
        loaded = plan;
      }
      const length = sources[0]?.length ?? 0;
      const share = Math.floor(windowBytes / (sources.length + outputs.length)) & ~63;
      const columnBytes = Math.min(columnBytesMax, share - skewBytes);
      for (let start = 0; start < length; start += columnBytes) {
        const end = Math.min(length, start + columnBytes);
        // The last step may run over the end of a column: what it reads and writes there is nobody's.
        const steps = Math.ceil((end - start) / stepBytes) * stepBytes;
        const stride = ((steps + 63) & ~63) + skewBytes;
        let at = windowAt;
        for (const source of sources) {
          memory.set(source.subarray(start, end), at);
          at += stride;
        }
        mix(plan, stride, steps);
        for (const row of plan.order) {
          outputs[row]?.set(memory.subarray(at, at + end - start), start);
          at += stride;
        }
      }
    },
  };
}

/** The two builds of the kernel; the first runs on every engine with WebAssembly SIMD, the second is faster. */
export const kernelBuilds = {
  plain: (): Uint8Array<ArrayBuffer> => Uint8Array.fromBase64(kernelPlain),
  relaxed: (): Uint8Array<ArrayBuffer> => Uint8Array.fromBase64(kernelRelaxed),
};

let shared: Kernel | undefined;

/** The kernel all coders share, made at first use from the faster build this engine accepts. */
export function sharedKernel(): Kernel {
  if (shared === undefined) {
    const relaxed = kernelBuilds.relaxed();
    shared = createKernel(new WebAssembly.Module(WebAssembly.validate(relaxed) ? relaxed : kernelBuilds.plain()));
  }
  return shared;
}
