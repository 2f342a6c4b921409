import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Workshop } from "@piccolo/release";
import { provideSystem } from "./guest-system.ts";

test("suites that run at once share what is made, and what could not be made is tried again", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "guest-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const shop = { folder, packagesRoot: join(folder, "no-root") } as Workshop;
  const first = provideSystem(shop, "kernel");
  assert.equal(provideSystem(shop, "kernel"), first);
  await assert.rejects(first);
  const second = provideSystem(shop, "kernel");
  assert.notEqual(second, first);
  await assert.rejects(second);
});
