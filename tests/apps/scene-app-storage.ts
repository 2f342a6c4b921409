/** The room for apps' data on real file systems, on a machine of its own: the suite of the port, and whose files are whose. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FolderSnapshotFiles } from "../../programs/piccolod/src/adapters/app-storage/folder-snapshot-files.ts";
import { SealedAppStorage } from "../../programs/piccolod/src/adapters/app-storage/sealed-app-storage.ts";
import { WritableRoots } from "../../programs/piccolod/src/adapters/podman/writable-roots.ts";
import { volumeBound } from "../../programs/piccolod/src/apps/volume-bounds.ts";
import { appStorageSuite } from "../../programs/piccolod/test-support/app-storage-suite.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-app-storage-"));
let kept = 0;
const room = {
  freeBytes: () => Number.MAX_SAFE_INTEGER,
  keep: async () => {
    kept += 1;
  },
};
const storage = new SealedAppStorage({
  folder: join(folder, "apps"),
  mountFolder: "/run/piccolo/suite/apps",
  runtimeInImage: false,
  room,
});
const files = new FolderSnapshotFiles(join(folder, "apps/snapshots"));
const pathOf = (app: string, volume: string): string => join(storage.volumeFolder(app, volume), "text");

function unmount(app: string, volume: string): void {
  execFileSync("/bin/umount", [join(storage.volumeFolder(app, volume), "..")]);
}

function roomBytes(app: string, volume: string): number {
  const { blocks, bsize } = statfsSync(storage.volumeFolder(app, volume));
  return blocks * bsize;
}

after(async () => {
  await storage.close();
  rmSync(folder, { recursive: true, force: true });
});

appStorageSuite("sealed", async () => {
  await storage.open();
  return {
    storage,
    files,
    write: (app, volume, text) => writeFileSync(pathOf(app, volume), text),
    read: (app, volume) => readFileSync(pathOf(app, volume), "utf8"),
    unmount: (app, volume) => unmount(app, volume),
    roomBytes: (app, volume) => roomBytes(app, volume),
  };
});

const [from, to] = [0x4000_0000, 0x4123_0000];

test("the bound of content follows whatever changes at once what it counts for", async () => {
  await storage.open();
  await storage.makeVolume("followed", "data", 16 * 1024 * 1024);
  const steps: readonly (() => Promise<void>)[] = [
    () => storage.snapshot("f1", "followed", ["data"]),
    () => storage.restore("f1", "followed", ["data"]),
    () => storage.dropSnapshot("f1"),
    () => storage.intoTrash("f", "followed", ["data"]).then(() => storage.purgeTrash("f")),
    () => storage.makeVolume("followed", "data", 16 * 1024 * 1024),
    () => storage.dropVolumes("followed", ["data"]),
  ];
  const follows: boolean[] = [];
  for (const step of steps) {
    const before = kept;
    await step();
    await storage.freed();
    follows.push(kept > before);
  }
  assert.deepEqual(follows, [true, true, true, true, false, true]);
  assert.deepEqual(readdirSync(join(folder, "apps/gone")), []);
});

test("what was on its way out when an earlier run was cut off is gone after the next start", async () => {
  const place = join(folder, "cut-off");
  mkdirSync(join(place, "apps/gone/copy"), { recursive: true });
  writeFileSync(join(place, "apps/gone/copy/data.ext4"), Buffer.alloc(1_000_000, 1));
  const mountFolder = "/run/piccolo/suite/cut-off";
  const later = new SealedAppStorage({ folder: join(place, "apps"), mountFolder, runtimeInImage: false, room });
  await later.open();
  await later.freed();
  await later.close();
  assert.deepEqual(readdirSync(join(place, "apps/gone")), []);
});

test("owners of a range move, with modes kept and links not followed; all others stay", async () => {
  await storage.open();
  await storage.makeVolume("owners", "data", 16 * 1024 * 1024);
  await storage.mountVolume("owners", "data", { uid: from + 33, gid: from + 33 });
  const top = storage.volumeFolder("owners", "data");
  const outside = join(folder, "outside");
  writeFileSync(outside, "");
  lchownSync(outside, from + 7, from + 7);
  mkdirSync(join(top, "a/b"), { recursive: true });
  writeFileSync(join(top, "a/b/file"), "", { mode: 0o640 });
  lchownSync(join(top, "a/b/file"), from + 1_000, from + 65_535);
  writeFileSync(join(top, "roots"), "");
  symlinkSync(outside, join(top, "link"));
  lchownSync(join(top, "link"), from + 5, 0);
  await storage.moveOwners("owners", ["data"], { from, to });
  const owner = (path: string): readonly number[] => {
    const { uid, gid } = lstatSync(path);
    return [uid, gid];
  };
  assert.deepEqual(owner(top), [to + 33, to + 33]);
  assert.deepEqual(owner(join(top, "a/b/file")), [to + 1_000, to + 65_535]);
  assert.equal(lstatSync(join(top, "a/b/file")).mode & 0o7777, 0o640);
  assert.deepEqual(owner(join(top, "roots")), [0, 0]);
  assert.deepEqual(owner(join(top, "link")), [to + 5, 0]);
  assert.deepEqual(owner(outside), [from + 7, from + 7]);
});

test("a copy whose volume cannot be made still leaves nobody waiting for the volume", async () => {
  await storage.open();
  await storage.makeVolume("still", "data", 16 * 1024 * 1024);
  await storage.mountVolume("still", "data", { uid: from, gid: from });
  const top = storage.volumeFolder("still", "data");
  const freeze = (way: string): void => {
    execFileSync("/sbin/fsfreeze", [way, join(top, "..")], { stdio: "ignore" });
  };
  // As one that was ended too late has left it.
  freeze("--freeze");
  await assert.rejects(storage.snapshot("still", "still", ["data"]), { code: "app-storage-failed" });
  assert.throws(() => freeze("--unfreeze"), "it is not frozen any more");
  writeFileSync(join(top, "text"), "a few words");
  await storage.snapshot("still", "still", ["data"]);
  assert.equal(storage.snapshots().get("still"), "complete");
});

/** The app has a volume with a few words in it, whose file system then gives itself up, as after a failed write. */
async function givenUp(app: string): Promise<{ readonly write: () => void; readonly errors: () => number }> {
  await storage.open();
  await storage.makeVolume(app, "data", 16 * 1024 * 1024);
  await storage.mountVolume(app, "data", { uid: from, gid: from });
  const place = join(storage.volumeFolder(app, "data"), "..");
  writeFileSync(pathOf(app, "data"), "a few words");
  execFileSync("/bin/sync", ["--file-system", place]);
  execFileSync("/bin/mount", ["-o", "remount,abort", place]);
  const write = (): void => writeFileSync(pathOf(app, "data"), "some more");
  assert.throws(write, { code: "EROFS" });
  const errors = (): number => {
    const source = execFileSync("/bin/findmnt", ["-n", "-o", "SOURCE", place], { encoding: "utf8" }).trim();
    return Number(readFileSync(`/sys/fs/ext4/${basename(source)}/errors_count`, "utf8"));
  };
  assert.ok(errors() > 0);
  return { write, errors };
}

