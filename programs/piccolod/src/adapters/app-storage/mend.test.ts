import assert from "node:assert/strict";
import { test } from "node:test";
import { mend } from "./mend.ts";

const ends = (code: number | undefined, stdout = "", stderr = "") => {
  const run = async (): Promise<{ code: number | undefined; stdout: string; stderr: string }> => ({
    code,
    stdout,
    stderr,
  });
  return mend("/data.ext4", "where-unwell", run);
};
const needsPerson = "UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.";

test("what was well, or was mended, may be used", async () => {
  for (const code of [0, 1, 2]) await ends(code);
});

test("a look that was ended, or could not begin, says nothing of the data", async () => {
  for (const code of [undefined, 8, 12, 16, 32, 128]) {
    await assert.rejects(ends(code, needsPerson), ({ code: told, message }: Error & { code: string }) => {
      assert.equal(told, "app-storage-failed", String(code));
      assert.doesNotMatch(message, /damaged|backup/);
      return true;
    });
  }
});

test("where a write failed the data is not called damaged, and a full disk is told as that", async () => {
  const failed = (why: string): string => `recovering journal\nError writing block 2328 (${why}).\n${needsPerson}`;
  for (const code of [4, 8, 12]) {
    await assert.rejects(ends(code, failed("No space left on device")), { code: "disk-full" });
    await assert.rejects(ends(code, failed("Input/output error")), { code: "app-storage-failed" });
  }
});

test("what needs a person, or has no beginning any more, is damaged, and its owner hears of backups", async () => {
  const damaged = { code: "app-data-damaged", message: /backup/ };
  for (const code of [4, 5, 6]) await assert.rejects(ends(code, needsPerson), damaged);
  const magic = "e2fsck: Bad magic number in super-block while trying to open /data.ext4";
  await assert.rejects(ends(8, "", magic), damaged);
});
