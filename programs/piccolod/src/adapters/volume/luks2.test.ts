import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { toHex, toUtf8 } from "@piccolo/bytes";
import { BlockMachine } from "../../../test-support/block-machine.ts";
import { FailingDisk } from "../../../test-support/failing-disk.ts";
import { type LuksScene, luksScene } from "../../../test-support/luks-scene.ts";
import { volumeSuite } from "../../../test-support/volume-suite.ts";
import { runCommand } from "./command.ts";
import { deriveFromVolumeKey } from "./key-check.ts";
import { luksHeaderBytes, luksMetadataBytes } from "./luks2-header.ts";

const key = new Uint8Array(32).fill(7);

function scene(context: TestContext): LuksScene & { readonly machine: BlockMachine } {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-luks-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const machine = new BlockMachine(folder);
  const { disk, system } = machine;
  return { ...luksScene({ disk, folder, system }, async () => machine.restart()), machine };
}

volumeSuite("LUKS2 without device mapper", scene);

test("a crash at any step of making it leaves none, or a whole one", async (context) => {
  const { volume, again, machine } = scene(context);
  await volume.create(key);
  const steps = machine.commands.length;
  await volume.destroy();
  assert.ok(steps > 6);
  for (let step = 0; step < steps; step++) {
    machine.crashIn = step;
    await assert.rejects(again().create(key), /the machine stopped/);
    machine.crashIn = Number.POSITIVE_INFINITY;
    machine.restart();
    const state = await again().state();
    assert.ok(state === "absent" || state === "closed", state);
    if (state === "closed") await again().open(key);
    else await again().create(key);
    assert.equal(await again().state(), "open");
    await again().destroy();
  }
});

test("no key slot is left in the header, and no secret in an argument", async (context) => {
  const { volume, machine } = scene(context);
  await volume.create(key);
  const { stdout } = await runCommand("cryptsetup", ["luksDump", "--dump-json-metadata", machine.disk]);
  const metadata = JSON.parse(stdout) as { readonly keyslots: object; readonly segments: Record<string, object> };
  assert.deepEqual(metadata.keyslots, {});
  assert.deepEqual(metadata.segments["0"], {
    type: "crypt",
    offset: String(luksHeaderBytes),
    size: "dynamic",
    iv_tweak: "0",
    encryption: "aes-xts-plain64",
    sector_size: 4096,
  });
  const spoken = machine.commands.map(({ program, args }) => [program, ...args].join(" ")).join("\n");
  for (const use of ["luks2-data", "luks2-tweak"]) assert.ok(!spoken.includes(toHex(deriveFromVolumeKey(key, use))));
  assert.ok(!spoken.includes(toHex(key)));
});

test("a mapping that does not encrypt as ours does is never used, whatever the header asks for", async (context) => {
  const { volume, again, machine } = scene(context);
  await volume.create(key);
  machine.cipher = "cipher_null-ecb";
  assert.equal(await again().state(), "stale", "what is mounted is not what it should be");
  await volume.close();
  await assert.rejects(again().open(key), { code: "volume-damaged", message: /changed from outside/ });
  assert.equal(machine.system.hasMapping("piccolo"), false);
  machine.cipher = "aes-xts-plain64";
  await again().open(key);
});

test("what a crash left between mapping and mount is cleaned away", async (context) => {
  const { volume, again, machine } = scene(context);
  await volume.create(key);
  await volume.close();
  await machine.system.run("cryptsetup", ["open"], { secret: new Uint8Array(64) });
  assert.equal(await again().state(), "closed");
  await again().open(key);
  assert.equal(await again().state(), "open");
});

test("a lost header is put back from the copy outside, and one copy of two is enough", async (context) => {
  const { volume, again, machine } = scene(context);
  await volume.create(key);
  writeFileSync(join(volume.path, "file"), "content");
  await volume.close();
  const whole = readFileSync(machine.disk);
  for (const [from, to] of [
    [0, luksMetadataBytes],
    [luksMetadataBytes, 2 * luksMetadataBytes],
    [0, 2 * luksMetadataBytes],
  ] as const) {
    writeFileSync(machine.disk, Buffer.from(whole).fill(1, from, to));
    assert.equal(await again().state(), "closed");
    await again().open(key);
    assert.equal(readFileSync(join(volume.path, "file"), "utf8"), "content");
    await again().close();
  }
});

test("zeros in the header's place are a lost header where there is a copy, and no volume where there is none", async (context) => {
  const { volume, again, machine, headerCopy } = scene(context);
  await volume.create(key);
  writeFileSync(join(volume.path, "file"), "content");
  await volume.close();
  const whole = readFileSync(machine.disk);
  const zeroed = Buffer.from(whole).fill(0, 0, luksHeaderBytes);
  writeFileSync(machine.disk, zeroed);
  assert.equal(await again().state(), "closed");
  await assert.rejects(again().create(key), { code: "volume-busy" });
  await assert.rejects(again().open(new Uint8Array(32)), { code: "volume-wrong-key" });
  await again().open(key);
  assert.equal(readFileSync(join(volume.path, "file"), "utf8"), "content");
  await again().close();
  writeFileSync(machine.disk, zeroed);
  rmSync(headerCopy);
  assert.equal(await again().state(), "absent");
  await assert.rejects(again().open(key), { code: "volume-missing" });
});

