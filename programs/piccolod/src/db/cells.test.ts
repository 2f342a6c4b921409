import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { isFault } from "@piccolo/fault";
import { inPieces } from "../../test-support/metadata-content-answer.ts";
import { type Cell, CellReader, CellWriter } from "./cells.ts";
import { decodeChanges, encodeChanges } from "./changes.ts";
import { RowSum } from "./content-digest.ts";

const cell: fc.Arbitrary<Cell> = fc.oneof(
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.nat(300),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.uint8Array({ maxLength: 200 }),
);

test("whatever bytes come, they are read as cells of one form, or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const writer = new CellWriter();
      const reader = new CellReader(inPieces(bytes));
      try {
        for (;;) writer.cell(reader.cell());
      } catch (error) {
        assert.ok(isFault(error, "malformed"), String(error));
      }
      assert.deepEqual(writer.view(), bytes.subarray(0, writer.length));
    }),
    { numRuns: 2_000 },
  );
});

test("cells come back as they were written, wherever the pieces end", () => {
  fc.assert(
    fc.property(fc.array(cell), (cells) => {
      const writer = new CellWriter();
      for (const one of cells) writer.cell(one);
      const reader = new CellReader(inPieces(writer.view()));
      assert.deepEqual(
        cells.map(() => reader.cell()),
        cells,
      );
      reader.end();
    }),
  );
});

test("a digest does not depend on the order of rows, and what is taken away was never there", () => {
  const row = fc.record({ table: fc.constantFrom("node", "version"), cells: fc.array(cell, { maxLength: 4 }) });
  fc.assert(
    fc.property(fc.array(row), fc.array(row), (kept, gone) => {
      const [sum, other] = [new RowSum(), new RowSum()];
      for (const { table, cells } of [...gone, ...kept]) sum.add(table, cells);
      for (const { table, cells } of gone) sum.remove(table, cells);
      for (const { table, cells } of kept.toReversed()) other.add(table, cells);
      assert.deepEqual(sum.digest(), other.digest());
    }),
  );
});

test("changes come back commit by commit, and damaged ones never as more than they were", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })),
      fc.nat(),
      fc.nat(255),
      (commits, at, value) => {
        const encoded = encodeChanges(commits);
        assert.deepEqual(
          decodeChanges(encoded).map((one) => new Uint8Array(one)),
          commits,
        );
        encoded[at % encoded.length] = value;
        try {
          decodeChanges(encoded);
        } catch (error) {
          assert.ok(isFault(error, "malformed"), String(error));
        }
      },
    ),
  );
});

test("a few bytes that come out as millions of commits are refused before they are listed", () => {
  const bomb = (plain: Uint8Array): Uint8Array => new Uint8Array([1, ...deflateRawSync(plain)]);
  const oneByteEach = new Uint8Array(5 * 262_145);
  for (let at = 3; at < oneByteEach.length; at += 5) oneByteEach[at] = 1;
  assert.throws(() => decodeChanges(bomb(new Uint8Array(64 * 1024 * 1024))), { code: "malformed" });
  assert.throws(() => decodeChanges(bomb(oneByteEach)), { code: "malformed" });
  assert.equal(decodeChanges(bomb(oneByteEach.subarray(5))).length, 262_144);
});
