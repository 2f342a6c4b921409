import assert from "node:assert/strict";
import { test } from "node:test";
import { image, network, specOf } from "../../test-support/container-runtime-suite.ts";
import { manifestOf } from "../../test-support/app-world.ts";
import { MemoryRuntime } from "../../test-support/memory-runtime.ts";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { networkOf } from "./addresses.ts";
import { requestInstall } from "./requests.ts";
import { AppStore } from "./store.ts";
import { removeStrangers, type StrangerOptions } from "./strangers.ts";

const device = { tag: "test", base: 0x0a80_0000 };
const log = createLog(
  () => undefined,
  () => 0,
);

async function machine(): Promise<{ readonly runtime: MemoryRuntime; readonly options: StrangerOptions }> {
  const runtime = new MemoryRuntime();
  const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  const store = new AppStore(db);
  const wish = { manifest: manifestOf({ version: 1 }), grants: [], settings: {} };
  store.insert(
    requestInstall(undefined, wish, 0),
    { networkSlot: 0, slot: 3, idStart: 0x4003_0000, installedAtMs: 0 },
    {},
  );
  await runtime.loadImage(
    image.digest,
    (async function* (): AsyncGenerator<Uint8Array> {
      yield image.archive;
    })(),
  );
  return { runtime, options: { runtime, store, device, log } };
}

const ofApp = (app: string): ReturnType<typeof specOf> =>
  specOf(`${app}.web.1`, "", { labels: { "piccolo.app": app } });

test("what belongs to no app goes, what belongs to one stays, and what is nobody's business is left alone", async () => {
  const { runtime, options } = await machine();
  for (const app of ["shelf", "gone"]) await runtime.create(ofApp(app));
  await runtime.create(specOf("another", "", { labels: {} }));
  const [own, orphan, outer] = [
    networkOf(device, 3, "inner"),
    networkOf(device, 4, "inner"),
    // The app once had a way out, and has none any more.
    networkOf(device, 3, "outer"),
  ];
  for (const one of [own, orphan, outer, network]) await runtime.createNetwork(one);
  await removeStrangers(options);
  assert.deepEqual(
    (await runtime.containers()).map(({ name }) => name),
    ["shelf.web.1", "another"],
  );
  assert.deepEqual(await runtime.networks(), [own.name, network.name]);
});

test("where it cannot be seen what is there, nothing is removed", async () => {
  const { runtime, options } = await machine();
  await runtime.create(ofApp("gone"));
  runtime.isAway = true;
  await assert.rejects(removeStrangers(options), { code: "runtime-unavailable" });
  runtime.isAway = false;
  assert.equal((await runtime.containers()).length, 1);
});

test("an image that nothing runs, and nothing can be brought back with, goes", async () => {
  const { runtime, options } = await machine();
  await removeStrangers(options);
  assert.equal(await runtime.image(image.digest), undefined);
});
