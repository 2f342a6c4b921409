/** The cases of docs/spec/metadata-content.md, those that are refused first. */
import { toHex } from "@piccolo/bytes";
import { type Cell, CellWriter } from "../src/db/cells.ts";
import { answerOf } from "./metadata-content-answer.ts";
import type { MetadataContentCase, MetadataContentVector } from "./metadata-content-vector.ts";

const cases: Record<string, MetadataContentVector> = {};

function add(name: string, rule: string, about: string, one: MetadataContentCase, expect?: unknown): void {
  cases[name] = { spec: "metadata-content/1", rule, about, ...one, expect: expect ?? answerOf(one) };
}

const refused = { fault: "malformed" };

const damagedCells: Readonly<Record<string, readonly [string, string, number?]>> = {
  "unknown-tag": ["05", "No value has tag 5."],
  "small-integer-as-long": ["0107", "Integers up to 239 stand in their tag."],
  "number-too-long": ["01f08100", "A number ends with no byte of 0."],
  "number-too-large": ["01ffffffffffffff7f", "The number is over 2^53 - 1."],
  "number-of-nine-bytes": ["01ffffffffffffffff01", "A number has at most eight bytes."],
  "text-cut": ["030561", "The text ends early."],
  "text-not-utf8": ["0302c328", "The text is not UTF-8."],
  "blob-over-bound": ["04818040", "The bytes are one more than a cell may have."],
  "cell-missing": ["0010", "Two cells where three belong.", 3],
  "cell-left-over": ["001000", "Three cells where two belong.", 2],
};

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

function snapshot(tables: readonly Table[], change: { label?: string; schema?: number; mark?: number } = {}): string {
  const writer = new CellWriter();
  for (const byte of Buffer.from(change.label ?? "piccolo metadata content v1")) writer.u8(byte);
  writer.u32(change.schema ?? 1);
  writer.u8(tables.length);
  for (const { name, columns, rows } of tables) {
    writer.name(name);
    writer.u8(columns.length);
    for (const column of columns) writer.name(column);
    for (const row of rows) {
      writer.u8(change.mark ?? 1);
      for (const cell of row) writer.cell(cell);
    }
    writer.u8(0);
  }
  return toHex(writer.view());
}

const mediaTypes: Table = {
  name: "media_type",
  columns: ["media_type_number", "name"],
  rows: [
    [1, "image/jpeg"],
    [2, "text/plain"],
  ],
};
const secrets: Table = { name: "account_secret", columns: ["name", "secret"], rows: [["a", new Uint8Array([1, 2])]] };

const catalogs = (...rows: Table["rows"]): Table => ({
  name: "listed_catalog",
  columns: ["public_key", "address"],
  rows,
});
const catalogKey = new Uint8Array(32).fill(7);
const catalogAddress = "https://example.org/apps";

const damagedSnapshots: Readonly<Record<string, readonly [string, string]>> = {
  "other-label": [snapshot([], { label: "piccolo metadata content v2" }), "Another format."],
  "no-schema": [snapshot([], { schema: 0 }), "Schema versions begin with 1."],
  "table-twice": [snapshot([mediaTypes, { ...mediaTypes, rows: [] }]), "A table stands there twice."],
  "column-twice": [snapshot([{ ...mediaTypes, columns: ["name", "name"] }]), "A column stands there twice."],
  "no-columns": [snapshot([{ ...mediaTypes, columns: [], rows: [] }]), "A table without columns."],
  "name-of-sql": [snapshot([{ ...mediaTypes, name: "node; DROP TABLE node" }]), "A name that is none."],
  "other-mark": [snapshot([mediaTypes], { mark: 2 }), "A row begins with 1."],
  "wrong-type": [snapshot([{ ...mediaTypes, rows: [["x", "y"]] }]), "A text where the table takes an integer."],
  "row-twice": [snapshot([{ ...mediaTypes, rows: [...mediaTypes.rows, [1, "b"]] }]), "Two rows with one key."],
  "null-refused": [snapshot([{ ...mediaTypes, rows: [[1, null]] }]), "A NULL where the table takes none."],
  "catalog-key-short": [
    snapshot([catalogs([catalogKey.subarray(1), catalogAddress])], { schema: 4 }),
    "A catalog's key has 32 bytes.",
  ],
  "catalog-key-as-text": [
    snapshot([catalogs([toHex(catalogKey), catalogAddress])], { schema: 4 }),
    "A catalog's key is bytes.",
  ],
  "catalog-twice": [
    snapshot([catalogs([catalogKey, catalogAddress], [catalogKey, "https://example.org/other"])], { schema: 4 }),
    "A catalog stands there once.",
  ],
  "catalog-nowhere": [snapshot([catalogs([catalogKey, null])], { schema: 4 }), "A catalog has an address."],
  cut: [snapshot([mediaTypes]).slice(0, -2), "The end's mark is missing."],
  "left-over": [`${snapshot([mediaTypes])}00`, "A byte after the end."],
};

