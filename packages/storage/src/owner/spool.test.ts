import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import fc from "fast-check";
import { PoweredDisk } from "../../test-support/powered-disk.ts";
import { CrashDisk } from "../fakes/index.ts";
import { diskFaults } from "../ports/index.ts";
import { id, pattern } from "../suites/suite.ts";
import { Spool } from "./spool.ts";

const all = (): boolean => true;

async function makeSpool(disk = new CrashDisk(), limitBytes = 1_000): Promise<Spool> {
  const spool = new Spool(disk, limitBytes);
  await spool.open(all);
  return spool;
}

test("content over the limit is refused, also when two come at once, and the room of what was refused is free", async () => {
  const disk = new CrashDisk();
  const spool = await makeSpool(disk);
  await assert.rejects(spool.put(id(16, 1), pattern(1_001)), { code: "too-few-holders" });
  const outcomes = await Promise.allSettled([1, 2].map((number) => spool.put(id(16, number), pattern(600))));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  assert.equal(spool.usedBytes, 600);
  await spool.put(id(16, 3), pattern(400));
  assert.equal((await disk.list("spool")).length, 2);
});

test("a disk without room takes nothing in", async () => {
  const disk = new CrashDisk({ capacityBytes: 100 });
  const spool = await makeSpool(disk);
  await assert.rejects(spool.put(id(16, 1), pattern(101)), { code: "too-few-holders" });
  assert.equal(spool.usedBytes, 0);
  await spool.put(id(16, 1), pattern(100));
});

test("a disk that fills up while content is written is told like a full spool, and nothing of it stays", async () => {
  const disk = new CrashDisk();
  const spool = await makeSpool(disk);
  const filling = new Spool(
    new Proxy(disk, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (name === "syncFolder") return () => Promise.reject(diskFaults.fault("disk-full", "full"));
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    }),
    1_000,
  );
  await assert.rejects(filling.put(id(16, 1), pattern(100)), { code: "too-few-holders" });
  assert.equal(filling.usedBytes, 0);
  assert.deepEqual(await disk.list("spool"), []);
  await spool.put(id(16, 1), pattern(1_000));
});

test("two writes at once do not both take the last room of the disk", async () => {
  const disk = new CrashDisk({ capacityBytes: 150 });
  const spool = await makeSpool(disk);
  const outcomes = await Promise.allSettled([1, 2].map((number) => spool.put(id(16, number), pattern(100))));
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 0);
  await spool.put(id(16, 3), pattern(100));
  await assert.rejects(spool.put(id(16, 4), pattern(100)), { code: "too-few-holders" });
});

test("a file that is gone, or shorter than it was, is told as damaged content", async () => {
  const disk = new CrashDisk();
  const spool = await makeSpool(disk);
  await assert.rejects(spool.read(id(16, 1), 0, 1), { code: "spool-damaged" });
  await spool.put(id(16, 1), pattern(100));
  await disk.createFile(`spool/${toHex(id(16, 1))}`, [pattern(50)]);
  await assert.rejects(spool.read(id(16, 1), 0, 100), { code: "spool-damaged" });
});

test("any part of what was put is read back, until it is removed, which may be repeated", async () => {
  const disk = new CrashDisk();
  const spool = await makeSpool(disk);
  const content = pattern(500);
  await spool.put(id(16, 1), content);
  assert.deepEqual(new Uint8Array(await spool.read(id(16, 1), 100, 200)), content.slice(100, 200));
  await spool.remove(id(16, 1));
  await spool.remove(id(16, 1));
  assert.equal(spool.usedBytes, 0);
  assert.deepEqual(await disk.list("spool"), []);
});

test("opening counts what is wanted and removes everything else", async () => {
  const disk = new CrashDisk();
  const spool = await makeSpool(disk);
  await spool.put(id(16, 1), pattern(100));
  await spool.put(id(16, 2), pattern(200));
  await disk.createFile("spool/notes", [pattern(5)]);
  const again = new Spool(disk, 1_000);
  await again.open((segmentId) => segmentId[15] === 2);
  assert.equal(again.usedBytes, 200);
  assert.deepEqual(await disk.list("spool"), [toHex(id(16, 2))]);
  await again.remove(id(16, 2));
  assert.equal(again.usedBytes, 0);
});

test("whatever was put is whole after a power cut at any moment, and the room counted is that of the files", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 }),
      fc.nat(40),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
      async (sizes, cutAt, fates) => {
        const disk = new CrashDisk();
        const powered = new PoweredDisk(disk);
        const spool = new Spool(powered, 1_000);
        await spool.open(all);
        let fate = 0;
        powered.cutAt(cutAt, () => fates[fate++ % fates.length] ?? false);
        const outcomes = await Promise.allSettled(
          sizes.map((size, number) => spool.put(id(16, number), pattern(size, number))),
        );
        powered.cut();
        const isPut = (number: number): boolean => outcomes[number]?.status === "fulfilled";
        const again = new Spool(disk, 1_000);
        await again.open((segmentId) => isPut(segmentId[15] ?? 0));
        let bytes = 0;
        for (const [number, size] of sizes.entries()) {
          if (!isPut(number)) continue;
          bytes += size;
          assert.deepEqual(new Uint8Array(await again.read(id(16, number), 0, size)), pattern(size, number));
        }
        assert.equal(again.usedBytes, bytes);
      },
    ),
  );
});
