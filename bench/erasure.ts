/** Encoding and rebuilding of one stripe of cells, against AES-256-GCM, memcpy and ISA-L in the same minutes. */
import assert from "node:assert/strict";
import { createCoder } from "@piccolo/erasure";
import { aesTurn } from "./aes.ts";
import { type Figure, formatNumber, type Goal, interleaved, type Report, throughput, type Turn } from "./harness.ts";
import { type Isal, openIsal } from "./isal.ts";

const codes = [
  { k: 6, n: 9 },
  { k: 10, n: 14 },
  { k: 20, n: 29 },
  { k: 20, n: 37 },
] as const;
const cellBytes = 65_536;
const rounds = 7;
const unit = "MB/CPU s";

/** Only these figures have goals; the others show how far they carry. */
const goals: Readonly<Record<string, Goal>> = {
  encode6of9VsAes: { atLeast: 1.8 },
  encode6of9VsIsal: { atLeast: 0.45 },
};

function cells(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, shard) =>
    new Uint8Array(cellBytes).map((_, at) => (shard * 31 + at * 7 + (at >> 8)) & 0xff),
  );
}

/** Copying the cells of a stripe, one by one, from where they are to where they are wanted. */
function memcpyTurn(): Turn {
  const from = cells(6);
  const to = cells(6);
  return throughput(6 * cellBytes, () => {
    for (const [index, cell] of from.entries()) to[index]?.set(cell);
  });
}

function coderTurns({ k, n }: { k: number; n: number }): { encode: Turn; reconstruct: Turn } {
  const coder = createCoder({ k, n });
  const data = cells(k);
  const parity = cells(n - k);
  coder.encode(data, parity);
  const lost = Math.min(n - k, k);
  const held = [...data, ...parity].map((cell, index) => (index < lost ? undefined : cell));
  const wanted = Array.from({ length: lost }, (_, index) => index);
  const out = cells(lost).map((cell) => cell.fill(0));
  coder.reconstruct(held, wanted, out);
  assert.deepEqual(out, data.slice(0, lost), "what is measured is right");
  return {
    encode: throughput(k * cellBytes, () => coder.encode(data, parity)),
    reconstruct: throughput(k * cellBytes, () => coder.reconstruct(held, wanted, out)),
  };
}

/** A rate, and what it is divided by for a ratio of the same interleaved set. */
interface Comparison {
  readonly suffix: string;
  readonly reference: string;
  readonly own: number;
  readonly other: number;
}

function figuresOf(key: string, own: number, comparisons: readonly Comparison[]): Figure[] {
  const ratios = comparisons.map(({ suffix, reference, own, other }) => {
    const goal = goals[key + suffix];
    return {
      key: key + suffix,
      value: own / other,
      unit: "times",
      reference: `${formatNumber(own)} / ${formatNumber(other)} (${reference})`,
      ...(goal === undefined ? {} : { goal }),
    };
  });
  const beside = comparisons.map(({ reference, other }) => `${reference} ${formatNumber(other)}`).join(", ");
  return [{ key, value: own, unit, reference: beside }, ...ratios];
}

function measureCode(code: { readonly k: number; readonly n: number }, isal: Isal | undefined): Figure[] {
  const { k, n } = code;
  const turns = coderTurns(code);
  const here = interleaved({ aes: aesTurn(), memcpy: memcpyTurn(), ...turns }, rounds);
  const isalTurns = isal && {
    isalEncode: isal.turn("encode", k, n, cellBytes),
    isalReconstruct: isal.turn("reconstruct", k, n, cellBytes),
  };
  const beside = isalTurns && interleaved({ ...turns, ...isalTurns }, rounds);
  const figures = (verb: "encode" | "reconstruct", isalRate: number | undefined): Figure[] =>
    figuresOf(`${verb}${k}of${n}`, here[verb], [
      { suffix: "VsAes", reference: "AES-256-GCM", own: here[verb], other: here.aes },
      { suffix: "VsMemcpy", reference: "memcpy", own: here[verb], other: here.memcpy },
      ...(beside === undefined || isalRate === undefined
        ? []
        : [{ suffix: "VsIsal", reference: "ISA-L", own: beside[verb], other: isalRate }]),
    ]);
  return [...figures("encode", beside?.isalEncode), ...figures("reconstruct", beside?.isalReconstruct)];
}

export function run(): Report {
  const isal = openIsal();
  return {
    about: `shards of ${cellBytes} bytes, one thread, MB of data, median of ${rounds} interleaved turns; reconstruct rebuilds as many data shards as the code can lose`,
    figures: codes.flatMap((code) => measureCode(code, isal)),
    notes: [
      "AES-256-GCM is createCipheriv with messages of 65536 bytes on the same thread; memcpy copies six cells.",
      isal === undefined
        ? "ISA-L is not here (Debian package libisal-dev), so nothing stands beside it."
        : "ISA-L runs in its own process, in turns with encode and reconstruct, with the best instructions this processor has.",
    ],
  };
}
