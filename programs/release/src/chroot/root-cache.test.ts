import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { provideRoot, rootInTime } from "./root-cache.ts";

const nowMs = Date.UTC(2026, 10, 27, 12);
const dayMs = 86_400_000;

test("a root that is too old, of another recipe, unfinished, or of a time to come is not taken", () => {
  const names = [
    "guest-aa-20261126T115959Z",
    "guest-aa-20261127T120001Z",
    "guest-bb-20261127T110000Z",
    "guest-aa-20261127T110000Z.unfinished",
    "guest-aa-20261127T110000Z.sources",
    "guest-aa",
    "guest-aa-",
    "tools-aa-20261127T110000Z",
  ];
  assert.equal(rootInTime(names, "guest-aa-", { nowMs, ageMaxMs: dayMs }), undefined);
  assert.equal(rootInTime(names, "guest-aa-", { nowMs, ageMaxMs: 2 * dayMs }), "guest-aa-20261126T115959Z");
});

test("of several the newest is taken, all day long", () => {
  const names = ["guest-aa-20261127T000000Z", "guest-aa-20261127T090000Z", "guest-aa-20261126T120000Z"];
  for (const hour of [9, 15, 23]) {
    const at = Date.UTC(2026, 10, 27, hour);
    assert.equal(rootInTime(names, "guest-aa-", { nowMs: at, ageMaxMs: dayMs }), "guest-aa-20261127T090000Z");
  }
});

test("a root that is there in time is given as it is", async (context) => {
  const cache = mkdtempSync(join(tmpdir(), "roots-"));
  context.after(() => rmSync(cache, { recursive: true }));
  const said: string[] = [];
  const recipe = { name: "guest", suite: "trixie", packages: ["systemd"] };
  const age = { nowMs, ageMaxMs: dayMs, say: (line: string) => said.push(line) };
  // Its name is found out from where it would be made; no program of that name makes it here.
  const path = process.env["PATH"];
  process.env["PATH"] = cache;
  try {
    await assert.rejects(provideRoot(cache, recipe, age));
  } finally {
    process.env["PATH"] = path;
  }
  const [sources = ""] = readdirSync(cache).filter((name) => name.endsWith(".sources"));
  const root = join(cache, sources.replace(/\.sources$/, ""));
  mkdirSync(root);
  said.length = 0;
  assert.equal(await provideRoot(cache, recipe, { ...age, nowMs: nowMs + dayMs - 1_000 }), root);
  assert.deepEqual(said, []);
});
