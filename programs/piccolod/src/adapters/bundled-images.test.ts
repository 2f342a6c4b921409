import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { bundledImages } from "./bundled-images.ts";

const digest = `sha256:${"ab".repeat(32)}`;

test("an archive that cannot be read is an error of whoever reads it, and of nobody where it is not read", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-images-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, `${digest.replace(":", "-")}.tar`);
  writeFileSync(path, "an archive");
  const images = bundledImages(folder);
  const [read, unread] = [images.open(digest), images.open(digest)];
  rmSync(path);
  await assert.rejects(Array.fromAsync(read?.content ?? []), { code: "ENOENT" });
  // Whoever had a listener for it would have heard by now.
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(unread?.sizeBytes, 10);
  assert.equal(images.open(digest), undefined);
});
