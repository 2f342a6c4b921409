/** The language-neutral vectors in `vectors/SPEC`, one case a file: how they are read, run against the code, and written. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { isFault } from "@piccolo/fault";
import { repositoryRoot } from "./run-tests.ts";

const folderOf = (spec: string): string => join(repositoryRoot, "vectors", spec);

/** By file name without its ending. */
export function readVectors<Vector>(spec: string): ReadonlyMap<string, Vector> {
  const folder = folderOf(spec);
  return new Map(
    readdirSync(folder).map((file) => [
      basename(file, ".json"),
      JSON.parse(readFileSync(join(folder, file), "utf8")) as Vector,
    ]),
  );
}

/**
 * A test per vector: what the implementation answers (or its promise gives), a fault as `{ fault: CODE }`, equals its `expect`. And one that
 * the files are what their builder makes.
 */
export function testVectors<Vector extends { readonly about: string; readonly expect: unknown }>(
  vectors: ReadonlyMap<string, Vector>,
  answer: (vector: Vector) => unknown,
  built: () => Readonly<Record<string, Vector>>,
): void {
  for (const [name, vector] of vectors) {
    test(`vector ${name}: ${vector.about}`, async () => {
      let answered: unknown;
      try {
        answered = await answer(vector);
      } catch (error) {
        if (!isFault(error)) throw error;
        answered = { fault: error.code };
      }
      assert.deepEqual(answered, vector.expect);
    });
  }

  test("the committed vectors are those their builder makes", () => {
    assert.deepEqual(Object.fromEntries(vectors), structuredClone(built()));
  });
}

/** The vectors of a published format do not change; this is for adding cases. */
export function writeVectors(spec: string, vectors: Readonly<Record<string, unknown>>): void {
  const folder = folderOf(spec);
  mkdirSync(folder, { recursive: true });
  for (const [name, vector] of Object.entries(vectors)) {
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, null, 2)}\n`);
  }
}
