import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { toHex } from "@piccolo/bytes";
import { certifyDevice, deriveOwnerKeys } from "@piccolo/envelope";
import { createNetwork, replaceDevice } from "@piccolo/membership";
import type { WitnessClient } from "@piccolo/storage/ports";
import type { Hello } from "@piccolo/wire";
import { SeededWorld } from "@piccolo/world";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { MemberLogs } from "./member-logs.ts";
import { MembershipLog } from "./membership-log.ts";
import { NetworkStore } from "./store.ts";

const world = new SeededWorld("member-logs");
const keys = deriveOwnerKeys(new Uint8Array(32).fill(3), 1);
const deviceKeys = Array.from({ length: 5 }, () => world.randomBytes(32));

/** How far the others' clocks say this device's is behind. */
let aheadMs = 0;

function membershipLog(context: TestContext): MembershipLog {
  const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  context.after(() => db.close());
  return new MembershipLog(
    new NetworkStore(db),
    () => undefined,
    () => world.nowMs() + aheadMs,
  );
}

const first = createNetwork({
  ownerKeys: keys,
  device: certifyDevice(keys, deviceKeys[0] ?? assert.fail(), 1),
  name: "Ada",
  networkName: "home",
  world,
});

/** The log goes on with one more replaced device. */
function replaced(log: MembershipLog, epoch: number, key = deviceKeys[epoch - 1]): Uint8Array {
  assert.ok(log.state !== undefined && key !== undefined);
  return replaceDevice({ state: log.state, ownerKeys: keys, device: certifyDevice(keys, key, epoch), world });
}

function helloOf({ state }: MembershipLog): Hello {
  assert.ok(state !== undefined);
  const { networkId, length: logLength, headHash } = state;
  return { type: "hello", nowMs: 0, networkId, logLength, headHash, version: 1, domain: "a" };
}

interface Setup {
  readonly own: MembershipLog;
  readonly other: MembershipLog;
  readonly logs: MemberLogs;
  readonly lines: string[];
  readonly reads: number[];
  /** What the other member hands out; its own log where nothing else is said. */
  answer: (from: number) => readonly Uint8Array[];
}

function setup(context: TestContext): Setup {
  const [own, other] = [membershipLog(context), membershipLog(context)];
  own.extend(0, [first]);
  other.extend(0, [first]);
  const lines: string[] = [];
  const it: Setup = {
    own,
    other,
    lines,
    reads: [],
    answer: (from) => other.entriesFrom(from),
    logs: new MemberLogs({
      membership: own,
      client: () => client,
      world,
      log: createLog(
        (line) => lines.push(line),
        () => 0,
      ),
      stopping: new AbortController().signal,
    }),
  };
  const never = (): Promise<never> => assert.fail("only the log is read");
  const client: WitnessClient = {
    append: never,
    head: never,
    entries: never,
    putSlot: never,
    slot: never,
    appendLog: never,
    readLog: (_, from) => {
      it.reads.push(from);
      const entries = it.answer(from);
      return Promise.resolve({ logLength: other.state?.length ?? 0, entries: entries.slice(0, 2) });
    },
  };
  return it;
}

test("a longer log is read from whoever greets, page by page, and kept", async (context) => {
  const it = setup(context);
  for (const epoch of [2, 3, 4, 5]) it.other.append(replaced(it.other, epoch), world.nowMs());
  await it.logs.noticed("other", helloOf(it.other));
  assert.deepEqual(it.reads, [1, 3]);
  assert.deepEqual(it.own.state?.headHash, it.other.state?.headHash);
  assert.deepEqual(it.own.deviceKeyOf(keys.account, 3), deviceKeys[2]);
  assert.equal(it.own.deviceKeyOf(keys.account, 6), undefined);
});

test("between two pages the device does what else there is to do", async (context) => {
  const it = setup(context);
  for (const epoch of [2, 3, 4, 5]) it.other.append(replaced(it.other, epoch), world.nowMs());
  const turns: number[] = [];
  it.answer = (from) => {
    setImmediate(() => turns.push(from));
    if (from > 1) assert.deepEqual(turns, [1]);
    return it.other.entriesFrom(from);
  };
  await it.logs.noticed("other", helloOf(it.other));
  assert.equal(it.own.state?.length, 5);
});

