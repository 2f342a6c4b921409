import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerUsage } from "./runtime/container-runtime.ts";
import { UsageSeries } from "./usage-series.ts";

const usage = (name: string, cpuMs: number, more: Partial<ContainerUsage> = {}): ContainerUsage => ({
  name,
  cpuMs,
  memoryBytes: 1_000,
  memoryLimitBytes: 0,
  processes: 1,
  receivedBytes: 10,
  sentBytes: 20,
  readBytes: 30,
  writtenBytes: 40,
  ...more,
});

test("what an app's containers use is one sum, and their processor time a rate", () => {
  const series = new UsageSeries();
  series.add(0, [usage("web", 100), usage("db", 400)], 700);
  series.add(2_000, [usage("web", 1_100), usage("db", 900)], 700);
  const sums = {
    memoryBytes: 2_000,
    receivedBytes: 20,
    sentBytes: 40,
    readBytes: 60,
    writtenBytes: 80,
    diskBytes: 700,
  };
  assert.deepEqual(series.points, [
    { atMs: 0, milliCpus: 0, ...sums },
    { atMs: 2_000, milliCpus: 750, ...sums },
  ]);
});

test("a container that begins, or was started again, adds no time that nobody saw it use", () => {
  const series = new UsageSeries();
  series.add(0, [usage("web", 50_000)], 700);
  series.add(1_000, [usage("web", 20), usage("db", 90_000)], 700);
  series.add(2_000, [usage("web", 120), usage("db", 90_100)], 700);
  assert.deepEqual(
    series.points.map(({ milliCpus }) => milliCpus),
    [0, 0, 200],
  );
});

test("an hour is kept", () => {
  const series = new UsageSeries();
  for (let atMs = 0; atMs <= 2 * 3_600_000; atMs += 60_000) series.add(atMs, [usage("web", atMs)], 700);
  assert.equal(series.points[0]?.atMs, 3_600_000);
  assert.equal(series.points.length, 61);
});

test("a clock that is set back makes no rate below nothing, and none without end", () => {
  const series = new UsageSeries();
  series.add(10_000, [usage("web", 100)], 700);
  for (const atMs of [10_000, 5_000]) series.add(atMs, [usage("web", 900)], 700);
  series.add(6_000, [usage("web", 1_000)], 700);
  assert.deepEqual(
    series.points.map(({ milliCpus }) => milliCpus),
    [0, 0, 0, 100],
  );
});

test("what lies ahead of a clock that was set back goes", () => {
  const series = new UsageSeries();
  series.add(10 * 3_600_000, [usage("web", 100)], 700);
  series.add(1_000, [usage("web", 200)], 700);
  series.add(6_000, [usage("web", 300)], 700);
  assert.deepEqual(
    series.points.map(({ atMs }) => atMs),
    [1_000, 6_000],
  );
});
