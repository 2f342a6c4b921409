import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const folders = [import.meta.dirname, join(import.meta.dirname, "../adapters")];
/** Of these each refusal is shown to the owner as it is thrown. */
const thrown = /(?:planFaults|appFaults|catalogSourceFaults)\.fault\(\s*"([a-z-]+)",\s*(["`])((?:(?!\2).)+)\2/gs;
const advice =
  /\b(?:wait|try|choose|uninstall|restore|correct|agree|give|add|look|remove|bring|delete|erase|install|ask|enter|update|free|use|reload)\b/;

function sourceAt(path: string): string | undefined {
  return path.endsWith(".ts") && !path.endsWith(".test.ts") ? readFileSync(path, "utf8") : undefined;
}

test("whatever of an app or a catalog is refused says what to do next", () => {
  const sources = folders
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => sourceAt(join(folder, name))),
    )
    .filter((text) => text !== undefined);
  const found = sources
    .flatMap((text) => [...text.matchAll(thrown)])
    // What is wrong with a manifest is told problem by problem, each with its advice.
    .filter(([, code]) => code !== "manifest-refused");
  assert.ok(found.length > 20, `${found.length} refusals were found`);
  const bare = found
    .map(([, code, , text]) => `${code}: ${text}`)
    .filter((words) => !advice.test(words.slice(words.indexOf(": "))));
  assert.deepEqual(bare, []);
});
