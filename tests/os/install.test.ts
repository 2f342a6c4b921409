/**
 * The installer's script as it is, on files instead of disks: what it must not touch, and what it writes where. Only the programs
 * that want a kernel's devices or a running system are replaced.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { hashClaimCode, isEasyClaimCode, isHashedClaimCode, matchesHash } from "@piccolo/envelope";
import { biosBootCode, bootCodeBytes } from "@piccolo/release";
import { realWorld } from "@piccolo/world/real";
import { repositoryRoot } from "../../tools/run-tests.ts";

const script = readFileSync(join(repositoryRoot, "os/root/usr/lib/piccolo/install"), "utf8");
const sector = 512;
const gigabyte = 1_000_000_000;

/** Programs that need a device or a system; each leaves its name and arguments in `calls`. */
const replaced = ["mount", "umount", "udevadm", "e2fsck", "resize2fs", "mkfs.vfat", "mke2fs", "efibootmgr"];
const quiet = ["systemctl", "sleep", "sync"];

interface Disk {
  readonly name: string;
  readonly bytes?: number;
  readonly removable?: boolean;
  /** A path to a disk that has another name for use, as NVMe with several paths has; undefined: a kernel that does not tell. */
  readonly hidden?: boolean;
}

class Computer {
  readonly #folder: string;

  constructor(context: TestContext, disks: readonly Disk[]) {
    this.#folder = mkdtempSync(join(tmpdir(), "piccolo-install-"));
    context.after(() => rmSync(this.#folder, { recursive: true, force: true }));
    for (const folder of ["sys/block", "sys/class/block", "dev/disk/by-partlabel", "run", "bin"]) {
      mkdirSync(this.path(folder), { recursive: true });
    }
    for (const name of ["null", "zero"]) symlinkSync(`/dev/${name}`, this.path(`dev/${name}`));
    for (const name of [...replaced, ...quiet]) {
      const body = `#!/bin/sh\necho "${name} $*" >>"${this.path("calls")}"\n`;
      writeFileSync(this.path(`bin/${name}`), body);
      chmodSync(this.path(`bin/${name}`), 0o755);
    }
    this.#addStick();
    for (const disk of disks) this.addDisk(disk);
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  addDisk({ name, bytes = 9 * gigabyte, removable = false, hidden }: Disk): void {
    mkdirSync(this.path(`sys/block/${name}`));
    writeFileSync(this.path(`sys/block/${name}/removable`), removable ? "1\n" : "0\n");
    if (hidden !== undefined) writeFileSync(this.path(`sys/block/${name}/hidden`), hidden ? "1\n" : "0\n");
    writeFileSync(this.path(`sys/block/${name}/size`), `${Math.floor(bytes / sector)}\n`);
    writeFileSync(this.path(`dev/${name}`), "");
    truncateSync(this.path(`dev/${name}`), Math.floor(bytes / sector) * sector);
  }

  /** A stick whose first sector is as `release -- build` writes it, with letters where its partition table would be. */
  #addStick(): void {
    mkdirSync(this.path("sys/block/sda/sda2"), { recursive: true });
    symlinkSync("../../block/sda/sda2", this.path("sys/class/block/sda2"));
    const first = new Uint8Array(4096).fill("S".charCodeAt(0));
    first.set(biosBootCode());
    writeFileSync(this.path("dev/sda"), first);
    for (const [part, label] of [
      ["sda1", "piccolo-installer"],
      ["sda2", "piccolo-installer-root"],
    ] as const) {
      writeFileSync(this.path(`dev/${part}`), `content of ${label}`);
      symlinkSync(`../../${part}`, this.path(`dev/disk/by-partlabel/${label}`));
    }
    const device = this.path("run/piccolo-install/medium/piccolo/device/EFI/BOOT");
    mkdirSync(device, { recursive: true });
    writeFileSync(join(device, "BOOTX64.EFI"), "the boot loader");
  }

  /** What the owner has put on the stick. */
  mark(
    name: "erase-the-disk" | "repair-the-system" | "claim-code" | "claim-code.txt",
    content: string | Uint8Array = "",
  ): void {
    writeFileSync(this.path(`run/piccolo-install/medium/${name}`), content);
  }

  forgetCalls(): void {
    rmSync(this.path("calls"), { force: true });
  }

  run(): { readonly status: number | null; readonly said: string } {
    const here = script.replaceAll(/(?<![\w}.])\/(dev|sys|run)\//g, `${this.#folder}/$1/`);
    const path = `${this.path("bin")}:/usr/sbin:/usr/bin:/sbin:/bin`;
    const { status, stdout, stderr } = spawnSync("sh", ["-c", here], {
      encoding: "utf8",
      env: { PATH: path },
      stdio: ["ignore", "pipe", "pipe"],
    });
    assert.equal(stderr, "");
    return { status, said: stdout };
  }

  calls(): string[] {
    const path = this.path("calls");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }

  bytes(name: string, at: number, length: number): Buffer {
    const file = openSync(this.path(`dev/${name}`), "r");
    try {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, at));
    } finally {
      closeSync(file);
    }
  }
}

