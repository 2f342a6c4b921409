import { multiply } from "./field.ts";
import type { Row } from "./matrix.ts";

/** One run of the kernel over the sources, which writes `outputs` of the plan's outputs. */
export interface Pass {
  readonly outputs: number;
  /** Whether the first output is the plain sum of the sources, which needs no tables. */
  readonly sum: boolean;
  /** Where the pass's tables begin within the plan's. */
  readonly tablesAt: number;
}

/** A matrix in the form the kernel works with: made once, used for every stripe. */
export interface Plan {
  readonly sources: number;
  /** Which row of the matrix each output of the kernel is, in the order the passes write them. */
  readonly order: readonly number[];
  readonly passes: readonly Pass[];
  /** Whether the first source has coefficient 1 in every row, so that it has no tables. */
  readonly seeded: boolean;
  /** The nibble tables of all coefficients (assembly/kernel.ts says how they lie). */
  readonly tables: Uint8Array;
}

/** Outputs by tables that the kernel's registers hold at a time. */
export const rowsPerPass = 4;
export const tableBytes = 32;

function writeTable(into: Uint8Array, at: number, coefficient: number): void {
  for (let nibble = 0; nibble < 16; nibble++) {
    into[at + nibble] = multiply(coefficient, nibble);
    into[at + 16 + nibble] = multiply(coefficient, nibble << 4);
  }
}

/** `matrix` has at least one row; all rows are as long as there are sources. */
export function createPlan(matrix: readonly Row[]): Plan {
  const sources = matrix[0]?.length ?? 0;
  const seeded = matrix.every((row) => row[0] === 1);
  const sumRow = matrix.findIndex((row) => row.every((coefficient) => coefficient === 1));
  const others = [...matrix.keys()].filter((index) => index !== sumRow);
  const firstTabled = seeded ? 1 : 0;
  const tables = new Uint8Array(others.length * (sources - firstTabled) * tableBytes);
  const passes: Pass[] = [];
  // Rows are spread evenly: each pass loads every source once, and two half-full passes cost less than a full and a thin one.
  const passCount = Math.max(1, Math.ceil(others.length / rowsPerPass));
  let tablesAt = 0;
  for (let pass = 0; pass < passCount; pass++) {
    const from = Math.floor((others.length * pass) / passCount);
    const rows = others.slice(from, Math.floor((others.length * (pass + 1)) / passCount));
    const sum = pass === 0 && sumRow >= 0;
    passes.push({ outputs: rows.length + (sum ? 1 : 0), sum, tablesAt });
    for (let source = firstTabled; source < sources; source++) {
      for (const row of rows) {
        writeTable(tables, tablesAt, matrix[row]?.[source] ?? 0);
        tablesAt += tableBytes;
      }
    }
  }
  return { sources, order: sumRow < 0 ? others : [sumRow, ...others], passes, seeded, tables };
}
