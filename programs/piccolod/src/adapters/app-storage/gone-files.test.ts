import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { mountsOn } from "../volume/mounts.ts";
import { GoneFiles } from "./gone-files.ts";

const mebibyte = 1024 * 1024;

interface Scene {
  readonly folder: string;
  readonly away: string;
  readonly gone: GoneFiles;
  /** What all files of the folder took each time the bound of content followed. */
  readonly kept: number[];
  readonly give: (bytes: number) => void;
  /** The bound follows the next time only after that. */
  readonly wait: (until: () => Promise<void>) => void;
}

function takenBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.blocks * 512 : 0), 0);
}

function scene(context: TestContext): Scene {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-gone-"));
  context.after(() => {
    while (mountsOn(folder).length > 0) execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });
  const [away, kept] = [join(folder, "gone"), new Array<number>()];
  let freeBytes = 0;
  const gates: (() => Promise<void>)[] = [];
  const room = {
    freeBytes: () => freeBytes,
    keep: async () => {
      await gates.shift()?.();
      kept.push(takenBelow(folder));
    },
  };
  const gone = new GoneFiles(away, room, mebibyte);
  const give = (bytes: number): void => void (freeBytes = bytes);
  return { folder, away, kept, gone, give, wait: (until) => void gates.push(until) };
}

/** A file that takes so much, and says that it is much larger. */
function image(path: string, mebibytes: number): void {
  writeFileSync(path, Buffer.alloc(mebibytes * mebibyte, 1));
  truncateSync(path, 200 * mebibyte);
}

test("what is not there is gone already", async (context) => {
  const { folder, gone, kept } = scene(context);
  await gone.remove([join(folder, "never")]);
  await gone.empty();
  assert.deepEqual(kept, []);
});

test("on a disk without room for another name everything goes all the same", async (context) => {
  const { folder, gone, kept } = scene(context);
  execFileSync("mount", ["-t", "tmpfs", "-o", "nr_inodes=5", "tmpfs", folder]);
  mkdirSync(join(folder, "copy"));
  image(join(folder, "copy/one"), 2);
  image(join(folder, "two"), 2);
  let names = 0;
  assert.throws(() => {
    for (; names < 5; names++) writeFileSync(join(folder, `name-${names}`), "");
  });
  await gone.empty();
  await gone.remove([join(folder, "copy"), join(folder, "two")]);
  await gone.freed();
  assert.equal(readdirSync(folder).filter((name) => name.startsWith("name-")).length, names);
  assert.equal(existsSync(join(folder, "copy")) || existsSync(join(folder, "two")), false);
  assert.ok(kept.length > 0);
});

test("where content has no room, the bound follows each piece that comes back", async (context) => {
  const { folder, away, gone, kept } = scene(context);
  mkdirSync(join(folder, "copy"));
  image(join(folder, "copy/one"), 5);
  image(join(folder, "copy/two"), 3);
  image(join(folder, "three"), 4);
  const all = takenBelow(folder);
  await gone.remove([join(folder, "copy"), join(folder, "never"), join(folder, "three")]);
  await gone.freed();
  assert.deepEqual(readdirSync(folder), ["gone"]);
  assert.deepEqual(readdirSync(away), []);
  const steps = kept.map((left, at) => (kept[at - 1] ?? all) - left);
  assert.ok(Math.max(...steps) <= mebibyte, steps.join(" "));
  assert.equal(kept.at(-1), 0);
});

test("where content has room, a file comes back at once", async (context) => {
  const { folder, gone, kept, give } = scene(context);
  give(1024 * mebibyte);
  image(join(folder, "one"), 5);
  await gone.remove([join(folder, "one")]);
  await gone.freed();
  assert.deepEqual(kept, [0, 0]);
});

test("what an earlier run left goes, beside what goes meanwhile", async (context) => {
  const { folder, away, gone } = scene(context);
  mkdirSync(join(away, "half/deep"), { recursive: true });
  image(join(away, "half/deep/one"), 2);
  image(join(folder, "two"), 2);
  await Promise.all([gone.remove([join(folder, "two")]), gone.empty()]);
  await gone.freed();
  assert.deepEqual(readdirSync(away), []);
});

test("who reads a file reads it to its end, and one with another name stays whole", async (context) => {
  const { folder, gone } = scene(context);
  for (const name of ["read", "linked"]) writeFileSync(join(folder, name), name.repeat(1_000));
  linkSync(join(folder, "linked"), join(folder, "other"));
  const reader = await open(join(folder, "read"), "r");
  await gone.remove([join(folder, "read"), join(folder, "linked")]);
  await gone.freed();
  assert.equal((await reader.readFile("utf8")).length, 4_000);
  await reader.close();
  assert.equal(readFileSync(join(folder, "other"), "utf8").length, 6_000);
});

test("what two remove at once is gone for both, and one that cannot be moved is told", async (context) => {
  const { folder, away, gone } = scene(context);
  for (let round = 0; round < 20; round++) {
    image(join(folder, "one"), 1);
    await Promise.all([gone.remove([join(folder, "one")]), gone.remove([join(folder, "one")])]);
    await gone.freed();
    assert.deepEqual(readdirSync(folder), ["gone"]);
  }
  rmSync(away, { recursive: true });
  writeFileSync(away, "no folder");
  image(join(folder, "one"), 1);
  await assert.rejects(gone.remove([join(folder, "one")]));
  assert.ok(existsSync(join(folder, "one")));
});

test("who removes something waits for nothing that is on its way out, and the device's stop for a piece of it alone", async (context) => {
  const { folder, away, gone, wait } = scene(context);
  const piece = Promise.withResolvers<void>();
  wait(() => piece.promise);
  image(join(folder, "large"), 5);
  image(join(folder, "small"), 1);
  await gone.remove([join(folder, "large")]);
  await gone.remove([join(folder, "small")]);
  assert.deepEqual(readdirSync(folder), ["gone"]);
  const stopped = gone.stop();
  piece.resolve();
  await stopped;
  assert.equal(readdirSync(away).length, 2);
  assert.ok(takenBelow(away) > 4 * mebibyte);
  await gone.empty();
  assert.deepEqual(readdirSync(away), []);
});

test("what the disk does not let go is away all the same, and told to who waits for its room", async (context) => {
  const { folder, away, gone, wait } = scene(context);
  image(join(folder, "one"), 2);
  wait(() => Promise.reject(new Error("the disk refuses")));
  await gone.remove([join(folder, "one")]);
  await assert.rejects(gone.freed(), { message: "the disk refuses" });
  await gone.freed();
  assert.deepEqual(readdirSync(folder), ["gone"]);
  await gone.empty();
  assert.deepEqual(readdirSync(away), []);
});
