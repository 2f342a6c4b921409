import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { plainCoefficient, plainProduct } from "../test-support/plain-code.ts";
import { inverse, multiply } from "./field.ts";
import { codeRow, invert, rebuildRows } from "./matrix.ts";

test("products and inverses are those of the field", () => {
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) assert.equal(multiply(a, b), plainProduct(a, b));
    if (a > 0) assert.equal(plainProduct(a, inverse(a)), 1);
  }
});

test("the first k rows are the data, the first parity row and the first parity column are all ones", () => {
  for (let n = 1; n <= 255; n += 7) {
    for (let k = 1; k <= n; k += 5) {
      for (let index = 0; index < k; index++) {
        assert.ok(codeRow({ k, n }, index).every((value, j) => value === (j === index ? 1 : 0)));
      }
      for (let index = k; index < n; index++) {
        const row = codeRow({ k, n }, index);
        assert.equal(row[0], 1);
        assert.ok(row.every((value) => (index === k ? value === 1 : value !== 0)));
      }
    }
  }
});

test("every coefficient is the one the spec's formula gives", () => {
  for (const k of [1, 2, 3, 6, 20, 127, 128, 254, 255]) {
    const code = { k, n: 255 };
    for (let index = 0; index < 255; index += 3) {
      const row = codeRow(code, index);
      for (let column = 0; column < k; column++) {
        assert.equal(row[column], plainCoefficient(code, index, column), `${k}: row ${index}, column ${column}`);
      }
    }
  }
});

test("a row depends on k and its index alone, so that a longer code contains the shorter one", () => {
  assert.deepEqual(codeRow({ k: 6, n: 9 }, 8), codeRow({ k: 6, n: 255 }, 8));
});

test("a matrix times its inverse is the unit matrix", () => {
  const code = { k: 5, n: 10 };
  const matrix = [9, 1, 7, 3, 8].map((index) => codeRow(code, index));
  const inverted = invert(matrix);
  for (const [i, row] of matrix.entries()) {
    for (let j = 0; j < 5; j++) {
      const sum = row.reduce((total, value, via) => total ^ multiply(value, inverted[via]?.[j] ?? 0), 0);
      assert.equal(sum, i === j ? 1 : 0);
    }
  }
});

test("any k rows are invertible: exhaustively for small codes", () => {
  for (let n = 1; n <= 10; n++) {
    for (let k = 1; k <= n; k++) {
      for (let set = 0; set < 1 << n; set++) {
        const chosen = Array.from({ length: n }, (_, index) => index).filter((index) => (set >> index) & 1);
        if (chosen.length === k) invert(chosen.map((index) => codeRow({ k, n }, index)));
      }
    }
  }
});

test("any k rows are invertible: at random for large codes", () => {
  const chosenRows = fc.integer({ min: 2, max: 255 }).chain((n) =>
    fc.tuple(
      fc.constant(n),
      fc.shuffledSubarray(
        Array.from({ length: n }, (_, i) => i),
        { minLength: 1 },
      ),
    ),
  );
  fc.assert(
    fc.property(chosenRows, ([n, chosen]) => {
      const code = { k: chosen.length, n };
      assert.deepEqual(
        rebuildRows(code, chosen, chosen),
        chosen.map((_, i) => new Uint8Array(chosen.length).fill(1, i, i + 1)),
      );
    }),
    { numRuns: 30 },
  );
});
