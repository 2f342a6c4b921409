import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { MemoryRoom } from "../../../test-support/memory-room.ts";
import { type RoomUnderTest, roomSuite } from "../../../test-support/room-suite.ts";
import { contentFolders, reserveOf } from "../../room/room.ts";
import { AskingRoom } from "./asking-room.ts";
import { QuotaRoom } from "./quota-room.ts";

const mebibyte = 1024 * 1024;

test("the reserve is a sixteenth of the volume within bounds", () => {
  const gibibyte = 1024 * mebibyte;
  const volumes = [100 * mebibyte, 4 * gibibyte, 16 * gibibyte, 4_000 * gibibyte];
  assert.deepEqual(
    volumes.map((bytes) => reserveOf(bytes) / mebibyte),
    [32, 256, 1024, 2048],
  );
});

roomSuite("a volume in memory", async () => {
  const room = new MemoryRoom(96 * mebibyte);
  return {
    room,
    totalBytes: room.totalBytes,
    freeBytes: () => room.allFreeBytes,
    again: async () => room,
    put: (folder, name, bytes) => room.put(`${folder}/${name}`, bytes),
    drop: (folder, name) => room.drop(`${folder}/${name}`),
    putOwn: (name, bytes) => room.put(name, bytes),
    dropOwn: (name) => room.drop(name),
  };
});

/** A file system of its own that is as small as it says. */
function smallDisk(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "piccolo-room-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=96m", "tmpfs", path]);
  context.after(() => {
    execFileSync("umount", [path]);
    rmSync(path, { recursive: true });
  });
  return path;
}

roomSuite("a device that asks", async (context): Promise<RoomUnderTest> => {
  const path = smallDisk(context);
  for (const name of contentFolders) mkdirSync(join(path, name));
  const { blocks, bsize } = statfsSync(path);
  return {
    room: new AskingRoom(path),
    totalBytes: blocks * bsize,
    freeBytes: () => statfsSync(path).bavail * bsize,
    again: async () => new AskingRoom(path),
    put: (folder, name, bytes) => writeFileSync(join(path, folder, name), Buffer.alloc(bytes, 1)),
    drop: (folder, name) => rmSync(join(path, folder, name)),
    putOwn: (name, bytes) => writeFileSync(join(path, name), Buffer.alloc(bytes, 1)),
    dropOwn: (name) => rmSync(join(path, name)),
  };
});

test("a kernel that keeps no project quotas is told, and nothing is taken for bounded", async (context) => {
  const path = smallDisk(context);
  await assert.rejects(QuotaRoom.open({ mount: path, path }), { code: "volume-unavailable" });
});
