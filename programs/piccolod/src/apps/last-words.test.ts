import assert from "node:assert/strict";
import { test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { manifestOf } from "../../test-support/app-world.ts";
import { lastCharactersMax, lastWords } from "./last-words.ts";
import type { LogLine, LogOptions } from "./runtime/container-runtime.ts";
import { runtimeFaults } from "./runtime/faults.ts";

const generation = { number: 1, manifest: manifestOf({ version: 1 }), grants: [], settings: {} };
const { signal } = new AbortController();

test("an app that says much is cut to its newest lines, and a long line to its beginning", async () => {
  const runtime = {
    async *logs(name: string): AsyncGenerator<LogLine> {
      for (let at = 0; at < 1_000; at++) {
        yield { stream: "stdout", atMs: at, text: `${at} of ${name} ${"x".repeat(5_000)}` };
      }
    },
  };
  const lines = await lastWords({ runtime, world: realWorld, signal }, "shelf", generation);
  assert.ok(lines.reduce((sum, { text }) => sum + text.length, 0) <= lastCharactersMax);
  assert.deepEqual([...new Set(lines.map(({ service }) => service))].toSorted(), ["db", "web"]);
  assert.ok(lines.at(-1)?.text.startsWith("999 of shelf."));
});

test("a part whose log is not there, or never ends, takes no other one's words and holds up nothing", async () => {
  const runtime = {
    async *logs(name: string, { signal: limit }: LogOptions = {}): AsyncGenerator<LogLine> {
      if (name === "shelf.db.1") throw runtimeFaults.fault("container-missing", "it is gone");
      yield { stream: "stderr", atMs: 1, text: "no room" };
      if (limit?.aborted !== true) await new Promise((resolve) => limit?.addEventListener("abort", resolve));
      throw new Error("it was cut off");
    },
  };
  const world = { ...realWorld, sleep: () => Promise.resolve() };
  const lines = await lastWords({ runtime, world, signal }, "shelf", generation);
  assert.deepEqual(lines, [{ service: "web", atMs: 1, stream: "err", text: "no room" }]);
});
