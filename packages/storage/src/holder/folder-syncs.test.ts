import assert from "node:assert/strict";
import { test } from "node:test";
import { CrashDisk } from "../fakes/index.ts";
import { FolderSyncs } from "./folder-syncs.ts";

/** A disk whose fsyncs end when the test says so. */
class SlowDisk extends CrashDisk {
  readonly started: { readonly folder: string; end: () => void; fail: (error: Error) => void }[] = [];

  override syncFolder(folder: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.started.push({ folder, end: resolve, fail: reject });
    return promise;
  }
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

test("an fsync that fails fails for all who share it, and not for those who ask later", async () => {
  const disk = new SlowDisk();
  const syncs = new FolderSyncs(disk);
  const first = syncs.sync("a");
  const second = syncs.sync("a");
  const third = syncs.sync("a");
  const outcomes = Promise.allSettled([first, second, third]);
  disk.started[0]?.fail(new Error("disk"));
  await turns();
  assert.equal(disk.started.length, 2, "a failed fsync does not keep the next one from running");
  disk.started[1]?.fail(new Error("disk"));
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ["rejected", "rejected", "rejected"],
  );
  const later = syncs.sync("a");
  disk.started[2]?.end();
  await later;
});

test("who asks while an fsync runs waits for one that begins after, together with all others who do", async () => {
  const disk = new SlowDisk();
  const syncs = new FolderSyncs(disk);
  const done: number[] = [];
  const asked = [0, 1, 2, 3].map(async (number) => {
    await syncs.sync("a");
    done.push(number);
  });
  assert.equal(disk.started.length, 1);
  disk.started[0]?.end();
  await turns();
  assert.deepEqual(done, [0]);
  assert.equal(disk.started.length, 2);
  const late = syncs.sync("a");
  disk.started[1]?.end();
  await Promise.all(asked);
  await turns();
  assert.equal(disk.started.length, 3, "one that had begun already is not enough for who asks later");
  disk.started[2]?.end();
  await late;
});

test("folders do not wait for each other", async () => {
  const disk = new SlowDisk();
  const syncs = new FolderSyncs(disk);
  const a = syncs.sync("a");
  const b = syncs.sync("b");
  assert.deepEqual(
    disk.started.map(({ folder }) => folder),
    ["a", "b"],
  );
  disk.started[1]?.end();
  await b;
  disk.started[0]?.end();
  await a;
});
