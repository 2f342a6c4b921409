/** The digest of the backed-up content (docs/spec/metadata-content.md, 2): a sum over rows, kept up as rows change. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { type Cell, CellWriter } from "./cells.ts";
import { contentTables } from "./owner-schema.ts";

export const digestBytes = 32;
const limbCount = 8;

/** A sum of row hashes modulo 2^256: the same for the same rows, in whatever order they came and went. */
export class RowSum {
  /** Big-endian, the most significant limb first. */
  readonly #limbs = new Uint32Array(limbCount);
  readonly #row = new CellWriter();

  add(table: string, cells: readonly Cell[]): void {
    const value = this.#hash(table, cells);
    let carry = 0;
    for (let at = limbCount - 1; at >= 0; at--) {
      const sum = (this.#limbs[at] ?? 0) + value.getUint32(at * 4) + carry;
      this.#limbs[at] = sum;
      carry = sum > 0xffff_ffff ? 1 : 0;
    }
  }

  remove(table: string, cells: readonly Cell[]): void {
    const value = this.#hash(table, cells);
    let borrow = 0;
    for (let at = limbCount - 1; at >= 0; at--) {
      const difference = (this.#limbs[at] ?? 0) - value.getUint32(at * 4) - borrow;
      this.#limbs[at] = difference;
      borrow = difference < 0 ? 1 : 0;
    }
  }

  digest(): Uint8Array {
    const bytes = new Uint8Array(digestBytes);
    const view = new DataView(bytes.buffer);
    for (const [at, limb] of this.#limbs.entries()) view.setUint32(at * 4, limb);
    return bytes;
  }

  set(digest: Uint8Array): void {
    assert.equal(digest.length, digestBytes);
    const view = new DataView(digest.buffer, digest.byteOffset);
    for (let at = 0; at < limbCount; at++) this.#limbs[at] = view.getUint32(at * 4);
  }

  /** NULLs at the end are left out, so that a column a later schema adds changes no digest before it is used. */
  #hash(table: string, cells: readonly Cell[]): DataView {
    let { length } = cells;
    while (length > 0 && cells[length - 1] === null) length--;
    this.#row.clear();
    this.#row.name(table);
    for (let at = 0; at < length; at++) this.#row.cell(cells[at] ?? null);
    const bytes = hash("sha256", this.#row.view(), "buffer");
    return new DataView(bytes.buffer, bytes.byteOffset, digestBytes);
  }
}

/** A table's columns in the order of its schema. */
export function columnsOf(db: DatabaseSync, table: string): readonly string[] {
  const rows = db.prepare("SELECT name FROM pragma_table_info(?) ORDER BY cid").all(table);
  return rows.map((row) => String(row["name"]));
}

/** All rows of a table by primary key, as cells in the order of the columns. */
export function rowsOf(db: DatabaseSync, table: string): Iterable<Cell[]> {
  const statement = db.prepare(`SELECT * FROM ${table}`);
  statement.setReturnArrays(true);
  return statement.iterate() as unknown as Iterable<Cell[]>;
}

/** The digest, computed from all rows. */
export function computeDigest(db: DatabaseSync): Uint8Array {
  const sum = new RowSum();
  for (const table of contentTables) for (const row of rowsOf(db, table)) sum.add(table, row);
  return sum.digest();
}
