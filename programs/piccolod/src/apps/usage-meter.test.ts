import assert from "node:assert/strict";
import { test } from "node:test";
import type { World } from "@piccolo/world";
import type { ContainerUsage } from "./runtime/container-runtime.ts";
import type { AppStore } from "./store.ts";
import { UsageMeter } from "./usage-meter.ts";
import type { UsagePoint } from "./usage-series.ts";

const usage: ContainerUsage = {
  name: "shelf.web.1",
  cpuMs: 1,
  memoryBytes: 1_024,
  memoryLimitBytes: 4_096,
  processes: 1,
  receivedBytes: 0,
  sentBytes: 0,
  readBytes: 0,
  writtenBytes: 0,
};

/** What is measured of an app, once for each of these looks at its volumes. */
async function measured(looks: readonly (() => Readonly<Record<string, number>>)[]): Promise<readonly UsagePoint[]> {
  const stopping = new AbortController();
  const left = [...looks];
  const world: Pick<World, "nowMs" | "sleep"> = {
    nowMs: () => (looks.length - left.length) * 5_000,
    sleep: async () => {
      if (left.length === 0) stopping.abort(new Error("all was looked at"));
    },
  };
  const meter = new UsageMeter({
    runtime: { usage: () => Promise.resolve([usage]) },
    storage: { usedBytes: (app) => (assert.equal(app, "shelf"), (left.shift() ?? assert.fail())()) },
    store: { all: () => [{ record: { app: "shelf" } }] } as unknown as Pick<AppStore, "all">,
    world: world as World,
  });
  await meter.run(stopping.signal);
  return meter.of("shelf");
}

const failing = (error: Error) => (): never => {
  throw error;
};

test("what an app keeps on the disk is measured with everything else, all its volumes together", async () => {
  const points = await measured([() => ({ data: 1_000, cache: 500 }), () => ({ data: 4_000, cache: 0 }), () => ({})]);
  assert.deepEqual(
    points.map(({ diskBytes }) => diskBytes),
    [1_500, 4_000, 0],
  );
});

test("where its volumes cannot be looked at, what it keeps is not known and the rest is; a bug is none of that", async () => {
  const refused = Object.assign(new Error("EIO: i/o error, stat"), { code: "EIO", errno: -5 });
  const points = await measured([failing(refused), () => ({ data: 1 })]);
  assert.deepEqual(
    points.map(({ diskBytes, memoryBytes }) => [diskBytes, memoryBytes]),
    [
      [undefined, 1_024],
      [1, 1_024],
    ],
  );
  await assert.rejects(measured([failing(new TypeError("a bug"))]), TypeError);
});