function refuses(computer: Computer, why: RegExp, notSaid = /^$/): void {
  const { status, said } = computer.run();
  assert.equal(status, 1);
  assert.match(said, why);
  assert.doesNotMatch(said, notSaid);
  assert.match(said, /Nothing was written/);
  for (const call of computer.calls()) assert.match(call, /^mount /);
}

test("without a disk that it may take, or with several, it writes nothing and says why", (context) => {
  refuses(new Computer(context, []), /has no disk of 8 GB or more beside the stick/);
  refuses(new Computer(context, [{ name: "vda", bytes: 7.9 * gigabyte }]), /has no disk of 8 GB/);
  refuses(new Computer(context, [{ name: "sdb", removable: true }]), /has no disk of 8 GB/);
  refuses(new Computer(context, [{ name: "loop0" }]), /has no disk of 8 GB/);
  refuses(new Computer(context, [{ name: "vda" }, { name: "nvme0n1" }]), /several disks \( nvme0n1 vda \)/);
});

test("a path to a disk is no second disk", (context) => {
  const { status, said } = new Computer(context, [
    { name: "nvme0c0n1", hidden: true },
    { name: "nvme0c1n1", hidden: true },
    { name: "nvme0n1", hidden: false },
  ]).run();
  assert.equal(status, 0, said);
  assert.match(said, /writing to \S*\/nvme0n1$/m);
  refuses(new Computer(context, [{ name: "nvme0c0n1", hidden: true }]), /has no disk of 8 GB/);
});

test("a stick that cannot be read is said, before anything is looked for", (context) => {
  const computer = new Computer(context, [{ name: "vda" }]);
  rmSync(computer.path("dev/disk/by-partlabel/piccolo-installer-root"));
  refuses(computer, /stick cannot be read/);
});

test("a disk with something on it is written only where the stick says so", (context) => {
  const computer = new Computer(context, [{ name: "vda" }]);
  const table = spawnSync("sfdisk", ["-q", computer.path("dev/vda")], { input: "label: gpt\n,\n", encoding: "utf8" });
  assert.equal(table.status, 0, table.stderr);
  const before = computer.bytes("vda", 0, 1 << 20);
  refuses(computer, /is not empty.*erase-the-disk/, /repair-the-system/);
  assert.deepEqual(computer.bytes("vda", 0, 1 << 20), before);
  computer.mark("erase-the-disk");
  assert.equal(computer.run().status, 0);
});

for (const { answer, what } of [
  { answer: 8, what: "several things at once" },
  { answer: 4, what: "an error" },
]) {
  test(`a disk on which ${what} is found counts as one with something on it`, (context) => {
    const computer = new Computer(context, [{ name: "vda" }]);
    const blkid = computer.path("bin/blkid");
    rmSync(blkid, { force: true });
    writeFileSync(blkid, `#!/bin/sh\nexit ${answer}\n`);
    chmodSync(blkid, 0o755);
    refuses(computer, /is not empty.*erase-the-disk/);
  });
}