test("a volume that is removed has no copy of its header any more before the header is gone", async (context) => {
  const { volume, again, machine, headerCopy } = scene(context);
  await volume.create(key);
  const disk = new FailingDisk(context);
  disk.failure = { call: "write", code: "EIO", below: machine.disk };
  await assert.rejects(again().destroy(), { code: "EIO" });
  disk.failure = undefined;
  assert.equal(existsSync(headerCopy), false);
  assert.equal(await again().state(), "closed");
  disk.failure = { call: "fsync", code: "EIO", below: machine.folder };
  const written = readFileSync(machine.disk);
  await assert.rejects(again().destroy(), { code: "EIO" }, "it is durable that the copy is gone");
  assert.ok(written.equals(readFileSync(machine.disk)), "and nothing is written before");
  disk.failure = undefined;
  await again().destroy();
  assert.equal(await again().state(), "absent");
});

test("another partition of the name, none at all, and one with other content are told apart", async (context) => {
  const { volume, again, machine } = scene(context);
  await volume.create(key);
  await volume.close();
  machine.partitions = [machine.disk, join(machine.folder, "stick")];
  for (const use of [again().state(), again().open(key), again().create(key), again().destroy()]) {
    await assert.rejects(use, { code: "volume-two-partitions" });
  }
  machine.partitions = [];
  assert.equal(await again().state(), "absent");
  await assert.rejects(again().open(key), { code: "volume-missing" });
  await assert.rejects(again().create(key), { code: "volume-missing" });
  machine.partitions = [machine.disk];
  rmSync(join(machine.folder, "header"));
  writeFileSync(machine.disk, Buffer.alloc(luksHeaderBytes * 2).fill("XFSB", 0, 4));
  assert.equal(await again().state(), "damaged");
  await assert.rejects(again().create(key), { code: "volume-busy" });
});

test("a file system that does not mount leaves no mapping behind", async (context) => {
  const { volume, again, machine } = scene(context);
  await volume.create(key);
  await volume.close();
  machine.mountable = false;
  await assert.rejects(again().open(key), { code: "volume-damaged" });
  assert.equal(machine.system.hasMapping("piccolo"), false);
});

test("the record outside is kept in the header and in its copy, as large as it may be", async (context) => {
  const { volume, again, machine, headerCopy, header } = scene(context);
  await volume.create(key);
  assert.equal(await volume.keptRecord(), undefined);
  const large = new Uint8Array(160_650).map((_, at) => at % 251);
  for (const record of [toUtf8("first"), large]) {
    await volume.keepRecord(record);
    assert.deepEqual(await again().keptRecord(), new Uint8Array(record));
  }
  const commands = machine.commands.length;
  await volume.keepRecord(large);
  assert.equal(machine.commands.length, commands, "what is there already is not written again");
  assert.deepEqual(readFileSync(headerCopy).subarray(0, luksHeaderBytes), header());
  await volume.close();
  await again().open(key);
  await volume.destroy();
  assert.equal(await again().keptRecord(), undefined);
});

const planted: readonly (readonly [ending: "" | ".next", plant: (path: string) => void])[] = [
  ["", (path) => mkdirSync(join(path, "full"), { recursive: true })],
  [".next", (path) => mkdirSync(join(path, "full"), { recursive: true })],
  ["", (path) => void execFileSync("mkfifo", [path])],
  ["", (path) => symlinkSync("/dev/zero", path)],
];

test("what was planted in the place of the header's copy hinders neither a reset nor a new copy, and is never followed", async (context) => {
  for (const [ending, plant] of planted) {
    const { volume, again, machine, headerCopy, header, rest } = scene(context);
    const replant = (): void => {
      rmSync(`${headerCopy}${ending}`, { recursive: true, force: true });
      plant(`${headerCopy}${ending}`);
    };
    await volume.create(key);
    replant();
    await volume.keepRecord(toUtf8("first"));
    assert.deepEqual(readFileSync(headerCopy).subarray(0, luksHeaderBytes), header(), "a copy takes its place");
    replant();
    await volume.close();
    const whole = readFileSync(machine.disk);
    writeFileSync(machine.disk, Buffer.from(whole).fill(1, 0, 2 * luksMetadataBytes));
    assert.equal(await again().state(), ending === "" ? "damaged" : "closed");
    await again().destroy();
    assert.deepEqual(rest(), []);
    await again().create(key);
    assert.equal(await again().state(), "open");
  }
});
