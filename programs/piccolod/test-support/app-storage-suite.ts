/** What every place for apps' data promises, the fake in a folder and the one of file systems on the sealed volume. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppStorage } from "../src/apps/runtime/app-storage.ts";
import type { SnapshotFiles } from "../src/apps/runtime/snapshot-files.ts";

export interface AppStorageHarness {
  readonly storage: AppStorage;
  readonly files: SnapshotFiles;
  /** What the app's own account writes and reads; the volume is mounted. */
  readonly write: (app: string, volume: string, text: string) => void;
  readonly read: (app: string, volume: string) => string;
  readonly unmount: (app: string, volume: string) => void;
  /** What an app finds room for in a volume that is mounted. */
  readonly roomBytes: (app: string, volume: string) => number;
}

const owner = { uid: 0x4000_0000 + 1_000, gid: 0x4000_0000 + 1_000 };
const sizeBytes = 8 * 1024 * 1024;

export function appStorageSuite(name: string, open: () => Promise<AppStorageHarness>): void {
  let opened: Promise<AppStorageHarness> | undefined;
  const harness = (): Promise<AppStorageHarness> => (opened ??= open());

  async function withVolume(app: string, text: string): Promise<AppStorageHarness> {
    const one = await harness();
    await one.storage.makeVolume(app, "data", sizeBytes);
    await one.storage.mountVolume(app, "data", owner);
    one.write(app, "data", text);
    return one;
  }

  test(`${name}: what was never made is not there, and dropping it is harmless`, async () => {
    const { storage, files } = await harness();
    assert.deepEqual(storage.volumesOf("nobody"), []);
    assert.equal(storage.snapshots().get("none"), undefined);
    await storage.dropSnapshot("none");
    await storage.purgeTrash("none");
    await assert.rejects(files.open("none", "data"), { code: "app-storage-failed" });
    await assert.rejects(files.complete("none", ["data"]), { code: "app-storage-failed" });
  });

  test(`${name}: a volume is made once, and what is in it stays`, async () => {
    const { storage, read } = await withVolume("once", "first");
    await storage.makeVolume("once", "data", sizeBytes);
    await storage.mountVolume("once", "data", owner);
    assert.equal(read("once", "data"), "first");
    assert.deepEqual(storage.volumesOf("once"), ["data"]);
    assert.ok((storage.usedBytes("once")["data"] ?? 0) > 0);
  });

  test(`${name}: a volume is promised what its bound lets it still take, until it is gone`, async () => {
    const { storage } = await withVolume("promised", "some");
    const left = (): number | undefined => storage.promisedBytes()["promised"];
    assert.equal(left(), sizeBytes - (storage.usedBytes("promised")["data"] ?? 0));
    await storage.makeVolume("promised", "more", 2 * sizeBytes);
    assert.ok((left() ?? 0) > 2 * sizeBytes);
    await storage.dropVolumes("promised", ["data", "more"]);
    assert.equal(left(), undefined);
  });

  test(`${name}: a bound is raised while the volume is in use, never lowered, and what is in it stays`, async () => {
    const { storage, read, write, unmount, roomBytes } = await withVolume("raised", "before");
    assert.deepEqual(storage.boundBytes("raised"), { data: sizeBytes });
    await storage.raiseBound("raised", "data", 4 * sizeBytes);
    await storage.raiseBound("raised", "data", 4 * sizeBytes);
    await storage.raiseBound("raised", "data", sizeBytes);
    assert.deepEqual(storage.boundBytes("raised"), { data: 4 * sizeBytes });
    const usedBytes = storage.usedBytes("raised")["data"] ?? 0;
    assert.equal(storage.promisedBytes()["raised"], 4 * sizeBytes - usedBytes);
    write("raised", "data", "during");
    unmount("raised", "data");
    await storage.mountVolume("raised", "data", owner);
    assert.equal(read("raised", "data"), "during");
    const bytes = roomBytes("raised", "data");
    assert.ok(bytes > 3 * sizeBytes && bytes <= 4 * sizeBytes, `${bytes} bytes have room`);
    await assert.rejects(storage.raiseBound("raised", "missing", sizeBytes), { code: "app-storage-failed" });
    assert.deepEqual(storage.boundBytes("raised"), { data: 4 * sizeBytes });
    assert.deepEqual(storage.boundBytes("nobody"), {});
  });

  test(`${name}: a copy brings back what was, however often, until it is dropped`, async () => {
    const { storage, read, write } = await withVolume("copied", "before");
    await storage.snapshot("s1", "copied", ["data"]);
    assert.equal(storage.snapshots().get("s1"), "complete");
    assert.deepEqual(storage.snapshotBytes("none"), {});
    const { data: copyBytes = 0, ...others } = storage.snapshotBytes("s1");
    assert.ok(copyBytes > 0 && copyBytes <= sizeBytes, `the copy takes ${copyBytes}`);
    assert.deepEqual(others, {});
    for (const text of ["after", "much later"]) {
      write("copied", "data", text);
      await storage.restore("s1", "copied", ["data"]);
      await storage.mountVolume("copied", "data", owner);
      assert.equal(read("copied", "data"), "before");
    }
    await storage.dropSnapshot("s1");
    assert.equal(storage.snapshots().get("s1"), undefined);
    await storage.freed();
  });

  test(`${name}: a copy can be read, written elsewhere byte by byte, and an app started from it`, async () => {
    const { storage, files, read } = await withVolume("source", "the very words");
    await storage.snapshot("s2", "source", ["data"]);
    const reader = await files.open("s2", "data");
    const partBytes = 1024 * 1024;
    const writeSome = async (until: number): Promise<void> => {
      const writer = await files.openPartial("s3", "data", reader.sizeBytes);
      for (let at = 0; at < Math.min(until, reader.sizeBytes); at += partBytes) {
        const length = Math.min(partBytes, reader.sizeBytes - at);
        const bytes = await reader.read(at, length);
        assert.equal(reader.isUnused(at, length), bytes === undefined);
        if (bytes === undefined) continue;
        assert.equal((await writer.read(at, length)).length, length);
        await writer.write(at, bytes);
      }
      await writer.close();
    };
    await writeSome(partBytes);
    assert.equal(storage.snapshots().get("s3"), "partial");
    await writeSome(Infinity);
    await reader.close();
    await files.complete("s3", ["data"]);
    await files.complete("s3", ["data"]);
    assert.equal(storage.snapshots().get("s3"), "complete");
    await storage.restore("s3", "other", ["data"]);
    await storage.mountVolume("other", "data", owner);
    assert.equal(read("other", "data"), "the very words");
  });

  test(`${name}: a copy of which a volume is missing is none`, async () => {
    const { storage, files } = await harness();
    await (await files.openPartial("s4", "data", 10)).close();
    await assert.rejects(files.complete("s4", ["data", "more"]), { code: "app-storage-failed" });
    assert.equal(storage.snapshots().get("s4"), "partial");
    await storage.dropSnapshot("s4");
    assert.equal(storage.snapshots().get("s4"), undefined);
  });

  test(`${name}: a volume that is dropped is made empty again, and others of the app stay in use`, async () => {
    const { storage, read, write } = await withVolume("dropped", "kept");
    await storage.makeVolume("dropped", "more", sizeBytes);
    await storage.mountVolume("dropped", "more", owner);
    write("dropped", "more", "half");
    await storage.dropVolumes("dropped", ["more", "never"]);
    await storage.dropVolumes("dropped", ["more"]);
    assert.deepEqual(storage.volumesOf("dropped"), ["data"]);
    assert.equal(read("dropped", "data"), "kept");
    await storage.makeVolume("dropped", "more", sizeBytes);
    await storage.mountVolume("dropped", "more", owner);
    const left = (): string => {
      try {
        return read("dropped", "more");
      } catch {
        return "";
      }
    };
    assert.equal(left(), "");
    await storage.dropVolumes("nobody", ["data"]);
    assert.deepEqual(storage.volumesOf("nobody"), []);
  });

  test(`${name}: a copy that fails takes no room, and the next one succeeds`, async () => {
    const { storage } = await withVolume("failing", "before");
    await assert.rejects(storage.snapshot("s5", "failing", ["data", "missing"]));
    assert.equal(storage.snapshots().get("s5"), undefined);
    await storage.snapshot("s5", "failing", ["data"]);
    assert.equal(storage.snapshots().get("s5"), "complete");
  });

  test(`${name}: what goes into the trash comes out as it was, or is gone for good`, async () => {
    const { storage, read } = await withVolume("trashed", "kept");
    await storage.intoTrash("t1", "trashed", ["data"]);
    assert.deepEqual(storage.volumesOf("trashed"), []);
    await storage.intoTrash("t1", "trashed", ["data"]);
    await storage.outOfTrash("t1", "trashed", ["data"]);
    await storage.mountVolume("trashed", "data", owner);
    assert.equal(read("trashed", "data"), "kept");
    await storage.intoTrash("t1", "trashed", ["data"]);
    await storage.purgeTrash("t1");
    await storage.outOfTrash("t1", "trashed", ["data"]);
    assert.deepEqual(storage.volumesOf("trashed"), []);
  });

  test(`${name}: files get other owners, and again changes nothing`, async () => {
    const { storage, read } = await withVolume("moved", "mine");
    const range = { from: 0x4000_0000, to: 0x4001_0000 };
    await storage.moveOwners("moved", ["data"], range);
    await storage.moveOwners("moved", ["data"], range);
    await storage.mountVolume("moved", "data", owner);
    assert.equal(read("moved", "data"), "mine");
  });
}
