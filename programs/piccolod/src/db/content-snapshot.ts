/** The backed-up content as a stream of bytes (docs/spec/metadata-content.md, 3). */
import type { DatabaseSync } from "node:sqlite";
import { equalConstantTime, malformed, toUtf8 } from "@piccolo/bytes";
import { ownLogFaults } from "@piccolo/storage/ports";
import { type Cell, CellReader, CellWriter } from "./cells.ts";
import { columnsOf, RowSum, rowsOf } from "./content-digest.ts";
import { isOfDisk } from "./database.ts";
import { contentTables } from "./owner-schema.ts";

const label = toUtf8("piccolo metadata content v1");
const pieceBytes = 64 * 1024;
const mostTables = 100;
const mostColumns = 100;
const marks = { end: 0, row: 1 } as const;

/**
 * The content of the transaction that is open in `db`, in pieces of about 64 KiB, each valid until the next. Throws
 * `log-digest` at the end where the rows are not those of `digest`.
 */
export function* writeSnapshot(db: DatabaseSync, schemaVersion: number, digest: Uint8Array): Generator<Uint8Array> {
  const writer = new CellWriter();
  const sum = new RowSum();
  for (const byte of label) writer.u8(byte);
  writer.u32(schemaVersion);
  writer.u8(contentTables.length);
  for (const table of contentTables) {
    const columns = columnsOf(db, table);
    writer.name(table);
    writer.u8(columns.length);
    for (const column of columns) writer.name(column);
    for (const row of rowsOf(db, table)) {
      sum.add(table, row);
      writer.u8(marks.row);
      for (const cell of row) writer.cell(cell);
      if (writer.length < pieceBytes) continue;
      yield writer.view();
      writer.clear();
    }
    writer.u8(marks.end);
  }
  yield writer.view();
  if (!equalConstantTime(sum.digest(), digest)) {
    throw ownLogFaults.fault("log-digest", "the database's content is not what was committed to it; check the disk");
  }
}

/** What a snapshot held beyond what this release's tables take. */
export interface SnapshotRead {
  /** Of all that was read, also of what no table takes. */
  readonly digest: Uint8Array;
  readonly isWhole: boolean;
}

/**
 * Inserts a snapshot's rows into the empty tables of `db`, in the transaction that is open; columns and tables this
 * release does not know are left out. Throws `malformed`.
 */
export function readSnapshot(db: DatabaseSync, next: () => Uint8Array | undefined): SnapshotRead {
  const reader = new CellReader(next);
  if (!equalConstantTime(reader.take(label.length), label))
    throw malformed("this is no metadata content, or a newer one");
  if (reader.u32() < 1) throw malformed("the schema's version is none");
  const tableCount = reader.u8();
  if (tableCount > mostTables) throw malformed("the content has too many tables");
  const sum = new RowSum();
  const seen = new Set<string>();
  let isWhole = true;
  for (let at = 0; at < tableCount; at++) {
    const table = readName(reader);
    if (seen.has(table)) throw malformed("the content has a table twice");
    seen.add(table);
    const columns = readColumns(reader);
    const insert = inserter(db, table, columns);
    isWhole = isWhole && insert.isWhole;
    for (let mark = reader.u8(); mark !== marks.end; mark = reader.u8()) {
      if (mark !== marks.row) throw malformed("a row begins with neither a row's nor the end's mark");
      const cells = columns.map(() => reader.cell());
      sum.add(table, cells);
      insert.row(cells);
    }
  }
  reader.end();
  return { digest: sum.digest(), isWhole };
}

function readName(reader: CellReader): string {
  const name = reader.name();
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw malformed("a name of the content is none");
  return name;
}

function readColumns(reader: CellReader): readonly string[] {
  const count = reader.u8();
  if (count < 1 || count > mostColumns) throw malformed("a table has no columns, or too many");
  const columns = Array.from({ length: count }, () => readName(reader));
  if (new Set(columns).size < count) throw malformed("a table has a column twice");
  return columns;
}

function inserter(
  db: DatabaseSync,
  table: string,
  columns: readonly string[],
): { readonly isWhole: boolean; row(cells: readonly Cell[]): void } {
  const isKnown = (contentTables as readonly string[]).includes(table);
  const own = new Set(isKnown ? columnsOf(db, table) : []);
  const taken = columns.flatMap((column, at) => (own.has(column) ? [{ column, at }] : []));
  if (taken.length === 0) return { isWhole: false, row: () => undefined };
  const statement = db.prepare(
    `INSERT INTO ${table} (${taken.map(({ column }) => column).join(", ")}) VALUES (${taken.map(() => "?").join(", ")})`,
  );
  return {
    isWhole: taken.length === columns.length,
    row: (cells) => {
      try {
        statement.run(...taken.map(({ at }) => cells[at] ?? null));
      } catch (cause) {
        if (isOfDisk(cause)) throw cause;
        throw malformed(`a row does not fit the table ${table}`, cause);
      }
    },
  };
}
