import assert from "node:assert/strict";
import { inverse, multiply } from "./field.ts";

/** How many shards rebuild the data, and how many there are: 1 <= k <= n <= 255. */
export interface Code {
  readonly k: number;
  readonly n: number;
}

/** One row of a matrix over the field: what a shard is, as coefficients of k others. */
export type Row = Uint8Array;

/**
 * Row `index` of the code's matrix: a unit row for a data shard; for a parity shard the Cauchy row 1 / (index + j), with
 * its columns and then its rows scaled so that the first parity row and the first column are all ones. Scaling keeps
 * every square submatrix invertible, hence every k rows; the ones save the kernel that many multiplications.
 */
export function codeRow({ k, n }: Code, index: number): Row {
  assert.ok(index >= 0 && index < n, "a shard index is below n");
  if (index < k) return new Uint8Array(k).fill(1, index, index + 1);
  const scale = multiply(index, inverse(k));
  return Uint8Array.from({ length: k }, (_, j) => multiply(scale, multiply(k ^ j, inverse(index ^ j))));
}

/** to += factor * from */
function addMultiple(to: Row, from: Row, factor: number): void {
  if (factor === 0) return;
  for (const [j, value] of from.entries()) to[j] = (to[j] ?? 0) ^ multiply(factor, value);
}

function scaleRow(row: Row, factor: number): void {
  for (const [j, value] of row.entries()) row[j] = multiply(factor, value);
}

/** The inverse of an invertible square matrix, by Gauss and Jordan. */
export function invert(matrix: readonly Row[]): Row[] {
  const size = matrix.length;
  const left = matrix.map((row) => Uint8Array.from(row));
  const right = matrix.map((_, index) => new Uint8Array(size).fill(1, index, index + 1));
  for (let column = 0; column < size; column++) {
    const pivot = left.findIndex((row, index) => index >= column && row[column] !== 0);
    assert.ok(pivot >= 0, "every k rows of the code are invertible");
    for (const side of [left, right]) {
      const [low, high] = [side[column], side[pivot]];
      assert.ok(low !== undefined && high !== undefined);
      side[column] = high;
      side[pivot] = low;
    }
    const [leftRow, rightRow] = [left[column], right[column]];
    assert.ok(leftRow !== undefined && rightRow !== undefined);
    const factor = inverse(leftRow[column] ?? 0);
    scaleRow(leftRow, factor);
    scaleRow(rightRow, factor);
    for (const [index, row] of left.entries()) {
      const below = right[index];
      const times = row[column] ?? 0;
      if (index === column || below === undefined || times === 0) continue;
      addMultiple(row, leftRow, times);
      addMultiple(below, rightRow, times);
    }
  }
  return right;
}

/**
 * The rows that give the shards `wanted` from the k shards `present`: since the data is the inverse of their rows times
 * the present shards, a wanted shard is its own row times that inverse.
 */
export function rebuildRows(code: Code, present: readonly number[], wanted: readonly number[]): Row[] {
  assert.equal(present.length, code.k);
  const decode = invert(present.map((index) => codeRow(code, index)));
  return wanted.map((index) => {
    const row = new Uint8Array(code.k);
    for (const [j, factor] of codeRow(code, index).entries()) addMultiple(row, decode[j] ?? row, factor);
    return row;
  });
}
