import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { copyFile } from "./copy-file.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-copy-file-"));
after(() => rmSync(folder, { recursive: true }));
const [from, to] = [join(folder, "from"), join(folder, "to")];

test("a copy has all that was copied, holes with it, and takes the place of what was there", async () => {
  writeFileSync(from, "some words");
  truncateSync(from, 3_000_000);
  writeFileSync(to, "a longer rest of a copy that was cut off");
  await copyFile(from, to);
  assert.deepEqual(readFileSync(to), readFileSync(from));
});

test("a copy of another size than what was copied is none: it goes, and that is told", async () => {
  writeFileSync(from, "some words");
  for (const words of ["some", "some words and more"]) {
    await assert.rejects(
      copyFile(from, to, async () => writeFileSync(to, words)),
      { code: "app-storage-failed", message: /copy.*size/ },
    );
    assert.ok(!existsSync(to));
  }
});