for (const { name, part } of [
  { name: "vda", part: "vda" },
  { name: "nvme0n1", part: "nvme0n1p" },
]) {
  test(`a disk like ${name} gets four partitions, the system, and the stick's own boot message before its table`, (context) => {
    const computer = new Computer(context, [{ name }]);
    const { status, said } = computer.run();
    assert.equal(status, 0, said);
    assert.match(said, /Piccolo-OS is installed/);

    assert.deepEqual(new Uint8Array(computer.bytes(name, 0, bootCodeBytes)), biosBootCode());
    const afterMessage = computer.bytes(name, bootCodeBytes, sector - bootCodeBytes);
    assert.ok(!afterMessage.includes("S"), "nothing of the stick's partition table");
    assert.equal(afterMessage.readUInt16LE(sector - bootCodeBytes - 2), 0xaa55);
    const { stdout, stderr } = spawnSync("sfdisk", ["--json", computer.path(`dev/${name}`)], { encoding: "utf8" });
    assert.equal(stderr, "", "the table and its copy are whole");
    const { partitiontable } = JSON.parse(stdout) as {
      partitiontable: { label: string; partitions: { name: string }[] };
    };
    assert.equal(partitiontable.label, "gpt");
    assert.deepEqual(
      partitiontable.partitions.map((entry) => entry.name),
      ["piccolo-esp", "piccolo-root", "piccolo-outside", "piccolo-data"],
    );

    assert.equal(computer.bytes(`${part}2`, 0, 100).toString(), "content of piccolo-installer-root");
    const esp = computer.path("run/piccolo-install/esp/EFI/BOOT/BOOTX64.EFI");
    assert.equal(readFileSync(esp, "utf8"), "the boot loader");
    assert.ok(existsSync(computer.path("run/piccolo-install/outside/first-boot")));
    assert.equal(computer.calls().at(-1), "systemctl poweroff");
  });
}

test("where the boot message cannot be written, it does not say that the disk is ready", (context) => {
  const computer = new Computer(context, [{ name: "vda" }]);
  const dd = computer.path("bin/dd");
  writeFileSync(dd, '#!/bin/sh\ncase "$*" in *bs=440*) exit 1 ;; esac\nexec /usr/bin/dd "$@"\n');
  chmodSync(dd, 0o755);
  const { status, said } = computer.run();
  assert.notEqual(status, 0);
  assert.doesNotMatch(said, /is installed|Nothing was written/);
  assert.match(said, /A step failed.*\n.*half-written; start the stick again/);
});

/** A computer whose disk was installed, with something in each of its partitions. */
function installed(context: TestContext): Computer {
  const computer = new Computer(context, [{ name: "vda" }]);
  assert.equal(computer.run().status, 0);
  for (const part of [1, 2, 3, 4]) writeFileSync(computer.path(`dev/vda${part}`), `old ${part}`);
  rmSync(computer.path("run/piccolo-install/esp"), { recursive: true });
  rmSync(computer.path("run/piccolo-install/outside/first-boot"));
  computer.forgetCalls();
  return computer;
}

test("a device that does not start gets its system anew, and keeps all else", (context) => {
  const computer = installed(context);
  const table = computer.bytes("vda", 0, 1 << 20);
  refuses(computer, /files, put an empty file named repair-the-system on the stick[^]*is not empty.*erase-the-disk/);
  computer.forgetCalls();
  computer.mark("repair-the-system");
  const { status, said } = computer.run();
  assert.equal(status, 0, said);
  assert.match(said, /The system is written anew/);
  assert.doesNotMatch(said, /is installed/);
  assert.equal(computer.bytes("vda2", 0, 100).toString(), "content of piccolo-installer-root");
  assert.ok(existsSync(computer.path("run/piccolo-install/esp/EFI/BOOT/BOOTX64.EFI")));
  assert.deepEqual(computer.bytes("vda", 0, 1 << 20), table);
  for (const part of [3, 4]) assert.equal(computer.bytes(`vda${part}`, 0, 100).toString(), `old ${part}`);
  assert.ok(!existsSync(computer.path("run/piccolo-install/outside/first-boot")), "it is no new device");
  for (const call of computer.calls()) {
    assert.doesNotMatch(call, /^(?:mke2fs|udevadm|efibootmgr)|vda[34]/);
    if (call.startsWith("mkfs.vfat")) assert.match(call, /vda1$/);
  }
  assert.equal(computer.calls().at(-1), "systemctl poweroff");
});

