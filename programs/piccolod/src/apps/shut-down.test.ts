import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestOf } from "../../test-support/app-world.ts";
import { image, specOf } from "../../test-support/container-runtime-suite.ts";
import { MemoryRuntime } from "../../test-support/memory-runtime.ts";
import { createLog } from "../adapters/log.ts";
import { requestInstall } from "./requests.ts";
import { inOrderMs, lastGraceMs, stopInOrder } from "./shut-down.ts";

const log = createLog(
  () => undefined,
  () => 0,
);
const endless = { sleep: (): Promise<void> => new Promise(() => undefined) };
const record = requestInstall(undefined, { manifest: manifestOf({ version: 1 }), grants: [], settings: {} }, 0);
const rested = (): Promise<void> => Promise.resolve();

interface Machine {
  readonly runtime: MemoryRuntime;
  /** In the order in which they are told to stop, with the grace where it is another than their own. */
  readonly told: string[];
}

/** The app's two services run, the database first. */
async function machine(scripts: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const runtime = new MemoryRuntime();
  await runtime.loadImage(
    image.digest,
    (async function* (): AsyncGenerator<Uint8Array> {
      yield image.archive;
    })(),
  );
  for (const service of ["db", "web"]) {
    const labels = { "piccolo.app": record.app, "piccolo.generation": "1", "piccolo.service": service };
    await runtime.create(specOf(service, scripts[service] ?? "", { labels }));
    await runtime.start(service);
  }
  const told: string[] = [];
  const stop = runtime.stop.bind(runtime);
  runtime.stop = async (name, graceMsMax) => {
    told.push(graceMsMax === undefined ? name : `${name} ${graceMsMax}`);
    await stop(name, graceMsMax === undefined ? undefined : 0);
  };
  return { runtime, told };
}

test("what uses a service ends before the service", async () => {
  const { runtime, told } = await machine();
  await stopInOrder([record], { runtime, log, rested, world: endless });
  assert.deepEqual(told, ["web", "db"]);
});

test("a part that does not end holds up the others for a while only; then all that is left ends soon", async () => {
  const { runtime, told } = await machine({ web: "trap '' TERM" });
  await stopInOrder([record], { runtime, log, rested, world: { sleep: async () => undefined } });
  assert.deepEqual(told, ["web", `db ${lastGraceMs}`, `web ${lastGraceMs}`]);
  assert.deepEqual(
    (await runtime.containers()).map(({ phase }) => phase),
    ["stopped", "stopped"],
  );
});

test("an app that something is still done with ends in order after that, and where it takes long all the same", async () => {
  const { runtime, told } = await machine();
  const atRest = Promise.withResolvers<void>();
  const stopped = stopInOrder([record], { runtime, log, rested: () => atRest.promise, world: endless });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, []);
  atRest.resolve();
  await stopped;
  assert.deepEqual(told, ["web", "db"]);

  const other = await machine();
  const world = { sleep: (ms: number) => (ms < inOrderMs ? Promise.resolve() : endless.sleep()) };
  await stopInOrder([record], { ...other, log, rested: () => endless.sleep(), world });
  assert.deepEqual(other.told, ["web", "db"]);
});

test("a runtime that is away, and a container that cannot be stopped, keep the device from nothing", async () => {
  const { runtime } = await machine();
  runtime.stop = () => Promise.reject(new Error("no"));
  await stopInOrder([record], { runtime, log, rested, world: endless });
  runtime.isAway = true;
  await stopInOrder([record], { runtime, log, rested, world: endless });
  await stopInOrder([record], { runtime, log, rested, world: { sleep: async () => undefined } });
});
