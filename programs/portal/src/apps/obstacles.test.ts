import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksInstall, blocksUpdate, type Obstacle } from "./obstacles.ts";

const all: readonly Obstacle["code"][] = [
  "name-taken",
  "name-reserved",
  "too-large",
  "too-many-apps",
  "in-trash",
  "too-little-space",
  "room-promised",
  "too-little-memory",
  "digest-unverified",
  "wrong-architecture",
  "needs-newer-os",
  "runtime-unavailable",
];
const told = (code: Obstacle["code"]): Obstacle => ({ code, detail: "" });

test("an install is kept back by what the device would refuse it for", () => {
  assert.deepEqual(
    all.filter((code) => !blocksInstall(told(code))),
    ["in-trash", "too-little-memory", "runtime-unavailable"],
  );
});

test("an update waits for what runs the apps by itself, and what keeps only an install back is nothing to it", () => {
  assert.deepEqual(
    all.filter((code) => blocksUpdate(told(code))),
    ["too-large", "too-little-space", "room-promised", "digest-unverified", "wrong-architecture", "needs-newer-os"],
  );
});