test("nothing is repaired on a disk that is no device's, and not where the stick says two things", (context) => {
  const computer = new Computer(context, [{ name: "vda" }]);
  computer.mark("repair-the-system");
  refuses(computer, /is no device's/);
  const input = ["piccolo-esp", "piccolo-root", "piccolo-data"].map((name) => `size=1MiB, name=${name}\n`).join("");
  spawnSync("sfdisk", ["-q", computer.path("dev/vda")], { input: `label: gpt\n${input}` });
  refuses(computer, /is no device's/);
  const device = installed(context);
  device.mark("erase-the-disk");
  device.mark("repair-the-system");
  refuses(device, /both erase-the-disk and repair-the-system/);
});

const left = "run/piccolo-install/outside/claim-code";

test("what the stick has as claim code and is none stops it before it writes", (context) => {
  const hash = hashClaimCode("K7F2-QXM3", realWorld);
  const wrong = [
    "",
    "\n",
    "k7f2qxm",
    "k7f2-qx?3",
    "a".repeat(41),
    `k7f2qxm3${" ".repeat(300)}`,
    Buffer.from("k7f2qxm3", "utf16le"),
    Buffer.from("\ufeffk7f2qxm3"),
    "-k7f2qxm3",
    hash.slice(0, -1),
    `${hash}A`,
    hash.replace(/\$\d+\$/, "$7$"),
    hash.replace(/\$\d+\$/, "$262145$"),
    hash.replace(/(\$\d+\$)\d+\$/, "$111$"),
    hash.replace("argon2id", "argon2i"),
  ];
  for (const content of wrong) {
    const computer = new Computer(context, [{ name: "vda" }]);
    computer.mark("claim-code", content);
    refuses(computer, /file claim-code on the stick has no claim code in it/);
    assert.ok(!existsSync(computer.path(left)));
  }
  const other = new Computer(context, [{ name: "vda" }]);
  other.mark("claim-code.txt", "short");
  refuses(other, /file claim-code.txt on the stick/);
});

test("a claim code that others try first stops it before it writes, and the stick judges as a configuration's maker does", (context) => {
  for (const easy of ["aaaaaaaa", "Passw0rd-1"]) {
    const computer = new Computer(context, [{ name: "vda" }]);
    computer.mark("claim-code", easy);
    refuses(computer, /claim code in the file claim-code on the stick is easy to guess: take 8 letters and digits/);
    assert.ok(!existsSync(computer.path(left)) && isEasyClaimCode(easy), easy);
  }
  const text = readFileSync(join(repositoryRoot, "os/root/usr/lib/piccolo/install"), "utf8");
  const judge = /^is_easy_code\(\) \{$[\s\S]*?^\}$/m.exec(text)?.[0] ?? assert.fail("the judge is gone");
  const others = [
    "12345678",
    "19840512",
    "qwertzuiop",
    "ab ab-ab ab",
    "aaabbbcc",
    "aabbccdd",
    "k7f2-qxm3",
    "QZTBWXKE",
    "482913750264",
    "48291375026",
    "mysecretgarden17roses",
    "zyxw-2026-klmn",
    "Piccolo-2026",
  ];
  for (const code of [...others, hashClaimCode("aaaaaaaa", realWorld)]) {
    const { status, stderr } = spawnSync("sh", ["-euc", `${judge}\nis_easy_code "$1"`, "sh", code], {
      encoding: "utf8",
    });
    assert.equal(stderr, "");
    assert.equal(status === 0, !isHashedClaimCode(code) && isEasyClaimCode(code), code);
  }
});

test("the owner's claim code reaches the device, for root alone and as it was given; without one there is none", (context) => {
  const none = new Computer(context, [{ name: "vda" }]);
  assert.equal(none.run().status, 0);
  assert.ok(!existsSync(none.path(left)));
  const hash = hashClaimCode("K7F2-QXM3", realWorld);
  for (const [name, content, expected] of [
    ["claim-code", "k7f2-qxm3", "k7f2-qxm3\n"],
    ["claim-code.txt", "k7f2 - qxm3\r\n", "k7f2 - qxm3\n"],
    ["claim-code", `${hash}\n`, `${hash}\n`],
  ] as const) {
    const computer = new Computer(context, [{ name: "vda" }]);
    computer.mark(name, content);
    const { status, said } = computer.run();
    assert.equal(status, 0, said);
    assert.ok(!said.includes("k7f2"), "it is not shown");
    assert.equal(readFileSync(computer.path(left), "utf8"), expected);
    assert.equal(statSync(computer.path(left)).mode & 0o777, 0o600);
  }
  assert.ok(matchesHash(hash, "k7f2qxm3"));
});

test("a device that is repaired keeps the code it has", (context) => {
  const computer = installed(context);
  computer.mark("repair-the-system");
  computer.mark("claim-code", "no code?");
  const { status, said } = computer.run();
  assert.equal(status, 0, said);
  assert.ok(!existsSync(computer.path(left)));
});