test("the log of another network, a shorter one, and one that was just read are not asked for", async (context) => {
  const it = setup(context);
  it.other.append(replaced(it.other, 2), world.nowMs());
  await it.logs.noticed("other", { ...helloOf(it.other), networkId: world.randomBytes(32) });
  await it.logs.noticed("other", helloOf(it.own));
  assert.deepEqual(it.reads, []);
  await it.logs.noticed("other", helloOf(it.other));
  await it.logs.noticed("other", { ...helloOf(it.other), logLength: 99 });
  assert.deepEqual(it.reads, [1]);
});

test("a log that differs in an entry is reported once, and overwrites nothing", async (context) => {
  const it = setup(context);
  it.own.append(replaced(it.own, 2), world.nowMs());
  const head = it.own.state?.headHash;
  it.other.append(replaced(it.other, 2, deviceKeys[4]), world.nowMs());
  it.other.append(replaced(it.other, 3), world.nowMs());
  await it.logs.noticed("other", helloOf(it.other));
  await it.logs.noticed("other", { ...helloOf(it.other), logLength: 2 });
  assert.deepEqual(it.own.state?.headHash, head);
  assert.equal(it.lines.filter((line) => line.includes("membership-log-differs")).length, 2);
  await it.logs.noticed("other", { ...helloOf(it.other), logLength: 2 });
  assert.equal(it.lines.filter((line) => line.includes("membership-log-differs")).length, 2);
});

test("forged entries and empty promises leave the log as it is", async (context) => {
  const it = setup(context);
  const entry = replaced(it.other, 2);
  it.answer = () => [entry.with(entry.length - 1, (entry.at(-1) ?? 0) ^ 1)];
  await it.logs.noticed("liar", { ...helloOf(it.other), logLength: 9 });
  it.answer = () => [];
  await it.logs.noticed("boaster", { ...helloOf(it.other), logLength: 9 });
  assert.equal(it.own.state?.length, 1);
});

/** An entry of the other's, kept in its own log, that is dated in the future. */
function datedAhead(log: MembershipLog, epoch: number, timeMs: number): Uint8Array {
  assert.ok(log.state !== undefined);
  const device = certifyDevice(keys, deviceKeys[epoch - 1] ?? assert.fail(), epoch);
  return replaceDevice({ state: log.state, ownerKeys: keys, device, world: new SeededWorld("ahead", timeMs) });
}

test("an entry from the future is not read, what came before it is, and later ones of others are taken", async (context) => {
  const it = setup(context);
  it.other.append(replaced(it.other, 2), world.nowMs());
  const ahead = datedAhead(it.other, 3, 2 ** 53 - 1);
  it.other.extend(2, [ahead]);
  await it.logs.noticed("eve", helloOf(it.other));
  assert.equal(it.own.state?.length, 2);
  await world.advance(2_000);
  await it.logs.noticed("eve", helloOf(it.other));
  assert.deepEqual(it.reads, [1, 2]);
  assert.equal(it.lines.filter((line) => line.includes("membership-entry-ahead-of-time")).length, 1);
  assert.equal(it.own.append(replaced(it.own, 4), world.nowMs()), 3);
});

test("an entry is read once its time has come, also by a device whose clock is behind the others'", async (context) => {
  const it = setup(context);
  it.other.extend(1, [datedAhead(it.other, 2, world.nowMs() + 7_200_000)]);
  await it.logs.noticed("other", helloOf(it.other));
  assert.equal(it.own.state?.length, 1);
  aheadMs = 7_200_000;
  context.after(() => (aheadMs = 0));
  await world.advance(2_000);
  await it.logs.noticed("other", helloOf(it.other));
  assert.equal(it.own.state?.length, 2);
});

test("a fresh entry is taken once, and only at its time", (context) => {
  const { own } = setup(context);
  const entry = replaced(own, 2);
  assert.throws(() => own.append(entry, world.nowMs() - 3_600_000), { code: "entry-untimely" });
  assert.equal(own.append(entry, world.nowMs()), 2);
  assert.equal(own.append(entry, world.nowMs()), 2);
  assert.equal(toHex(own.state?.memberByAccount(keys.account)?.deviceKey ?? first), toHex(deviceKeys[1] ?? first));
});
