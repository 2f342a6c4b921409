import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bootControlSuite, bootImagesSuite } from "../../../test-support/boot-control-suite.ts";
import { FolderLoader } from "../../../test-support/folder-loader.ts";
import { MemoryBoot } from "../../../test-support/memory-boot.ts";
import { parseEntryFile } from "./entry-file.ts";

const ids = ["piccolo-2.efi", "piccolo-1.efi"] as const;

bootControlSuite("systemd-boot on a folder", async (context) => {
  const machine = new FolderLoader(context);
  writeFileSync(join(machine.images, "piccolo-1.efi"), "one");
  writeFileSync(join(machine.images, "piccolo-2+2-1.efi"), "two");
  return { boot: machine.boot, ids, start: machine.start };
});

bootControlSuite("the boot loader in memory", async () => {
  const boot = new MemoryBoot();
  for (const [id, tries] of [
    [ids[1], 1],
    [ids[0], 3],
  ] as const) {
    await boot.install({ id, content: new Uint8Array([1]), tries, prediction: undefined });
    if (id === ids[1]) await boot.bless(id);
  }
  boot.start();
  boot.booted = undefined;
  return { boot, ids, start: () => boot.start() };
});

bootImagesSuite("boot images on a folder", async (context) => new FolderLoader(context));

bootImagesSuite("boot images in memory", async () => {
  const boot = new MemoryBoot();
  return { boot, start: () => boot.start() };
});

test("what is on the boot partition besides our images is neither listed nor touched", async (context) => {
  const { boot, images } = new FolderLoader(context);
  const foreign = ["debian.efi", "piccolo-01.efi", "piccolo-1+x.efi", "piccolo-3+1-2-3.efi", "PICCOLO-4.EFI"];
  for (const name of foreign) writeFileSync(join(images, name), "foreign");
  mkdirSync(join(images, "piccolo-5.efi"));
  assert.deepEqual((await boot.choice()).entries, []);
  await boot.install({ id: "piccolo-6.efi", content: new Uint8Array(3), tries: 1, prediction: undefined });
  assert.deepEqual(readdirSync(images).sort(), [...foreign, "piccolo-5.efi", "piccolo-6+1.efi"].sort());
});

test("a half-written image is no entry, and is gone after the next one", async (context) => {
  const { boot, images, folder } = new FolderLoader(context);
  writeFileSync(join(images, "piccolo-2+3.efi.part"), "half");
  mkdirSync(join(folder, "esp/piccolo/predictions"), { recursive: true });
  writeFileSync(join(folder, "esp/piccolo/predictions/2.json.part"), "half");
  assert.deepEqual((await boot.choice()).entries, []);
  assert.deepEqual(await boot.predictions(), []);
  await boot.install({ id: "piccolo-2.efi", content: new Uint8Array(5), tries: 3, prediction: new Uint8Array(2) });
  assert.deepEqual(readdirSync(images), ["piccolo-2+3.efi"]);
  assert.deepEqual(readdirSync(join(folder, "esp/piccolo/predictions")), ["2.json"]);
});

test("two names of one entry, as a cut-off renaming leaves them, are one entry, and blessing leaves one", async (context) => {
  const { boot, images } = new FolderLoader(context);
  for (const name of ["piccolo-2.efi", "piccolo-2+1-1.efi", "piccolo-2+0-2.efi"])
    writeFileSync(join(images, name), name);
  assert.deepEqual((await boot.choice()).entries, [{ id: "piccolo-2.efi", state: "good", tries: undefined }]);
  await boot.bless("piccolo-2.efi");
  assert.deepEqual(readdirSync(images), ["piccolo-2.efi"]);
});

test("an empty boot partition, one without its folders, and none at all", async (context) => {
  const { boot, folder, images } = new FolderLoader(context);
  rmSync(join(folder, "esp/EFI"), { recursive: true });
  assert.deepEqual((await boot.choice()).entries, []);
  assert.deepEqual(await boot.predictions(), []);
  await boot.install({ id: "piccolo-1.efi", content: new Uint8Array(1), tries: 1, prediction: undefined });
  assert.ok(existsSync(images));
  rmSync(join(folder, "esp"), { recursive: true });
  writeFileSync(join(folder, "esp"), "not a folder");
  const install = boot.install({ id: "piccolo-1.efi", content: new Uint8Array(1), tries: 1, prediction: undefined });
  await assert.rejects(install, { code: "boot-partition-unreadable" });
});

test("variables of firmware that are no text are as good as none", async (context) => {
  const machine = new FolderLoader(context);
  writeFileSync(join(machine.images, "piccolo-1.efi"), "one");
  machine.start();
  const path = join(machine.variables, "LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f");
  for (const content of [
    [],
    [7, 0, 0, 0],
    [7, 0, 0, 0, 0x61, 0, 0, 0, 0x62, 0],
    Array.from({ length: 5_000 }, () => 1),
  ]) {
    writeFileSync(path, new Uint8Array(content));
    assert.equal((await machine.boot.choice()).booted, undefined);
  }
  chmodSync(path, 0o600);
});

test("counters are read as the boot loader writes them", () => {
  const of = (name: string): unknown => parseEntryFile(name)?.tries;
  assert.deepEqual(of("piccolo-7+3.efi"), { left: 3, done: 0 });
  assert.deepEqual(of("piccolo-7+2-1.efi"), { left: 2, done: 1 });
  assert.equal(parseEntryFile("piccolo-7+0-3.efi")?.state, "bad");
  for (const name of ["piccolo-7+.efi", "piccolo-7+-1.efi", "piccolo-7+1-.efi", "piccolo-7+9999999999.efi"]) {
    assert.equal(parseEntryFile(name), undefined);
  }
});

test("the entry that runs is known however the boot loader names it, with its files and whether it is counted", async (context) => {
  const { boot, folder, images, variables } = new FolderLoader(context);
  const say = (name: string, value: string): void =>
    writeFileSync(
      join(variables, `${name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`),
      Buffer.concat([Buffer.from([6, 0, 0, 0]), Buffer.from(`${value}\0`, "utf16le")]),
    );
  await assert.rejects(boot.startedPrograms(), { code: "boot-entry-unknown" });
  mkdirSync(join(folder, "esp/EFI/BOOT"), { recursive: true });
  writeFileSync(join(folder, "esp/EFI/BOOT/BOOTX64.EFI"), "loader");
  writeFileSync(join(images, "piccolo-2+1-1.efi"), "image");
  for (const named of ["piccolo-2.efi", "piccolo-2+2.efi", "piccolo-2+1-1.efi"]) {
    say("LoaderEntrySelected", named);
    assert.equal((await boot.choice()).booted, "piccolo-2.efi");
    await assert.rejects(boot.remove("piccolo-2.efi"), { code: "boot-entry-in-use" });
    assert.deepEqual(
      (await boot.startedPrograms()).map((file) => Buffer.from(file).toString()),
      ["loader", "image"],
    );
  }
  assert.equal(boot.isCounted, false);
  say("LoaderBootCountPath", "\\EFI\\Linux\\piccolo-2+1-1.efi");
  assert.equal(boot.isCounted, true);
});
