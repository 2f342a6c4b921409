import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { transportFaults } from "@piccolo/storage/ports";
import { MemoryOwnLog } from "@piccolo/storage/fakes";
import type { RecoveryOptions } from "@piccolo/storage/metadata-log";
import { realWorld as world } from "@piccolo/world/real";
import { DurableFolder } from "../adapters/state-folder.ts";
import { Settling } from "./settling.ts";
import { StalenessStore } from "./staleness.ts";

const stale = { answered: 0, needed: 2, newestAtMs: null };
const witnesses = ["aa", "bb", "cc"].map((byte) => byte.repeat(32));

interface Scene {
  readonly settling: Settling;
  readonly store: StalenessStore;
  /** Who of the witnesses answers, that it has nothing. */
  readonly there: Set<string>;
  readonly changes: () => number;
}

function scene(context: TestContext): Scene {
  const path = mkdtempSync(join(tmpdir(), "piccolo-settling-"));
  context.after(() => rmSync(path, { recursive: true }));
  const there = new Set<string>();
  const never = (): never => assert.fail("nobody has anything to read");
  const options: RecoveryOptions = {
    account: new Uint8Array(32),
    world,
    report: () => undefined,
    witnessClient: {
      append: never,
      entries: never,
      putSlot: never,
      slot: never,
      readLog: never,
      appendLog: never,
      head: async (witness) => {
        if (there.has(witness)) return undefined;
        throw transportFaults.fault("peer-unreachable", "it is away");
      },
    },
    deviceKeyOf: () => undefined,
    metadataKey: () => undefined,
    checkpoints: { store: never, read: never, remove: never, sealedSegment: never, leansOnVault: false },
    network: () => undefined,
    members: () => witnesses,
    witnessesAt: () => witnesses,
  };
  const store = new StalenessStore(new DurableFolder(path));
  let changed = 0;
  const settling = new Settling({
    store,
    ownLog: new MemoryOwnLog(),
    reading: () => options,
    world,
    report: () => undefined,
    changed: () => void changed++,
  });
  return { settling, store, there, changes: () => changed };
}

test("what is settled waits for nothing, and nothing is there to accept", async (context) => {
  const { settling } = scene(context);
  await settling.run(new AbortController().signal);
  assert.throws(() => settling.accept(), { code: "nothing-to-accept" });
  assert.equal(settling.accepted, false);
});

test("it goes on by itself once enough witnesses have answered, and says how many have", async (context) => {
  const { settling, store, there, changes } = scene(context);
  settling.begin(stale);
  there.add(witnesses[0] ?? "");
  const run = settling.run(new AbortController().signal);
  while (settling.staleness?.answered !== 1) await world.sleep(10);
  assert.deepEqual(store.read(), { ...stale, answered: 1 });
  there.add(witnesses[1] ?? "");
  await run;
  assert.deepEqual([settling.staleness, store.read(), settling.accepted], [undefined, undefined, false]);
  assert.equal(changes(), 2);
});

test("it goes on at once when the owner accepts, and ends when the device stops", async (context) => {
  const { settling, store } = scene(context);
  settling.begin(stale);
  const stopping = new AbortController();
  const stopped = assert.rejects(settling.run(stopping.signal), /stops/);
  stopping.abort(new Error("the device stops"));
  await stopped;
  assert.deepEqual(store.read(), stale);
  const run = settling.run(new AbortController().signal);
  settling.accept();
  await run;
  assert.deepEqual([settling.accepted, store.read()], [true, undefined]);
});
