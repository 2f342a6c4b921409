import { fromHex, toHex } from "@piccolo/bytes";
import { type Cell, CellReader, CellWriter } from "../src/db/cells.ts";
import { decodeChanges } from "../src/db/changes.ts";
import { RowSum } from "../src/db/content-digest.ts";
import { readSnapshot } from "../src/db/content-snapshot.ts";
import { openDatabase, transact } from "../src/db/database.ts";
import { ownerMigrations } from "../src/db/owner-schema.ts";
import type { JsonCell, MetadataContentCase } from "./metadata-content-vector.ts";

export function cellOf(cell: JsonCell): Cell {
  if (cell === null || typeof cell === "number") return cell;
  return "text" in cell ? cell.text : fromHex(cell.blob);
}

function jsonOf(cell: Cell): JsonCell {
  if (cell === null || typeof cell === "number") return cell;
  return typeof cell === "string" ? { text: cell } : { blob: toHex(cell) };
}

/** Gives the bytes in pieces of one byte at first, then of three: a reader may rely on no border. */
export function inPieces(bytes: Uint8Array): () => Uint8Array | undefined {
  let at = 0;
  return () => {
    if (at >= bytes.length) return undefined;
    const piece = bytes.subarray(at, at + (at < 20 ? 1 : 3));
    at += piece.length;
    return piece;
  };
}

function readAll(bytes: Uint8Array): { readonly digest: string; readonly whole: boolean } {
  const db = openDatabase(":memory:", { name: "owner", synchronous: "FULL", migrations: ownerMigrations });
  try {
    return transact(db, () => {
      db.exec("DELETE FROM node");
      const { digest, isWhole } = readSnapshot(db, inPieces(bytes));
      return { digest: toHex(digest), whole: isWhole };
    });
  } finally {
    db.close();
  }
}

export function answerOf(vector: MetadataContentCase): unknown {
  switch (vector.operation) {
    case "encode-cells": {
      const writer = new CellWriter();
      for (const cell of vector.input.cells) writer.cell(cellOf(cell));
      return { bytes: toHex(writer.view()) };
    }
    case "decode-cells": {
      const reader = new CellReader(inPieces(fromHex(vector.input.bytes)));
      const cells = Array.from({ length: vector.input.count }, () => jsonOf(reader.cell()));
      reader.end();
      return { cells };
    }
    case "digest": {
      const sum = new RowSum();
      for (const { table, cells } of vector.input.rows) sum.add(table, cells.map(cellOf));
      return { digest: toHex(sum.digest()) };
    }
    case "read-snapshot":
      return readAll(fromHex(vector.input.bytes));
    default:
      return { commits: decodeChanges(fromHex(vector.input.bytes)).map(toHex) };
  }
}
