import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { centralFaults } from "@piccolo/central-api";
import { certifyDevice, deriveOwnerKeys } from "@piccolo/envelope";
import { createNetwork, replaceDevice } from "@piccolo/membership";
import { SeededWorld } from "@piccolo/world";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { CentralLog } from "./central-log.ts";
import { MembershipLog } from "./membership-log.ts";
import { NetworkStore } from "./store.ts";

const world = new SeededWorld("central-log");
const keys = deriveOwnerKeys(new Uint8Array(32).fill(3), 1);
const never = new AbortController().signal;
const first = createNetwork({
  ownerKeys: keys,
  device: certifyDevice(keys, world.randomBytes(32), 1),
  name: "Ada",
  networkName: "home",
  world,
});

function membershipLog(context: TestContext): MembershipLog {
  const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  context.after(() => db.close());
  const log = new MembershipLog(
    new NetworkStore(db),
    () => undefined,
    () => world.nowMs(),
  );
  log.extend(0, [first]);
  return log;
}

function enter(log: MembershipLog, epoch: number): void {
  assert.ok(log.state !== undefined);
  const device = certifyDevice(keys, world.randomBytes(32), epoch);
  log.extend(log.state.length, [replaceDevice({ state: log.state, ownerKeys: keys, device, world })]);
}

function setup(context: TestContext) {
  const own = membershipLog(context);
  const central = membershipLog(context);
  const lines: string[] = [];
  const log = createLog(
    (line) => lines.push(line),
    () => 0,
  );
  const client = {
    readLog: async (_: Uint8Array, from: number) => central.entriesFrom(from),
    append: async (networkId: Uint8Array, entry: Uint8Array) => {
      const length = central.state?.length ?? 0;
      try {
        central.extend(length, [entry]);
      } catch {
        throw centralFaults.fault("head-moved", "another entry came first");
      }
      return { networkId, length: length + 1, headHash: new Uint8Array(32) };
    },
  };
  return { own, central, lines, client, sync: new CentralLog(own, log) };
}

test("what central has more is taken, and what was entered while it was away is brought to it", async (context) => {
  const { own, central, client, sync } = setup(context);
  enter(central, 2);
  await sync.sync(client, never);
  assert.equal(own.state?.length, 2);
  enter(own, 3);
  enter(own, 4);
  await sync.sync(client, never);
  assert.deepEqual(central.entriesFrom(0), own.entriesFrom(0));
});

test("a log of central's that differs is reported once and changes nothing", async (context) => {
  const { own, central, client, lines, sync } = setup(context);
  enter(central, 2);
  enter(own, 2);
  const before = own.entriesFrom(0);
  await sync.sync(client, never);
  await sync.sync(client, never);
  assert.deepEqual(own.entriesFrom(0), before);
  assert.equal(central.state?.length, 2);
  assert.equal(lines.filter((line) => line.includes("membership-log-differs")).length, 1);
});

for (const code of ["quota-reached", "log-full"] as const) {
  test(`an entry that central does not take (${code}) is reported once, offered again, and keeps nothing else back`, async (context) => {
    const { own, central, client, lines, sync } = setup(context);
    enter(own, 2);
    const full = {
      ...client,
      append: async () => {
        throw centralFaults.fault(code, "no room");
      },
    };
    await sync.sync(full, never);
    await sync.sync(full, never);
    assert.equal(lines.filter((line) => line.includes("central-refused-entry")).length, 1);
    await sync.sync(client, never);
    assert.deepEqual(central.entriesFrom(0), own.entriesFrom(0));
  });
}
