import assert from "node:assert/strict";
import { test } from "node:test";
import { recordedBoot } from "../../test-support/recorded-boot.ts";
import { bootStateFaults } from "../system/boot-state.ts";
import { decideStartKeys, startKeys } from "./start-keys.ts";
import { distrustOf } from "./start-trust.ts";

const recorded = recordedBoot("secure-boot");
const released = new Set(recorded.prediction.signers);
const pcr7 = recorded.pcrs.get(7);

test("a start by the release's key alone speaks against nothing", () => {
  assert.equal(decideStartKeys(recorded.log, pcr7, released), undefined);
  assert.equal(decideStartKeys(recorded.log, pcr7, new Set([...released, "00".repeat(32)])), undefined);
});

test("a key that is not the release's does, however signed the boot claims to be", () => {
  for (const keys of [[], [""], ["00".repeat(32)]]) {
    assert.equal(decideStartKeys(recorded.log, pcr7, new Set(keys))?.code, "start-keys-of-others");
  }
});

test("a log that the chip does not confirm, that cannot be read, or that names no key does", () => {
  const off = recordedBoot("secure-boot-off");
  const damaged = recorded.log.slice();
  damaged[200] = (damaged[200] ?? 0) ^ 1;
  for (const [log, value] of [
    [undefined, pcr7],
    [recorded.log, undefined],
    [recorded.log, new Uint8Array(32)],
    [off.log, pcr7],
    [off.log, off.pcrs.get(7)],
    [new Uint8Array(0), pcr7],
    [recorded.log.subarray(0, 5_000), pcr7],
  ] as const) {
    assert.equal(decideStartKeys(log, value, released)?.code, "start-keys-unknown");
  }
  assert.ok(decideStartKeys(damaged, pcr7, new Set()) !== undefined);
});

test("what cannot be asked counts against the start, and so does every other doubt before it", async () => {
  const chip = { pcrs: async () => recorded.pcrs, checkStart: async () => undefined };
  const bootState = {
    read: () => Promise.reject(bootStateFaults.fault("boot-state-unreadable", "it is not given out")),
  };
  const unreadable = startKeys({ bootState, chip, released: () => released });
  assert.equal((await unreadable())?.code, "boot-state-unreadable");
  assert.equal((await distrustOf(() => "on", chip, unreadable)())?.code, "boot-state-unreadable");
  assert.equal((await distrustOf(() => "off", chip, unreadable)())?.code, "secure-boot-off");
  assert.equal(await distrustOf(() => "on", chip)(), undefined);
});
