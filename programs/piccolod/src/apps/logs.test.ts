import assert from "node:assert/strict";
import { test } from "node:test";
import { checkManifest } from "@piccolo/app-manifest";
import type { AppLog, Problem } from "@piccolo/device-api";
import { appApi } from "../../test-support/app-api.ts";
import { AppDevice, manifestText } from "../../test-support/app-device.ts";
import type { LogLine, LogOptions } from "./runtime/container-runtime.ts";
import { runtimeFaults } from "./runtime/faults.ts";

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

/** Each container that is there says its name. */
function sayNames(device: AppDevice, isThere: (name: string) => boolean): void {
  device.runtime.logs = async function* (name: string): AsyncGenerator<LogLine> {
    const found = await device.runtime.container(name);
    if (found === undefined || !isThere(name)) throw runtimeFaults.fault("container-missing", "there is none");
    yield { stream: "stdout", atMs: 1, text: name };
  };
}

async function texts(device: AppDevice, query: string): Promise<readonly string[] | string> {
  const { status, body } = await appApi(device).ask<AppLog & Problem>("GET", `/apps/shelf/logs${query}`);
  return status === 200 ? body.lines.map(({ text }) => text) : body.code;
}

test("a part without a container hides no other part's log; one that is asked for by name is refused, and so are all", async (context) => {
  const device = AppDevice.start(context);
  const one = manifestText("shelf", { hasData: false });
  const { manifest } = checkManifest(
    one.replace("services:\n", `services:\n  db:\n    ${/image: .*/.exec(one)?.[0]}\n`),
  );
  assert.ok(manifest);
  device.manifest("shelf");
  device.apps.install({ manifest, grants: [], settings: {} });
  await device.apps.settled("shelf", () => undefined);
  const there = new Set(["shelf.web.1", "shelf.db.1"]);
  sayNames(device, (name) => there.has(name));
  assert.deepEqual(await texts(device, ""), ["shelf.db.1", "shelf.web.1"]);
  there.delete("shelf.db.1");
  assert.deepEqual(await texts(device, ""), ["shelf.web.1"]);
  assert.deepEqual(await texts(device, "?q=web"), ["shelf.web.1"]);
  assert.equal(await texts(device, "?service=db"), "container-missing");
  there.clear();
  assert.equal(await texts(device, ""), "container-missing");
});

test("the log of a version that is starting is read once the former one's container is gone", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  sayNames(device, () => true);
  const [isStarting, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const isFetching = Promise.withResolvers<void>();
  const mayFetch = Promise.withResolvers<void>();
  device.runtime.pullGate = async () => {
    isFetching.resolve();
    await mayFetch.promise;
  };
  const start = device.runtime.start.bind(device.runtime);
  device.runtime.start = async (name) => {
    const state = await start(name);
    isStarting.resolve();
    await mayEnd.promise;
    return state;
  };
  device.apps.update("shelf", { manifest: device.manifest("shelf", { version: "2" }), grants: [] });
  await isFetching.promise;
  assert.deepEqual(await texts(device, ""), ["shelf.web.1"]);
  mayFetch.resolve();
  await isStarting.promise;
  assert.equal(device.apps.get("shelf").record.current?.number, 1);
  assert.deepEqual(await texts(device, ""), ["shelf.web.2"]);
  assert.deepEqual(await texts(device, "?q=SHELF"), ["shelf.web.2"]);
  mayEnd.resolve();
  await device.apps.settled("shelf", () => undefined);
  assert.deepEqual(await texts(device, ""), ["shelf.web.2"]);
});
