import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestOf } from "../../test-support/app-world.ts";
import { image, specOf } from "../../test-support/container-runtime-suite.ts";
import { MemoryRuntime } from "../../test-support/memory-runtime.ts";
import { createLog } from "../adapters/log.ts";
import { requestInstall } from "./requests.ts";
import { stopInOrder } from "./shut-down.ts";

const log = createLog(
  () => undefined,
  () => 0,
);
const record = requestInstall(undefined, { manifest: manifestOf({ version: 1 }), grants: [], settings: {} }, 0);

/** The app's two services run, the database first; gives the names in the order in which they are told to stop. */
async function machine(): Promise<{ readonly runtime: MemoryRuntime; readonly told: string[] }> {
  const runtime = new MemoryRuntime();
  await runtime.loadImage(
    image.digest,
    (async function* (): AsyncGenerator<Uint8Array> {
      yield image.archive;
    })(),
  );
  for (const service of ["db", "web"]) {
    const labels = { "piccolo.app": record.app, "piccolo.generation": "1", "piccolo.service": service };
    await runtime.create(specOf(service, "", { labels }));
    await runtime.start(service);
  }
  const told: string[] = [];
  const stop = runtime.stop.bind(runtime);
  runtime.stop = async (name) => {
    told.push(name);
    await stop(name);
  };
  return { runtime, told };
}

test("what uses a service ends before the service", async () => {
  const { runtime, told } = await machine();
  await stopInOrder([record], { runtime, log, world: { sleep: () => new Promise(() => undefined) } });
  assert.deepEqual(told, ["web", "db"]);
});

test("a part that does not end holds up the others for a while only", async () => {
  const { runtime, told } = await machine();
  const stop = runtime.stop.bind(runtime);
  runtime.stop = async (name) => {
    await stop(name);
    await new Promise(() => undefined);
  };
  await stopInOrder([record], { runtime, log, world: { sleep: async () => undefined } });
  assert.deepEqual(told, ["web"]);
});

test("a runtime that is away, and a container that cannot be stopped, keep the device from nothing", async () => {
  const { runtime } = await machine();
  runtime.stop = () => Promise.reject(new Error("no"));
  await stopInOrder([record], { runtime, log, world: { sleep: () => new Promise(() => undefined) } });
  runtime.isAway = true;
  await stopInOrder([record], { runtime, log, world: { sleep: () => new Promise(() => undefined) } });
});