test("a volume whose file system gave itself up is mended when it is mounted for a start, with what was in it", async () => {
  const { write, errors } = await givenUp("mended");
  await storage.mountVolume("mended", "data", { uid: from, gid: from });
  assert.equal(readFileSync(pathOf("mended", "data"), "utf8"), "a few words");
  write();
  assert.equal(errors(), 0);
});

test("one that is in use is not touched, and mended once nobody uses it", async () => {
  const { write, errors } = await givenUp("used");
  // What runs in another view of the file systems, as containers do.
  const user = spawn("/usr/bin/unshare", ["--mount", "/bin/sleep", "60"], { stdio: "ignore" });
  const ended = once(user, "exit");
  try {
    const inside = `/proc/${user.pid}/ns/mnt`;
    while (readlinkSync(inside) === readlinkSync("/proc/self/ns/mnt")) await delay(10);
    await storage.mountVolume("used", "data", { uid: from, gid: from });
    assert.ok(errors() > 0);
    assert.throws(write, { code: "EROFS" });
  } finally {
    user.kill("SIGKILL");
    await ended;
  }
  await storage.mountVolume("used", "data", { uid: from, gid: from });
  write();
  assert.equal(errors(), 0);
});

/** More than can be mended without a person. */
const damage = (image: string): void => {
  for (const request of ["clri <2>", "set_super_value state 2"]) {
    execFileSync("/sbin/debugfs", ["-w", "-R", request, image], { stdio: "ignore" });
  }
};

