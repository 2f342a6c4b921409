import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { toHex } from "@piccolo/bytes";
import { engineFaults, type OwnerEngine } from "@piccolo/storage/owner";
import { MemoryMetadata } from "@piccolo/storage/fakes";
import { diskFaults } from "@piccolo/storage/ports";
import { SeededWorld } from "@piccolo/world";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { SqliteReencryptionStore } from "../db/reencryption-store.ts";
import { openOwner } from "../../test-support/owner-log.ts";
import { TaskStore } from "../tasks/store.ts";
import { Tasks } from "../tasks/tasks.ts";
import { decideAfterPass, decideFailure, Reencryption } from "./reencrypt.ts";

const idOf = (number: number): Uint8Array => new Uint8Array(16).fill(number);

class Scene {
  readonly world = new SeededWorld("re-encrypt");
  readonly metadata = new MemoryMetadata();
  readonly sealed: string[] = [];
  readonly reports: string[] = [];
  isUnlocked = true;
  mayCommit = true;
  isRekeying = false;
  witnessed = true;
  freeBytes = 1 << 30;
  /** Thrown in the place of sealing a version. */
  failure: (versionId: string) => Error | undefined = () => undefined;
  readonly tasks: Tasks;
  readonly reencryption: Reencryption;

  constructor(context: TestContext, versions: number) {
    const { world, metadata } = this;
    for (let at = 1; at <= versions; at++) {
      metadata.beginVersion({ versionId: idOf(at), wrappedFek: idOf(at), fekEpoch: 1 });
      metadata.completeVersion(idOf(at), 0);
    }
    const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
    context.after(() => db.close());
    const log = createLog(
      () => undefined,
      () => world.nowMs(),
    );
    this.tasks = new Tasks({ store: new TaskStore(db), world, log, changed: () => undefined });
    const engine: Pick<OwnerEngine, "sealAnew" | "replacements" | "removeVersion"> = {
      sealAnew: async (versionId, _signal, mayGoOn) => {
        await Promise.resolve();
        mayGoOn?.();
        const failure = this.failure(toHex(versionId));
        if (failure !== undefined) throw failure;
        this.sealed.push(toHex(versionId));
        metadata.replaceContent({ versionId, wrappedFek: idOf(99), fekEpoch: 2 }, undefined);
        return "sealed";
      },
      replacements: (limit) => metadata.replacements(limit),
      removeVersion: (versionId) => metadata.removeVersion(versionId),
    };
    this.reencryption = new Reencryption({
      store: new SqliteReencryptionStore(openOwner(context).db),
      metadata,
      engine: () => engine,
      room: { freeBytes: () => this.freeBytes },
      epoch: () => 2,
      isUnlocked: () => this.isUnlocked,
      mayCommit: () => this.mayCommit,
      isRekeying: () => this.isRekeying,
      flush: async () => ({ witnessed: this.witnessed }),
      tasks: this.tasks,
      world,
      report: (event, facts) => this.reports.push(`${event} ${JSON.stringify(facts)}`),
      changed: () => undefined,
    });
  }

  get task() {
    return this.tasks.list().find(({ kind }) => kind === "re-encrypt");
  }

