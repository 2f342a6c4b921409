import assert from "node:assert/strict";
import { test } from "node:test";
import { benchmarks } from "./catalogue.ts";
import {
  describeMachine,
  formatNumber,
  formatReport,
  interleaved,
  isMet,
  median,
  type Report,
  reportJson,
} from "./harness.ts";

const report: Report = {
  about: "what was measured",
  figures: [
    { key: "coding", value: 8123.4, unit: "MB/CPU s", reference: "AES-256-GCM 2000" },
    { key: "codingVsAes", value: 1.7, unit: "times", goal: { atLeast: 1.8 } },
    { key: "memory", value: 40, unit: "MB", goal: { atMost: 64 } },
  ],
  notes: ["a reference was missing"],
};

test("a goal is met at its limit and not beyond", () => {
  assert.ok(isMet(1.8, { atLeast: 1.8 }));
  assert.ok(!isMet(1.79, { atLeast: 1.8 }));
  assert.ok(isMet(64, { atMost: 64 }));
  assert.ok(!isMet(65, { atMost: 64 }));
  assert.ok(!isMet(Number.NaN, { atLeast: 1 }), "what was not measured meets no goal");
});

test("turns alternate, and each gives the median of its own rates", () => {
  const order: string[] = [];
  const turn = (name: string, rates: number[]) => () => {
    order.push(name);
    return rates.shift() ?? Number.NaN;
  };
  assert.deepEqual(interleaved({ a: turn("a", [1, 100, 2]), b: turn("b", [7, 5, 6]) }, 3), { a: 2, b: 6 });
  assert.deepEqual(order, ["a", "b", "a", "b", "a", "b"]);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("the table shows every figure, what stands beside it, and a missed goal", () => {
  const text = formatReport("demo", report, "a machine");
  for (const part of ["demo: what was measured", "machine: a machine", "8123  MB/CPU s  AES-256-GCM 2000"]) {
    assert.ok(text.includes(part), part);
  }
  assert.match(text, /codingVsAes +1\.70 +times +at least 1\.8: MISSED/);
  assert.match(text, /memory +40\.0 +MB +at most 64: met/);
  assert.match(text, /^note: a reference was missing$/m);
  assert.match(text, /^goal missed: codingVsAes is 1\.70/m);
  assert.match(text, /^goals: 1 of 2 met$/m);
});

test("the file for programs has the name, figures, goals and machine", () => {
  assert.deepEqual(reportJson("demo", report, "a machine"), {
    name: "demo",
    figures: { coding: 8123.4, codingVsAes: 1.7, memory: 40 },
    goals: { codingVsAes: { atLeast: 1.8 }, memory: { atMost: 64 } },
    machine: "a machine",
  });
});

test("numbers keep three digits that count", () => {
  assert.deepEqual([0, 0.0725, 0.735, 1.8, 44.04, 8888.8].map(formatNumber), [
    "0",
    "0.0725",
    "0.735",
    "1.80",
    "44.0",
    "8889",
  ]);
});

test("the machine is described by what it is", () => {
  assert.match(describeMachine(), /^.+, \d+ CPUs, \d+ GiB, Linux [\d.]+ (?:x64|arm64), Node \d+\.\d+\.\d+$/);
});

test("every benchmark has a name of its own and loads", async () => {
  assert.equal(new Set(benchmarks.map(({ name }) => name)).size, benchmarks.length);
  for (const benchmark of benchmarks) assert.equal(typeof (await benchmark.load()).run, "function", benchmark.name);
});
