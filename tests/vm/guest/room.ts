/**
 * Runs inside a machine whose kernel has project quotas (scenario `volume-room`): the suite of rooms on them, and what only
 * the kernel can keep others to.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { partitionsNamed } from "../../../programs/piccolod/src/adapters/volume/partitions.ts";
import { QuotaRoom } from "../../../programs/piccolod/src/adapters/volume/quota-room.ts";
import { contentFolders, reserveOf } from "../../../programs/piccolod/src/room/room.ts";
import { type RoomUnderTest, roomSuite } from "../../../programs/piccolod/test-support/room-suite.ts";

const mebibyte = 1024 * 1024;
const slackBytes = 2 * mebibyte;
const disk = partitionsNamed("piccolo-data")[0] ?? "";
const mountOptions = "nosuid,nodev,noexec,noatime,prjquota";

/** Bytes until the kernel refuses more, or as many as asked for. */
function write(path: string, bytes: number): number {
  const file = openSync(path, "w");
  const piece = Buffer.alloc(mebibyte, 1);
  let written = 0;
  try {
    while (written < bytes) written += writeSync(file, piece, 0, Math.min(piece.length, bytes - written));
    fsyncSync(file);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
  return written;
}

/** XFS gives the room of a file that is gone back in the background. */
function remove(path: string): void {
  const free = (): number => {
    const { bavail, bsize } = statfsSync(join(path, ".."));
    return bavail * bsize;
  };
  const enough = free() + statSync(path).blocks * 512 - slackBytes;
  rmSync(path);
  const look = new Int32Array(new SharedArrayBuffer(4));
  while (free() < enough) Atomics.wait(look, 0, 0, 20);
}

interface Scene extends RoomUnderTest {
  readonly path: string;
  readonly mount: string;
}

async function scene(context: TestContext): Promise<Scene> {
  const mount = mkdtempSync(join(tmpdir(), "piccolo-room-"));
  execFileSync("mkfs.xfs", ["-q", "-f", "-K", "-m", "reflink=1,bigtime=1", disk]);
  const attach = (): unknown => execFileSync("mount", ["-t", "xfs", "-o", mountOptions, disk, mount]);
  attach();
  context.after(() => {
    execFileSync("umount", [mount]);
    rmSync(mount, { recursive: true });
  });
  const path = join(mount, "content");
  mkdirSync(path);
  const { blocks, bsize } = statfsSync(path);
  const whole = (at: string, bytes: number): void => assert.equal(write(at, bytes), bytes);
  return {
    path,
    mount,
    room: await QuotaRoom.open({ mount, path }),
    totalBytes: blocks * bsize,
    freeBytes: () => statfsSync(path).bavail * bsize,
    again: () => {
      execFileSync("umount", [mount]);
      attach();
      return QuotaRoom.open({ mount, path });
    },
    put: (folder, name, bytes) => whole(join(path, folder, name), bytes),
    drop: (folder, name) => remove(join(path, folder, name)),
    putOwn: (name, bytes) => whole(join(path, name), bytes),
    dropOwn: (name) => remove(join(path, name)),
  };
}

roomSuite("a project of XFS", scene);

for (const folder of contentFolders) {
  test(`whoever writes to ${folder} without asking is stopped before the reserve`, async (context) => {
    const { path, room, totalBytes, freeBytes, putOwn } = await scene(context);
    const deep = join(path, folder, "some/where");
    mkdirSync(deep, { recursive: true });
    const asked = room.freeBytes();
    const written = write(join(deep, "file"), totalBytes);
    assert.ok(written <= asked + slackBytes && written >= asked - slackBytes, `${written} of ${asked}`);
    assert.ok(room.freeBytes() < slackBytes, String(room.freeBytes()));
    const reserve = reserveOf(totalBytes);
    assert.ok(freeBytes() >= reserve - slackBytes, `${freeBytes()} of ${reserve}`);
    putOwn("database", reserve / 2);
  });
}

test("a file system in a file is stopped as well, though the kernel itself writes it", async (context) => {
  const { path, room, totalBytes, freeBytes } = await scene(context);
  const image = join(path, "apps/volume.ext4");
  closeSync(openSync(image, "w"));
  truncateSync(image, 2 * totalBytes);
  execFileSync("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", image]);
  const inner = mkdtempSync(join(tmpdir(), "piccolo-inner-"));
  execFileSync("mount", ["-t", "ext4", "-o", "loop,nosuid,nodev", image, inner]);
  try {
    // The page cache takes more than there is room for; that the disk does not is told when it is written back.
    assert.throws(() => {
      for (let at = 0; at < 2 * totalBytes; at += 64 * mebibyte) write(join(inner, `file-${at}`), 64 * mebibyte);
      execFileSync("sync", ["-f", inner]);
    });
  } finally {
    execFileSync("umount", ["-l", inner]);
  }
  const reserve = reserveOf(totalBytes);
  assert.ok(freeBytes() >= reserve - slackBytes, `${freeBytes()} of ${reserve}`);
  assert.ok(room.freeBytes() < slackBytes);
});

test("what is moved into a folder of content counts there, and nothing escapes by another name for it", async (context) => {
  const { path, mount, room, totalBytes } = await scene(context);
  const asked = room.freeBytes();
  write(join(mount, "outside"), 8 * mebibyte);
  execFileSync("mv", [join(mount, "outside"), join(path, "spool/inside")]);
  assert.ok(room.freeBytes() <= asked - 8 * mebibyte + slackBytes);
  execFileSync("ln", [join(path, "spool/inside"), join(mount, "linked")]);
  execFileSync("mv", [join(path, "spool/inside"), join(mount, "moved")]);
  assert.ok(write(join(path, "spool/more"), totalBytes) <= asked - 8 * mebibyte + slackBytes);
});

test("a crash while the folders are gathered is made good at the next start", async (context) => {
  const { path, mount, totalBytes } = await scene(context);
  rmSync(join(path, "room-1"), { recursive: true });
  execFileSync("xfs_quota", ["-x", "-D", "/dev/null", "-P", "/dev/null", "-c", `project -C -p ${path}/apps 1`, mount]);
  const room = await QuotaRoom.open({ mount, path });
  assert.ok(write(join(path, "apps/file"), totalBytes) <= totalBytes - reserveOf(totalBytes));
  assert.ok(room.freeBytes() < slackBytes, String(room.freeBytes()));
});
