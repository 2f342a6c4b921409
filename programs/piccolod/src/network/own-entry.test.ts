import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { toHex } from "@piccolo/bytes";
import { centralFaults } from "@piccolo/central-api";
import { certifyDevice, certifyRotation, deriveOwnerKeys } from "@piccolo/envelope";
import { acceptInvitation, createInvitation, createNetwork, leaveNetwork, replaceDevice } from "@piccolo/membership";
import type { HolderView, WitnessClient } from "@piccolo/storage/ports";
import { refusalFaults } from "@piccolo/wire";
import { SeededWorld } from "@piccolo/world";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import type { CentralLink } from "./central-link.ts";
import { CentralLog } from "./central-log.ts";
import { MembershipLog } from "./membership-log.ts";
import { enterLeaving, enterOwnerKey } from "./own-entry.ts";
import { NetworkStore } from "./store.ts";

const never = new AbortController().signal;
const world = new SeededWorld("owner-key-entry");
const oldKeys = deriveOwnerKeys(new Uint8Array(32).fill(3), 1);
const newKeys = deriveOwnerKeys(new Uint8Array(32).fill(4), 2, oldKeys.account);
const chain = { firstOwnerPublicKey: oldKeys.ownerPublicKey, rotations: [certifyRotation(oldKeys, newKeys)] };
const otherKeys = deriveOwnerKeys(new Uint8Array(32).fill(5), 1);

function membershipLog(context: TestContext, entries: readonly Uint8Array[]): MembershipLog {
  const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  context.after(() => db.close());
  const log = new MembershipLog(
    new NetworkStore(db),
    () => undefined,
    () => world.nowMs(),
  );
  log.extend(0, entries);
  return log;
}

/** A network of two, seen by the owner of the new key and by the other member, central there or not. */
function setup(context: TestContext, isCentralThere: boolean) {
  const device = certifyDevice(oldKeys, world.randomBytes(32), 1);
  const own = membershipLog(context, [
    createNetwork({ ownerKeys: oldKeys, device, name: "Ada", networkName: "home", world }),
  ]);
  assert.ok(own.state !== undefined);
  const invitation = createInvitation({
    state: own.state,
    ownerKeys: oldKeys,
    expiresAtMs: world.nowMs() + 60_000,
    world,
  });
  const otherDevice = certifyDevice(otherKeys, world.randomBytes(32), 1);
  const parts = { state: own.state, invitation, ownerKeys: otherKeys, device: otherDevice, name: "Bela", world };
  own.extend(1, [acceptInvitation(parts)]);
  const central = membershipLog(context, own.entriesFrom(0));
  const other = membershipLog(context, own.entriesFrom(0));
  const away = (): Error => centralFaults.fault("central-unreachable", "central does not answer");
  const link = {
    ready: async () => {
      if (!isCentralThere) throw away();
    },
    client: {
      readLog: async (_: Uint8Array, from: number) => central.entriesFrom(from),
      append: async (_: Uint8Array, entry: Uint8Array) => central.extend(central.state?.length ?? 0, [entry]),
    },
  } as unknown as CentralLink;
  const client = {
    appendLog: async (_: string, entry: Uint8Array) => {
      try {
        return other.append(entry, world.nowMs());
      } catch {
        throw refusalFaults.fault("conflict", "another entry has this place");
      }
    },
    readLog: async (_: string, from: number) => ({
      logLength: other.state?.length ?? 0,
      entries: other.entriesFrom(from),
    }),
  } as unknown as WitnessClient;
  const holder = { account: toHex(otherKeys.account), online: true } as HolderView;
  const members = { holders: () => [holder], onChange: () => () => undefined };
  const log = createLog(
    () => undefined,
    () => 0,
  );
  const centralLog = new CentralLog(own, log);
  const entryParts = { membership: own, link, centralLog, client, members, world, report: () => undefined };
  const run = (): Promise<void> => enterOwnerKey(entryParts, { keys: () => newKeys, chain }, never);
  const leave = (): Promise<void> => enterLeaving(entryParts, oldKeys, never);
  return { own, central, other, run, leave };
}

const epochIn = (log: MembershipLog): number | undefined => log.member(oldKeys.account)?.keyEpoch;

test("central puts the new owner key into the log, once", async (context) => {
  const { own, central, run } = setup(context, true);
  await run();
  await run();
  assert.deepEqual([epochIn(own), epochIn(central)], [2, 2]);
  assert.equal(own.state?.length, 3);
});

test("with central away a member takes it in", async (context) => {
  const { own, other, run } = setup(context, false);
  await run();
  assert.deepEqual([epochIn(own), epochIn(other)], [2, 2]);
  assert.deepEqual(own.entriesFrom(0), other.entriesFrom(0));
});

test("where another entry came first at the member, it comes after that one", async (context) => {
  const { own, other, run } = setup(context, false);
  assert.ok(other.state !== undefined);
  const device = certifyDevice(otherKeys, world.randomBytes(32), 2);
  other.extend(2, [replaceDevice({ state: other.state, ownerKeys: otherKeys, device, world })]);
  await run();
  assert.equal(own.state?.length, 4);
  assert.deepEqual(own.entriesFrom(0), other.entriesFrom(0));
});

for (const isCentralThere of [true, false]) {
  test(`who leaves is no member any more, ${isCentralThere ? "by central" : "by the member that is there"}`, async (context) => {
    const { own, central, other, leave } = setup(context, isCentralThere);
    await leave();
    await leave();
    for (const log of [own, isCentralThere ? central : other]) {
      assert.equal(log.member(oldKeys.account), undefined);
      assert.notEqual(log.member(otherKeys.account), undefined);
    }
  });
}

test("the last member has nobody to tell that it leaves", async (context) => {
  const { own, other, run, leave } = setup(context, false);
  await run();
  const before = own.state?.length;
  other.extend(before ?? 0, [leaveNetwork({ state: own.state ?? assert.fail(), ownerKeys: otherKeys, world })]);
  own.extend(before ?? 0, other.entriesFrom(before ?? 0));
  const last = own.state?.length;
  await leave();
  assert.equal(own.state?.length, last);
});