test("one that cannot be mended without a person is told, stays as it is, and a copy takes its place", async () => {
  await storage.open();
  await storage.makeVolume("damaged", "data", 16 * 1024 * 1024);
  await storage.snapshot("whole", "damaged", ["data"]);
  damage(join(folder, "apps/volumes/damaged/data.ext4"));
  const mounted = (): Promise<void> => storage.mountVolume("damaged", "data", { uid: from, gid: from });
  await assert.rejects(mounted(), { code: "app-data-damaged", message: /backup/ });
  await storage.restore("whole", "damaged", ["data"]);
  await mounted();
  writeFileSync(pathOf("damaged", "data"), "some more");
});

test("what a container wrote to its own root, damaged, keeps it from no start: it begins with its image's again", async () => {
  const [layers, kept] = [join(folder, "layers"), join(folder, "roots")];
  const roots = new WritableRoots({ folder: kept, layers });
  const layer = join(layers, "one");
  mkdirSync(join(layer, "diff"), { recursive: true });
  const bound = (): Promise<void> => roots.bound(layer, 16 * 1024 * 1024);
  await bound();
  writeFileSync(join(layer, "diff/scratch"), "a few words");
  execFileSync("/bin/umount", [layer]);
  damage(join(kept, "one.ext4"));
  await bound();
  const found = readdirSync(join(layer, "diff"));
  writeFileSync(join(layer, "diff/scratch"), "some more");
  execFileSync("/bin/umount", [layer]);
  assert.deepEqual(found, []);
});

test("damaged files of the runtime, which can all be had again, keep no app from its data", async () => {
  const place = join(folder, "runtime-damaged");
  const mountFolder = "/run/piccolo/suite/runtime-damaged";
  const imaged = new SealedAppStorage({ folder: join(place, "apps"), mountFolder, runtimeInImage: true, room });
  await imaged.open();
  writeFileSync(join(imaged.runtimeFolder, "images"), "some");
  await imaged.close();
  damage(join(place, "apps/runtime.ext4"));
  await imaged.open();
  try {
    assert.deepEqual(readdirSync(imaged.runtimeFolder), []);
  } finally {
    await imaged.close();
  }
});

test("of a large volume with little in it little is read, and of one that was not put down cleanly all", async () => {
  await storage.open();
  const gibibyte = 1024 ** 3;
  await storage.makeVolume("large", "data", 4 * gibibyte);
  await storage.mountVolume("large", "data", { uid: from, gid: from });
  writeFileSync(join(storage.volumeFolder("large", "data"), "text"), "a few words");
  await storage.snapshot("clean", "large", ["data"]);
  const partBytes = 2 * 1024 * 1024;
  const readable = async (id: string): Promise<number> => {
    const reader = await files.open(id, "data");
    let parts = 0;
    for (let at = 0; at < reader.sizeBytes; at += partBytes) {
      if ((await reader.read(at, Math.min(partBytes, reader.sizeBytes - at))) !== undefined) parts += 1;
    }
    await reader.close();
    return parts;
  };
  const all = (4 * gibibyte) / partBytes;
  assert.ok((await readable("clean")) < all / 4);
  // The flag of a journal that still holds changes, as a power cut leaves it.
  const path = join(folder, "apps/snapshots/clean/data.ext4");
  const file = openSync(path, "r+");
  const image = Buffer.alloc(4_096);
  readSync(file, image, 0, image.length, 0);
  const [superblock, incompatible, needsRecovery] = [1024, 0x60, 0x4];
  const flags = new DataView(image.buffer, image.byteOffset + superblock + incompatible, 4);
  flags.setUint32(0, flags.getUint32(0, true) | needsRecovery, true);
  writeSync(file, image, 0, image.length, 0);
  closeSync(file);
  assert.equal(await readable("clean"), all);
});

