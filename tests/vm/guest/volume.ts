/**
 * Runs inside a machine that has device mapper and a partition `piccolo-data` (scenario `sealed-volume`): the suite of volumes
 * on the real thing, and what only the real thing can show.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { linuxBlockSystem } from "../../../programs/piccolod/src/adapters/volume/block-system.ts";
import { runCommand } from "../../../programs/piccolod/src/adapters/volume/command.ts";
import { encryptsAsOurs } from "../../../programs/piccolod/src/adapters/volume/crypt-table.ts";
import { numberOf, partitionsNamed } from "../../../programs/piccolod/src/adapters/volume/partitions.ts";
import { type LuksScene, luksScene } from "../../../programs/piccolod/test-support/luks-scene.ts";
import { volumeSuite } from "../../../programs/piccolod/test-support/volume-suite.ts";

const key = new Uint8Array(32).fill(7);
const system = linuxBlockSystem({ mountUnit: undefined, uptimeMs: () => uptime() * 1_000 });
const disk = partitionsNamed("piccolo-data")[0] ?? "";

function scene(context: TestContext): LuksScene {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-luks-"));
  const made = luksScene({ disk, folder, system }, async () => {
    await runCommand("umount", [join(folder, "mount")]);
    await runCommand("cryptsetup", ["close", "piccolo"]);
  });
  context.after(async () => {
    await made.again().destroy();
    rmSync(folder, { recursive: true });
  });
  return made;
}

volumeSuite("LUKS2", scene);

test("the kernel's own words for the mapping are understood, and nothing written is found on the disk", async (context) => {
  const { volume } = scene(context);
  await volume.create(key);
  const canary = "a canary in plain text ".repeat(4_000);
  writeFileSync(join(volume.path, "file"), canary);
  const { stdout } = await runCommand("dmsetup", ["table", "piccolo"]);
  process.stdout.write(`# table ${stdout}`);
  assert.equal(encryptsAsOurs(stdout, numberOf(disk) ?? ""), true);
  const { stdout: mounts } = await runCommand("findmnt", ["-no", "OPTIONS", volume.path]);
  process.stdout.write(`# mount ${mounts}`);
  for (const option of ["nosuid", "nodev", "noexec", "prjquota"]) assert.ok(mounts.includes(option), mounts);
  await volume.close();
  const file = openSync(disk, "r");
  const part = Buffer.alloc(4 * 1024 * 1024);
  for (let at = 0; ; at += part.length - 64) {
    const read = readSync(file, part, 0, part.length, at);
    assert.ok(!part.subarray(0, read).includes("a canary in plain"));
    if (read < part.length) break;
  }
  closeSync(file);
});

test("a header that asks for no encryption is refused before anything is mounted", async (context) => {
  const { volume, again, header } = scene(context);
  await volume.create(key);
  await volume.close();
  const { stdout } = await runCommand("cryptsetup", ["luksDump", "--dump-json-metadata", disk]);
  const metadata = JSON.parse(stdout) as { segments: Record<string, { encryption: string }> };
  assert.equal(metadata.segments["0"]?.encryption, "aes-xts-plain64");
  // The same header as an attacker writes it: other words, right checksums.
  const bytes = header();
  const changed = rewrite(bytes, "aes-xts-plain64", "cipher_null-ecb");
  const file = openSync(disk, "r+");
  writeSync(file, changed, 0, changed.length, 0);
  closeSync(file);
  await assert.rejects(again().open(key), { code: "volume-damaged", message: /changed from outside/ });
  assert.equal(system.hasMapping("piccolo"), false);
});

test("a mount that outlives its daemon is taken over", async (context) => {
  const { volume, again } = scene(context);
  await volume.create(key);
  writeFileSync(join(volume.path, "file"), "content");
  assert.equal(await again().state(), "open");
  await again().open(key);
  await assert.rejects(again().open(new Uint8Array(32)), { code: "volume-wrong-key" });
  mkdirSync(join(volume.path, "kept"));
  const held = openSync(join(volume.path, "file"), "r");
  await assert.rejects(again().close(), { code: "volume-busy" });
  closeSync(held);
  await again().close();
  await again().open(key);
  assert.equal(readFileSync(join(volume.path, "file"), "utf8"), "content");
});

function rewrite(header: Buffer, from: string, to: string): Buffer {
  const changed = Buffer.from(header);
  for (const at of [0, 256 * 1024]) {
    const copy = changed.subarray(at, at + 256 * 1024);
    const where = copy.indexOf(`"encryption":"${from}"`);
    assert.ok(where > 0);
    copy.write(`"encryption":"${to}"`, where);
    copy.fill(0, 448, 512);
    createChecksum(copy).copy(copy, 448);
  }
  return changed;
}

function createChecksum(copy: Buffer): Buffer {
  return createHash("sha256").update(copy).digest();
}
