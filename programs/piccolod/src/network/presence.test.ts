import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { toHex } from "@piccolo/bytes";
import { certifyDevice, deriveOwnerKeys } from "@piccolo/envelope";
import { createNetwork, replay } from "@piccolo/membership";
import { transportFaults } from "@piccolo/storage/ports";
import type { Hello } from "@piccolo/wire";
import { SeededWorld } from "@piccolo/world";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { Presence } from "./presence.ts";
import { NetworkStore } from "./store.ts";

const world = new SeededWorld("presence");
const keys = deriveOwnerKeys(new Uint8Array(32).fill(3), 1);
const { account } = keys;
const device = certifyDevice(keys, world.randomBytes(32), 1);
const state = replay([createNetwork({ ownerKeys: keys, device, name: "Eve", networkName: "home", world })]);

function hello(domain: string): Hello {
  const { networkId, length: logLength, headHash } = state;
  return { type: "hello", nowMs: world.nowMs(), networkId, logLength, headHash, version: 1, domain };
}

function setup(context: TestContext): {
  readonly presence: Presence;
  readonly counts: { saves: number; changes: number };
  /** Whether the disk takes what is learned. */
  readonly disk: { fails: boolean };
} {
  const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  context.after(() => db.close());
  const store = new NetworkStore(db);
  const counts = { saves: 0, changes: 0 };
  const disk = { fails: false };
  const save = store.savePeer.bind(store);
  store.savePeer = (peer) => {
    counts.saves++;
    if (disk.fails) throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 10 });
    save(peer);
  };
  const presence = new Presence({
    store,
    transport: { request: () => Promise.reject(transportFaults.fault("peer-unreachable", "nobody is there")) },
    world,
    log: createLog(
      () => undefined,
      () => 0,
    ),
    others: () => [...state.members.values()],
    ownHello: () => hello("own"),
    hasForgottenTime: () => false,
    onForeignHead: () => undefined,
    onUnreachable: () => undefined,
    onClock: () => undefined,
    stopping: new AbortController().signal,
    onChange: () => counts.changes++,
  });
  return { presence, counts, disk };
}

test("a member that greets again and again is answered each time, and heard once a second", async (context) => {
  const { presence, counts } = setup(context);
  for (let at = 0; at < 1_000; at++) {
    assert.equal(presence.greeted(account, hello(`domain-${at % 2}`)).domain, "own");
  }
  assert.ok(counts.saves <= 2 && counts.changes <= 2, JSON.stringify(counts));
  await world.advance(1_000);
  presence.greeted(account, hello("moved"));
  const [holder] = presence.holders();
  assert.deepEqual([holder?.account, holder?.domain], [toHex(account), "moved"]);
});

test("a disk that does not take where a member is keeps nobody from being greeted", (context) => {
  const { presence, disk } = setup(context);
  disk.fails = true;
  assert.equal(presence.greeted(account, hello("cellar")).domain, "own");
  presence.setAddresses(toHex(account), ["/ip4/192.0.2.1/tcp/1"]);
  const [holder] = presence.holders();
  assert.deepEqual([holder?.online, holder?.domain], [true, "cellar"]);
});