const mebibyte = 1024 ** 2;
const owner = { uid: from, gid: from };

for (const [what, cut] of [
  ["before its file system followed", (path: string) => truncateSync(path, 256 * mebibyte)],
  [
    "while its file system was made larger beside it",
    (path: string) => {
      truncateSync(path, 256 * mebibyte);
      writeFileSync(`${path}.new`, Buffer.alloc(mebibyte, 1));
    },
  ],
] as const) {
  test(`a volume whose growth was cut off ${what} has all of it after the next mount, and what was in it`, async () => {
    await storage.open();
    await storage.makeVolume("cut", "data", 64 * mebibyte);
    await storage.mountVolume("cut", "data", owner);
    writeFileSync(pathOf("cut", "data"), "a few words");
    execFileSync("/bin/sync", ["--file-system", storage.volumeFolder("cut", "data")]);
    const path = join(folder, "apps/volumes/cut/data.ext4");
    // As it lies on the disk while it is in use.
    copyFileSync(path, join(folder, "cut.ext4"));
    unmount("cut", "data");
    renameSync(join(folder, "cut.ext4"), path);
    cut(path);
    await storage.mountVolume("cut", "data", owner);
    assert.equal(readFileSync(pathOf("cut", "data"), "utf8"), "a few words");
    assert.ok(roomBytes("cut", "data") > 192 * mebibyte);
    assert.deepEqual(storage.volumesOf("cut"), ["data"]);
    assert.ok(!readdirSync(join(path, "..")).includes("data.ext4.new"));
    unmount("cut", "data");
    execFileSync("/sbin/e2fsck", ["-f", "-n", path], { stdio: "ignore" });
    await storage.dropVolumes("cut", ["data"]);
  });
}

interface SmallDisk {
  readonly storage: SealedAppStorage;
  readonly folder: string;
  readonly freeBytes: () => number;
  /** Writes a file into the app's volume, to the disk. */
  readonly write: (app: string, mebibytes: number) => void;
  /** Takes all room of the disk but so much; `give` frees it again. */
  readonly fill: (leftBytes: number) => void;
  readonly give: () => void;
}

/** Storage on a disk of its own, which is gone afterwards. */
async function onSmallDisk(
  mebibytes: number,
  use: (disk: SmallDisk) => Promise<void>,
  options: { readonly resizesMounted?: boolean } = {},
): Promise<void> {
  const [image, place] = [join(folder, "small.ext4"), join(folder, "small")];
  mkdirSync(place, { recursive: true });
  rmSync(image, { force: true });
  writeFileSync(image, "");
  truncateSync(image, mebibytes * mebibyte);
  execFileSync("/sbin/mkfs.ext4", ["-q", "-F", "-m", "0", image]);
  execFileSync("/bin/mount", ["-o", "loop", image, place]);
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(place);
    return bavail * bsize;
  };
  const small = new SealedAppStorage({
    folder: join(place, "apps"),
    mountFolder: "/run/piccolo/suite/small",
    runtimeInImage: false,
    room: { freeBytes, keep: () => Promise.resolve() },
    ...options,
  });
  const filling = join(place, "filling");
  try {
    await small.open();
    await use({
      storage: small,
      folder: join(place, "apps"),
      freeBytes,
      write: (app, count) => {
        const file = openSync(join(small.volumeFolder(app, "data"), "filling"), "w");
        try {
          for (let at = 0; at < count; at++) writeSync(file, Buffer.alloc(mebibyte, 1));
          fsyncSync(file);
        } finally {
          closeSync(file);
        }
      },
      fill: (leftBytes) => {
        const file = openSync(filling, "w");
        try {
          for (let left = freeBytes() - leftBytes; left > 0; left = freeBytes() - leftBytes) {
            writeSync(file, Buffer.alloc(Math.min(left, mebibyte), 1));
            fsyncSync(file);
          }
        } catch (error) {
          // It says that it has more room than it has.
          assert.ok(leftBytes === 0 && error instanceof Error && "code" in error && error.code === "ENOSPC");
        } finally {
          closeSync(file);
        }
      },
      give: () => rmSync(filling),
    });
  } finally {
    await small.close();
    execFileSync("/bin/umount", [place]);
  }
}

