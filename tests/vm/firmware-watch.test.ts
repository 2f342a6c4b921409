import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decideFirmware,
  firmwareRepeatsMax,
  type FirmwareSeen,
  isWithoutTicks,
  operationsOf,
} from "./firmware-watch.ts";

const hung: FirmwareSeen = { hasSpoken: false, sincePowerOnMs: 200_000, sinceProgressMs: 200_000, repeats: 0 };

test("a machine that said one word is never started again, however long it is silent afterwards", () => {
  assert.equal(decideFirmware({ ...hung, hasSpoken: true, sincePowerOnMs: 9e9, sinceProgressMs: 9e9 }), "past");
});

test("a slow firmware is waited for as long as its drives are used", () => {
  assert.equal(decideFirmware({ ...hung, sinceProgressMs: 1_000 }), "wait");
});

test("a silence shortly after power-on is no hang", () => {
  assert.equal(decideFirmware({ ...hung, sincePowerOnMs: 40_000, sinceProgressMs: 40_000 }), "wait");
});

test("a hang is started again twice, and the third one is the end", () => {
  const verdicts = [0, 1, 2, 3].map((repeats) => decideFirmware({ ...hung, repeats }));
  assert.deepEqual(verdicts, ["power-on-again", "power-on-again", "give-up", "give-up"]);
  assert.equal(firmwareRepeatsMax, 2);
});

test("a kernel whose second processor never had a tick has not begun; one that stalls later is judged as it is", () => {
  const stall = [
    "[   22.952461] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "[   22.953734] rcu: \t1-...!: (0 ticks this GP) idle=5fc8/0/0x0 softirq=13/13 fqs=0 (false positive?)",
    "[   22.956251] rcu: rcu_preempt kthread timer wakeup didn't happen for 5251 jiffies!",
    "[   22.956251] rcu: \tPossible timer handling issue on cpu=1 timer-softirq=4",
  ];
  const before = "[    0.052000] tsc: Unable to calibrate against PIT\n";
  assert.ok(isWithoutTicks(before + stall.join("\n")));
  assert.ok(!isWithoutTicks(before + stall.slice(0, 3).join("\n")));
  assert.ok(!isWithoutTicks(`${before}         Starting piccolod.service\n${stall.join("\n")}`));
  assert.ok(!isWithoutTicks("[   22.1] Kernel panic - not syncing"));
});

test("what drives did is counted, and an answer that is none counts nothing", () => {
  const stats = [
    { device: "pflash0", stats: { rd_operations: 3, wr_operations: 2 } },
    { device: "virtio0", stats: { rd_operations: 10, flush_operations: 1 } },
    { device: "empty" },
  ];
  assert.equal(operationsOf(stats), 16);
  for (const none of [undefined, {}, "text", []]) assert.equal(operationsOf(none), 0);
});
