import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { toHex } from "@piccolo/bytes";
import { inFolder, volumeSuite } from "../../../test-support/volume-suite.ts";
import { GocryptfsVolume, whatGocryptfsLacks } from "./gocryptfs.ts";
import { deriveFromVolumeKey } from "./key-check.ts";
import { mountsOn, serversOf } from "./mounts.ts";
import { PlainFolderVolume } from "./plain-folder.ts";

const key = new Uint8Array(32).fill(7);

function folder(context: TestContext, before: (path: string) => Promise<void> = async () => undefined): string {
  const path = mkdtempSync(join(tmpdir(), "piccolod volume-"));
  context.after(async () => {
    await before(path);
    rmSync(path, { recursive: true });
  });
  return path;
}

volumeSuite("a plain folder", (context) => {
  const path = folder(context);
  return inFolder(path, () => new PlainFolderVolume(path));
});

function gocryptfs(context: TestContext) {
  const path = folder(context, (its) => new GocryptfsVolume(its).destroy());
  const make = (): GocryptfsVolume => new GocryptfsVolume(path);
  return { ...inFolder(path, make), volume: make(), again: make, folder: path };
}

function server(volume: GocryptfsVolume): number {
  const [pid] = serversOf("gocryptfs", volume.path);
  assert.ok(pid !== undefined, "gocryptfs serves the mount");
  return pid;
}

/** Its program is gone from a process before its files are closed: the kernel has let go of all when no thread is left. */
async function kill(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  while (hasRunningThread(pid)) await delay(10);
}

function hasRunningThread(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some(
      (thread) => !/\) [ZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")),
    );
  } catch {
    // It went away while it was asked, or a thread of it did.
    return existsSync(`/proc/${pid}`);
  }
}

// A machine without FUSE can run everything else; what it lacks is said by the first of these tests alone.
if (whatGocryptfsLacks() === undefined) {
  volumeSuite("gocryptfs", gocryptfs);

  test("a mount outlives the one who opened it, and the next one takes it over as it is", async (context) => {
    const { volume, again } = gocryptfs(context);
    await volume.create(key);
    writeFileSync(join(volume.path, "file"), "content");
    const pid = server(volume);
    const next = again();
    assert.equal(await next.state(), "open");
    await next.open(key);
    assert.equal(server(volume), pid);
    await assert.rejects(next.open(new Uint8Array(32)), { code: "volume-wrong-key" });
    await next.close();
    assert.deepEqual(mountsOn(volume.path), []);
    assert.deepEqual(serversOf("gocryptfs", volume.path), []);
  });

  test("a mount whose server died, or stopped answering, is taken away and made anew", async (context) => {
    const { volume, again } = gocryptfs(context);
    await volume.create(key);
    const file = openSync(join(volume.path, "file"), "w");
    writeFileSync(file, "content");
    fsyncSync(file);
    closeSync(file);
    await kill(server(volume));
    assert.equal(await again().state(), "stale");
    await again().open(key);
    assert.equal(readFileSync(join(volume.path, "file"), "utf8"), "content");
    process.kill(server(volume), "SIGSTOP");
    assert.equal(await again().state(), "stale");
    await again().open(key);
    assert.equal(serversOf("gocryptfs", volume.path).length, 1, "two servers would tear the files apart");
    assert.equal(readFileSync(join(volume.path, "file"), "utf8"), "content");
  });

  test("something else mounted in its place is never taken for the volume", async (context) => {
    const [first, second] = [gocryptfs(context), gocryptfs(context)];
    await first.volume.create(key);
    await second.volume.create(key);
    await first.volume.close();
    const other = new GocryptfsVolume(first.folder);
    assert.equal(await other.state(), "closed");
    assert.equal(await second.volume.state(), "open");
  });

  test("a changed configuration is noticed before it is used", async (context) => {
    const { volume, again, folder: path } = gocryptfs(context);
    await volume.create(key);
    await volume.close();
    const config = join(path, "sealed/cipher/gocryptfs.conf");
    const text = readFileSync(config, "utf8");
    chmodSync(config, 0o600);
    writeFileSync(config, text.replace("HKDF", "HKDf"));
    await assert.rejects(again().open(key), { code: "volume-damaged" });
    rmSync(config);
    assert.equal(await again().state(), "damaged");
  });

  test("a volume with a file in use is not torn away from it", async (context) => {
    const { volume } = gocryptfs(context);
    await volume.create(key);
    const file = openSync(join(volume.path, "file"), "w");
    await assert.rejects(volume.close(), { code: "volume-busy" });
    closeSync(file);
    await volume.close();
    assert.equal(await volume.state(), "closed");
  });

  test("neither key nor password, name nor content lies in arguments, environment or on the disk", async (context) => {
    const { volume, folder: path } = gocryptfs(context);
    await volume.create(key);
    writeFileSync(join(volume.path, "canary-name"), "canary-content");
    const pid = server(volume);
    const password = toHex(deriveFromVolumeKey(key, "password"));
    const texts = ["cmdline", "environ"].map((name) => readFileSync(`/proc/${pid}/${name}`, "latin1"));
    await volume.close();
    const files = readdirSync(path, { recursive: true, withFileTypes: true });
    assert.ok(files.length > 5);
    for (const entry of files) {
      texts.push(entry.name);
      if (entry.isFile()) texts.push(readFileSync(join(entry.parentPath, entry.name), "latin1"));
    }
    for (const secret of [password, toHex(key), "canary-name", "canary-content"]) {
      for (const text of texts) assert.ok(!text.includes(secret), secret);
    }
  });

  test("a database in the volume survives the death of its server at any commit", async (context) => {
    const { volume, again } = gocryptfs(context);
    await volume.create(key);
    const path = join(volume.path, "a.db");
    const db = new DatabaseSync(path);
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (a INTEGER NOT NULL PRIMARY KEY)");
    for (let a = 1; a <= 50; a++) db.exec(`INSERT INTO t VALUES (${a})`);
    await kill(server(volume));
    assert.throws(() => db.exec("INSERT INTO t VALUES (51)"));
    db.close();
    await again().open(key);
    const later = new DatabaseSync(path);
    assert.deepEqual({ ...later.prepare("SELECT count(*) AS n FROM t").get() }, { n: 50 });
    later.close();
  });
} else {
  test("a machine that cannot mount says what it lacks", async (context) => {
    const { volume } = gocryptfs(context);
    await assert.rejects(volume.create(key), { code: "volume-unavailable", message: /lacks/ });
  });
}
