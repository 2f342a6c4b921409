import assert from "node:assert/strict";
import { test } from "node:test";
import { decideBoot, type FoundRecord } from "./decide.ts";
import type { OutsideRecord } from "./outside-record.ts";
import type { VolumeState } from "./volume.ts";

const made: OutsideRecord = {
  number: 2,
  state: "made",
  backend: "gocryptfs",
  sealedVolumeKey: new Uint8Array(8),
  sealedPepper: undefined,
  slots: undefined,
};
const states: readonly VolumeState[] = ["absent", "closed", "open", "stale", "damaged"];

function decided(record: FoundRecord, volume: VolumeState, mayCreate = true): string {
  const plan = decideBoot({ record, volume, backend: "gocryptfs", mayCreate });
  return plan.do === "stay-closed" ? [plan.code, ...plan.opensWith].join(" ") : plan.do;
}

const row = (record: FoundRecord, mayCreate = true): string[] =>
  states.map((volume) => decided(record, volume, mayCreate));

test("only a device with neither record nor volume is new; whoever takes one of them away gets no fresh one", () => {
  assert.deepEqual(row("absent"), ["create", "record-missing", "adopt", "record-missing", "record-missing"]);
  assert.deepEqual(row("damaged"), ["record-damaged", "record-damaged", "adopt", "record-damaged", "record-damaged"]);
});

test("where an installer has to ask for a volume, none is made without, and one that was begun is finished", () => {
  assert.deepEqual(row("absent", false)[0], "not-installed");
  assert.deepEqual(row("absent", false).slice(1), row("absent").slice(1));
  assert.deepEqual(row({ ...made, state: "creating" }, false), row({ ...made, state: "creating" }));
  assert.deepEqual(row(made, false), row(made));
});

test("a first start that was cut short is begun again, whatever it left", () => {
  assert.deepEqual(row({ ...made, state: "creating" }), ["create", "create", "create", "create", "create"]);
});

test("a device that had a volume opens it, takes over an open one, or says what is wrong", () => {
  assert.deepEqual(row(made), ["volume-missing", "unseal", "adopt", "unseal", "volume-damaged"]);
});

test("with the password asked at boot the chip alone opens nothing", () => {
  const asking: OutsideRecord = { ...made, sealedVolumeKey: undefined, slots: new Uint8Array(8) };
  const asks = "ask-at-boot password phrase";
  assert.deepEqual(row(asking), ["volume-missing", asks, "adopt", asks, "volume-damaged"]);
});

test("a volume of another kind than this start's stays closed", () => {
  const record: OutsideRecord = { ...made, backend: "plain-folder" };
  const plan = decideBoot({ record, volume: "absent", backend: "gocryptfs", mayCreate: true });
  assert.deepEqual(plan, { do: "stay-closed", code: "volume-backend", opensWith: [] });
});
