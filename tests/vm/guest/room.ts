/**
 * Runs inside a machine whose kernel has project quotas (scenario `volume-room`): the suite of rooms on them, and what only
 * the kernel can keep others to.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SealedAppStorage } from "../../../programs/piccolod/src/adapters/app-storage/sealed-app-storage.ts";
import { partitionsNamed } from "../../../programs/piccolod/src/adapters/volume/partitions.ts";
import { QuotaRoom } from "../../../programs/piccolod/src/adapters/volume/quota-room.ts";
import { contentFolders, reserveOf } from "../../../programs/piccolod/src/room/room.ts";
import { type RoomUnderTest, roomSuite } from "../../../programs/piccolod/test-support/room-suite.ts";

const mebibyte = 1024 * 1024;
const slackBytes = 2 * mebibyte;
const disk = partitionsNamed("piccolo-data")[0] ?? "";
const mountOptions = "nosuid,nodev,noexec,noatime,prjquota";

/** Bytes until the kernel refuses more, or as many as asked for. */
function write(path: string, bytes: number, flags = "w"): number {
  const file = openSync(path, flags);
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
  readonly room: QuotaRoom;
  readonly path: string;
  readonly mount: string;
  /** Done before the volume is put away. */
  readonly atEnd: (closer: () => Promise<void>) => void;
}

async function scene(context: TestContext): Promise<Scene> {
  const mount = mkdtempSync(join(tmpdir(), "piccolo-room-"));
  execFileSync("mkfs.xfs", ["-q", "-f", "-K", "-m", "reflink=1,bigtime=1", disk]);
  const attach = (): unknown => execFileSync("mount", ["-t", "xfs", "-o", mountOptions, disk, mount]);
  attach();
  const closers: (() => Promise<void>)[] = [];
  context.after(async () => {
    for (const closer of closers) await closer();
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
    atEnd: (closer) => void closers.push(closer),
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

/** Content may write what is free beyond the reserve, and the kernel's bound says the same. */
function assertExact({ room, totalBytes, freeBytes }: Scene): void {
  const due = Math.max(0, freeBytes() - reserveOf(totalBytes));
  assert.ok(Math.abs(room.freeBytes() - due) <= slackBytes, `${room.freeBytes()} of ${due}`);
}

interface CopyScene extends Scene {
  readonly storage: SealedAppStorage;
  /** Into the app's volume, and on to the disk. */
  readonly fill: (bytes: number) => void;
}

const filledBytes = 100 * mebibyte;

/** An app whose volume takes so much. */
async function copyScene(context: TestContext): Promise<CopyScene> {
  const one = await scene(context);
  const mountFolder = mkdtempSync(join(tmpdir(), "piccolo-apps-"));
  const storage = new SealedAppStorage({
    folder: join(one.path, "apps"),
    mountFolder,
    runtimeInImage: false,
    room: one.room,
  });
  one.atEnd(() => storage.close());
  await storage.open();
  await storage.makeVolume("app", "data", 2 * filledBytes);
  await storage.mountVolume("app", "data", { uid: 0, gid: 0 });
  const inside = join(storage.volumeFolder("app", "data"), "file");
  const fill = (bytes: number): void => {
    // In place the second time, so that it is the same blocks of the image.
    assert.equal(write(inside, bytes, existsSync(inside) ? "r+" : "w"), bytes);
    execFileSync("sync", ["-f", inside]);
  };
  fill(filledBytes);
  return { ...one, storage, fill };
}

test("what files share counts for each of them, and takes the disk once: the bound does not know that by itself", async (context) => {
  const one = await copyScene(context);
  const { path, room, freeBytes } = one;
  assertExact(one);
  const [asked, free] = [room.freeBytes(), freeBytes()];
  const image = join(path, "apps/volumes/app/data.ext4");
  execFileSync("cp", ["--reflink=always", image, join(path, "apps/copy")]);
  assert.ok(free - freeBytes() <= slackBytes, `the copy took ${free - freeBytes()}`);
  assert.ok(asked - room.freeBytes() >= filledBytes - slackBytes, `${room.freeBytes()} of ${asked}`);
  assert.equal(room.isOff, true);
  await room.keep();
  assertExact(one);
  assert.equal(room.isOff, false);
});

test("copies of an app's data leave content what is free: while they are, where the app writes anew, and when they go", async (context) => {
  const one = await copyScene(context);
  const { room, storage, fill } = one;
  const asked = room.freeBytes();
  for (const id of ["c1", "c2", "c3"]) {
    await storage.snapshot(id, "app", ["data"]);
    assertExact(one);
  }
  assert.ok(asked - room.freeBytes() <= 2 * slackBytes, `${room.freeBytes()} of ${asked}`);
  fill(filledBytes);
  assert.equal(room.isOff, true);
  await room.keep();
  assertExact(one);
  for (const id of ["c1", "c2", "c3"]) {
    await storage.dropSnapshot(id);
    await storage.freed();
    assertExact(one);
  }
  await storage.snapshot("c4", "app", ["data"]);
  await storage.restore("c4", "app", ["data"]);
  await room.keep();
  assertExact(one);
});

test("on a full volume the end of a copy gives content nothing that is not there", async (context) => {
  const one = await copyScene(context);
  const { path, room, storage, totalBytes, freeBytes } = one;
  await storage.snapshot("c1", "app", ["data"]);
  write(join(path, "spool/filling"), totalBytes);
  assert.ok(room.freeBytes() < slackBytes, String(room.freeBytes()));
  await storage.dropSnapshot("c1");
  await storage.freed();
  const written = write(join(path, "spool/more"), totalBytes);
  assert.ok(written <= slackBytes, `${written} more`);
  assert.ok(freeBytes() >= reserveOf(totalBytes) - 2 * slackBytes, String(freeBytes()));
});

test("a volume of an app grows while it is in use, with what is in it, and its bound takes nothing from content", async (context) => {
  const one = await copyScene(context);
  const { room, storage, fill } = one;
  const place = storage.volumeFolder("app", "data");
  const holds = (): number => {
    const { blocks, bsize } = statfsSync(place);
    return blocks * bsize;
  };
  const [before, free] = [holds(), room.freeBytes()];
  await storage.raiseBound("app", "data", 3 * filledBytes);
  assert.ok(holds() - before > 0.9 * filledBytes, `${holds()} after ${before}`);
  assert.equal(readFileSync(join(place, "file")).length, filledBytes);
  assert.ok(free - room.freeBytes() <= 4 * slackBytes, `${room.freeBytes()} of ${free}`);
  fill(2 * filledBytes + filledBytes / 2);
  assertExact(one);
});