  /** What is under way goes on until it waits for time to pass, or has ended. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a failure says whether the version, or all of them, have to wait, or one is lost", () => {
  const decided = (code: string, retry: string): string => decideFailure({ code, retry });
  assert.equal(decided("locked", "never"), "locked");
  assert.equal(decided("wrong-epoch", "never"), "locked");
  assert.equal(decided("too-few-holders", "later"), "holders");
  assert.equal(decided("disk-full", "later"), "room");
  assert.equal(decided("not-enough-fragments", "later"), "later");
  assert.equal(decided("version-busy", "later"), "later");
  assert.equal(decided("damaged-content", "never"), "lost");
});

test("it ends when nothing is left but what is lost, and tries again what became complete meanwhile", () => {
  assert.equal(decideAfterPass({ left: 0, lost: 0, later: 0 }), "end");
  assert.equal(decideAfterPass({ left: 2, lost: 2, later: 0 }), "end");
  assert.equal(decideAfterPass({ left: 1, lost: 0, later: 0 }), "again");
  assert.equal(decideAfterPass({ left: 3, lost: 2, later: 1 }), "unreadable");
});

test("whatever it has to wait for, it says so, touches nothing, and goes on when that is over", async (context) => {
  for (const [words, hinder] of [
    [/unlocked/, (scene: Scene, is: boolean) => void (scene.isUnlocked = !is)],
    [/newest/, (scene: Scene, is: boolean) => void (scene.mayCommit = !is)],
    [/change of the key/, (scene: Scene, is: boolean) => void (scene.isRekeying = is)],
    [/room on this device's disk/, (scene: Scene, is: boolean) => void (scene.freeBytes = is ? 500_000 : 1 << 30)],
  ] as const) {
    const scene = new Scene(context, 30);
    scene.reencryption.begin();
    hinder(scene, true);
    await scene.rest();
    const done = scene.sealed.length;
    assert.ok(done < 30);
    assert.match(scene.task?.step ?? "", words);
    await scene.world.advance(200_000);
    assert.equal(scene.sealed.length, done);
    hinder(scene, false);
    scene.reencryption.wake();
    await scene.rest();
    assert.equal(scene.sealed.length, 30, "it does not wait for its time");
    assert.equal(scene.task?.state, "done");
    assert.equal(scene.sealed.length, 30);
  }
});

test("too few holders stop it at once, so that nobody is asked in vain for file after file", async (context) => {
  const scene = new Scene(context, 60);
  let asked = 0;
  let isAway = true;
  scene.failure = () => {
    asked++;
    return isAway ? engineFaults.fault("too-few-holders", "too few") : undefined;
  };
  scene.reencryption.begin();
  await scene.rest();
  assert.match(scene.task?.step ?? "", /more devices/);
  assert.ok(asked <= 4);
  isAway = false;
  await scene.world.advance(1_000);
  await scene.rest();
  assert.equal(scene.task?.state, "done");
  assert.deepEqual(scene.task?.result, { versions: 60, unreadable: 0 });
});

test("without room beside the reserve it does not begin, and stops within a version before the reserve is touched", async (context) => {
  const scene = new Scene(context, 40);
  scene.freeBytes = 0;
  assert.throws(() => scene.reencryption.begin(), { code: "disk-full" });
  assert.deepEqual([scene.task, scene.reencryption.view().state], [undefined, "offered"]);

  scene.freeBytes = 2 << 20;
  let fails = 0;
  scene.failure = () => {
    // Others write, and the database grows, while a version is under way.
    if (scene.sealed.length < 10) return undefined;
    fails++;
    scene.freeBytes = 0;
    return diskFaults.fault("disk-full", "no room");
  };
  scene.reencryption.begin();
  await scene.rest();
  assert.match(scene.task?.step ?? "", /room on this device's disk/);
  const done = scene.sealed.length;
  assert.ok(done < 40 && fails <= 4, `${done}, ${fails}`);
  await scene.world.advance(600_000);
  await scene.rest();
  assert.equal(scene.sealed.length, done, "nothing is tried while there is no room");
  assert.deepEqual(scene.reports, [], "no version counts as lost for it");
  scene.failure = () => undefined;
  scene.freeBytes = 2 << 20;
  await scene.world.advance(60_000);
  await scene.rest();
  assert.equal(scene.task?.state, "done");
  assert.deepEqual(scene.task?.result, { versions: 40, unreadable: 0 });
});

test("it does not run ahead of the witnesses by more than a page", async (context) => {
  const scene = new Scene(context, 200);
  scene.witnessed = false;
  scene.reencryption.begin();
  await scene.rest();
  assert.match(scene.task?.step ?? "", /confirm/);
  assert.equal(scene.sealed.length, 64);
  scene.witnessed = true;
  await scene.world.advance(1_000);
  await scene.rest();
  assert.equal(scene.sealed.length, 200);
});

test("a version that cannot be read now is tried again, one that never will be is counted and told", async (context) => {
  const scene = new Scene(context, 5);
  let isAway = true;
  scene.failure = (id) => {
    if (id === toHex(idOf(2))) return engineFaults.fault("spool-damaged", "gone");
    return id === toHex(idOf(4)) && isAway ? engineFaults.fault("not-enough-fragments", "away") : undefined;
  };
  scene.reencryption.begin();
  await scene.rest();
  assert.deepEqual(
    scene.sealed,
    [1, 3, 5].map((at) => toHex(idOf(at))),
  );
  assert.match(scene.task?.step ?? "", /devices that have the rest/);
  isAway = false;
  await scene.world.advance(1_000);
  await scene.rest();
  assert.deepEqual(scene.task?.result, { versions: 4, unreadable: 1 });
  assert.equal(scene.reports.length, 1);
  assert.match(scene.reports[0] ?? "", /version-not-sealed-anew.*spool-damaged/);
  assert.equal(scene.reencryption.view().state, "offered");
});

test("a bug ends the task and is not taken for a device that is away", async (context) => {
  const scene = new Scene(context, 2);
  scene.failure = () => new TypeError("a bug");
  scene.reencryption.begin();
  await scene.rest();
  assert.deepEqual([scene.task?.state, scene.task?.error?.code], ["failed", "internal"]);
  assert.equal(scene.reencryption.view().state, "interrupted");
});

test("cancelled, it leaves no copy of a large file under way; where nothing may be freed yet, that waits", async (context) => {
  for (const mayCommit of [true, false]) {
    const scene = new Scene(context, 2);
    scene.failure = () => engineFaults.fault("too-few-holders", "too few");
    const { id } = scene.reencryption.begin();
    await scene.rest();
    scene.metadata.beginReplacement(idOf(1), { versionId: idOf(50), wrappedFek: idOf(50), fekEpoch: 2 });
    scene.mayCommit = mayCommit;
    await scene.tasks.cancel(id);
    assert.equal(scene.metadata.replacements(10).length, mayCommit ? 0 : 1);
    scene.mayCommit = true;
    scene.reencryption.resume();
    await scene.rest();
    assert.equal(scene.metadata.replacements(10).length, 0);
    assert.equal(scene.reencryption.view().state, "offered");
    assert.equal(scene.tasks.list().length, 1, "nobody began it anew");
  }
});
