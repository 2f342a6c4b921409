import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { mountedBootPartition, type Run } from "./boot-partition.ts";

test("two partitions over one mount point are used one after the other, also after a use that failed", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "boot-partition-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const ran: string[] = [];
  let fails = true;
  let mounted = 0;
  const run: Run = async (program, args) => {
    await new Promise(setImmediate);
    const isMount = basename(program) === "mount";
    if (isMount && fails) {
      fails = false;
      throw new Error("busy");
    }
    mounted += isMount ? 1 : -1;
    assert.ok(mounted === 0 || mounted === 1, "one at a time");
    ran.push(isMount ? (args[3] ?? "").slice(0, 2) : "umount");
  };
  const [one, other] = [mountedBootPartition("/dev/esp", folder, run), mountedBootPartition("/dev/esp", folder, run)];
  const failed = one.use("read", () => 0);
  const uses = [one.use("read", () => 1), other.use("write", () => 2), one.use("read", () => 3)];
  await assert.rejects(failed, { code: "boot-partition-unreadable" });
  assert.deepEqual(await Promise.all(uses), [1, 2, 3]);
  assert.deepEqual(ran, ["ro", "umount", "rw", "umount", "ro", "umount"]);
});