test("an app that fills its volume takes no room another one writes to", () =>
  onSmallDisk(512, async ({ storage: small, freeBytes, write }) => {
    const data = { name: "data", title: { en: "Data" }, snapshot: "stop", backup: true } as const;
    for (const app of ["greedy", "modest"]) {
      const [othersBytes = 0] = Object.values(small.promisedBytes());
      const facts = { freeBytes: freeBytes(), ownBytes: undefined, othersBytes };
      await small.makeVolume(app, "data", volumeBound(data, { volumes: [data] }, facts) ?? assert.fail("it has room"));
      await small.mountVolume(app, "data", { uid: from, gid: from });
    }
    assert.throws(() => write("greedy", 512), { code: "ENOSPC" });
    assert.ok(freeBytes() > 256 * mebibyte, `${freeBytes()} bytes are free`);
    write("modest", 32);
  }));

test("a volume that cannot be made larger for want of room is mounted as it is", () =>
  onSmallDisk(
    96,
    async ({ storage: narrow, folder: place }) => {
      await narrow.makeVolume("full", "data", 64 * mebibyte);
      await narrow.mountVolume("full", "data", owner);
      const text = join(narrow.volumeFolder("full", "data"), "text");
      writeFileSync(text, Buffer.alloc(48 * mebibyte, 1));
      execFileSync("/bin/umount", [join(narrow.volumeFolder("full", "data"), "..")]);
      await narrow.raiseBound("full", "data", 80 * mebibyte);
      await narrow.mountVolume("full", "data", owner);
      assert.equal(readFileSync(text).length, 48 * mebibyte);
      const { blocks, bsize } = statfsSync(text);
      assert.ok(blocks * bsize < 64 * mebibyte);
      assert.deepEqual(readdirSync(join(place, "volumes/full")), ["data.ext4"]);
    },
    { resizesMounted: false },
  ));

test("a copy takes the place of data that it has no room beside, also where power is cut in between", () =>
  onSmallDisk(160, async ({ storage: small, folder: place, write, fill, freeBytes }) => {
    await small.makeVolume("undone", "data", 64 * mebibyte);
    const mounted = (): Promise<void> => small.mountVolume("undone", "data", { uid: from, gid: from });
    await mounted();
    const text = join(small.volumeFolder("undone", "data"), "text");
    write("undone", 40);
    writeFileSync(text, "before");
    await small.snapshot("s", "undone", ["data"]);
    fill(20 * mebibyte);
    for (const cut of [false, true]) {
      writeFileSync(text, "after");
      if (cut) {
        await small.dropVolumes("undone", ["data"]);
        mkdirSync(join(place, "gone"), { recursive: true });
        writeFileSync(join(place, "volumes/undone/data.ext4.new"), Buffer.alloc(8 * mebibyte, 1));
      }
      await small.restore("s", "undone", ["data"]);
      await mounted();
      assert.equal(readFileSync(text, "utf8"), "before");
      assert.ok(freeBytes() < 40 * mebibyte);
    }
  }));

test("whole data that needs room to be mended waits for it, and nobody is told that it is damaged", () =>
  onSmallDisk(96, async ({ storage: small, folder: place, fill, give }) => {
    await small.makeVolume("cut", "data", 32 * mebibyte);
    const mounted = (): Promise<void> => small.mountVolume("cut", "data", { uid: from, gid: from });
    await mounted();
    const text = join(small.volumeFolder("cut", "data"), "text");
    for (let at = 0; at < 500; at++) mkdirSync(`${text}-${at}`);
    writeFileSync(text, "a few words", { flush: true });
    // As a power cut leaves it: what was written is in its journal alone.
    const image = join(place, "volumes/cut/data.ext4");
    execFileSync("/bin/cp", ["--sparse=always", image, `${image}.cut`]);
    execFileSync("/bin/umount", [join(text, "../..")]);
    renameSync(`${image}.cut`, image);
    fill(0);
    await assert.rejects(mounted(), { code: "disk-full" });
    give();
    await mounted();
    assert.equal(readFileSync(text, "utf8"), "a few words");
  }));