export function metadataContentCases(): Readonly<Record<string, MetadataContentVector>> {
  for (const [name, [bytes, about, count = 1]] of Object.entries(damagedCells)) {
    add(`cells-${name}`, "M3", about, { operation: "decode-cells", input: { bytes, count } }, refused);
  }
  for (const [name, [bytes, about]] of Object.entries(damagedSnapshots)) {
    add(`snapshot-${name}`, "M8", about, { operation: "read-snapshot", input: { bytes } }, refused);
  }
  const damagedChanges = {
    form: "0200000000",
    inflate: "01070707",
    length: "000000000501",
    cut: "00000000",
    "empty-commit": "0000000000",
  };
  for (const [name, bytes] of Object.entries(damagedChanges)) {
    const about = `Changes that are none: ${name}.`;
    add(`changes-${name}`, "M12", about, { operation: "decode-changes", input: { bytes } }, refused);
  }

  const values = [null, 0, 239, 240, 1_800_000_000_000, Number.MAX_SAFE_INTEGER, -1, -300, -Number.MAX_SAFE_INTEGER];
  const cells = [...values, { text: "" }, { text: "Gr\u00fc\u00dfe" }, { blob: "" }, { blob: "00ff" }];
  add("cells-every-kind", "M3", "Every kind of value.", { operation: "encode-cells", input: { cells } });
  const { bytes } = answerOf({ operation: "encode-cells", input: { cells } }) as { bytes: string };
  const back: MetadataContentCase = { operation: "decode-cells", input: { bytes, count: cells.length } };
  add("cells-every-kind-back", "M3", "Every kind of value, read.", back);

  const one = { table: "media_type", cells: [1, { text: "image/jpeg" }] };
  const other = { table: "media_type", cells: [2, { text: "text/plain" }] };
  const digests = { none: [], one: [one], two: [one, other], "two-turned": [other, one] };
  for (const [name, rows] of Object.entries(digests)) {
    add(`digest-${name}`, "M5", `The sum over rows: ${name}.`, { operation: "digest", input: { rows } });
  }
  const longer = [{ ...one, cells: [...one.cells, null, null] }];
  add("digest-null-at-the-end", "M4", "NULLs at the end are left out.", {
    operation: "digest",
    input: { rows: longer },
  });

  const snapshots = {
    empty: snapshot([]),
    rows: snapshot([mediaTypes, secrets]),
    "unknown-table": snapshot([{ ...mediaTypes, name: "of_later" }], { schema: 9 }),
    "unknown-column": snapshot([
      { ...secrets, columns: ["name", "secret", "later"], rows: [["a", new Uint8Array(1), 5]] },
    ]),
  };
  for (const [name, text] of Object.entries(snapshots)) {
    const about = `A snapshot that is read: ${name}.`;
    add(`snapshot-${name}`, "M9", about, { operation: "read-snapshot", input: { bytes: text } });
  }
  add("snapshot-catalogs", "M16", "Catalogs the owner added are content.", {
    operation: "read-snapshot",
    input: { bytes: snapshot([secrets, catalogs([catalogKey, catalogAddress])], { schema: 4 }) },
  });
  add("digest-catalog", "M16", "A catalog the owner added.", {
    operation: "digest",
    input: { rows: [{ table: "listed_catalog", cells: [{ blob: toHex(catalogKey) }, { text: catalogAddress }] }] },
  });
  // What compresses may differ, what decompresses does not: sixteen bytes of 7, compressed once.
  const changes = { none: "00", plain: "0000000002aabb00000001cc", deflated: "016360601060470300" };
  for (const [name, text] of Object.entries(changes)) {
    add(`changes-${name}`, "M12", `Changes: ${name}.`, { operation: "decode-changes", input: { bytes: text } });
  }
  return cases;
}
