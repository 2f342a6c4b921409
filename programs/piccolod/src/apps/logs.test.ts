import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppLog } from "@piccolo/device-api";
import { appApi } from "../../test-support/app-api.ts";
import { AppDevice } from "../../test-support/app-device.ts";
import type { LogLine, LogOptions } from "./runtime/container-runtime.ts";

const lineCount = 12_000;

async function scene(context: Parameters<typeof AppDevice.start>[0]): Promise<(query: string) => Promise<AppLog>> {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.runtime.logs = async function* (_name: string, { tail }: LogOptions): AsyncGenerator<LogLine> {
    for (let at = tail === undefined ? 0 : lineCount - tail; at < lineCount; at++)
      yield { stream: "stdout", atMs: at, text: at === 3 ? "Something BROKE" : `line ${at}` };
  };
  const { ask } = appApi(device);
  return async (query) => (await ask<AppLog>("GET", `/apps/shelf/logs${query}`)).body;
}

test("a search finds what was said at the very beginning of the log", async (context) => {
  const logs = await scene(context);
  assert.deepEqual(await logs("?q=broke"), {
    lines: [{ service: "web", atMs: 3, stream: "out", text: "Something BROKE" }],
    truncated: false,
  });
  assert.deepEqual(await logs("?q=nowhere"), { lines: [], truncated: false });
});

test("of many lines the newest are told, and that there are more", async (context) => {
  const logs = await scene(context);
  for (const query of ["?limit=10&q=LINE", "?limit=10"]) {
    const { lines, truncated } = await logs(query);
    assert.deepEqual(
      lines.map(({ atMs }) => atMs),
      Array.from({ length: 10 }, (_, at) => lineCount - 10 + at),
    );
    assert.ok(truncated);
  }
});
