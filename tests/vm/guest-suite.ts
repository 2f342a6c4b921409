/**
 * Tests that need a kernel this machine does not have (device mapper, project quotas): bundled into one file and run by Node in
 * an emulated machine that is nothing but Debian's kernel, the image's packages in memory, and an empty disk.
 */
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Chroot, createDisk, kernelOf, keyOf, type Workshop } from "@piccolo/release";
import { build } from "esbuild";
import { repositoryRoot } from "../../tools/run-tests.ts";
import { SerialLog } from "./serial-log.ts";

/** What the tests' machine has no use for, and what would only fill its memory. */
const leftOut = [
  "boot",
  "usr/share",
  "usr/include",
  "usr/lib/python3*",
  "usr/lib/dracut",
  "usr/lib/x86_64-linux-gnu/perl*",
  "usr/bin/podman*",
  "usr/libexec/podman",
  "usr/bin/perl*",
  "var/lib",
  "var/cache",
];

const pack = `
set -eu
out=$1; shift
cd "$1"; shift
for path; do set -- "$@" -path "./$path" -prune -o; shift; done
find . -xdev "$@" -print0 | cpio --quiet --null -o -H newc >"$out"
`;

const init = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /run /tmp
ln -s /proc/self/fd /dev/fd
for at in /dev/shm /run /tmp; do mount -t tmpfs tmpfs $at; done
for module in virtio_blk dm_mod dm_crypt xfs loop; do modprobe $module || echo "no module $module" >/dev/ttyS1; done
cd /tmp
/tests/node --test-reporter=tap /tests/suite.mjs >/dev/ttyS1 2>&1
echo "ended with $?" >/dev/ttyS1
echo o >/proc/sysrq-trigger
sleep 60
`;

const patienceMs = 600_000;

export interface GuestSuite {
  readonly shop: Workshop;
  /** Where what the run leaves lies. */
  readonly folder: string;
  /** The test file, relative to the repository. */
  readonly entry: string;
  /** Names of partitions and their sizes. */
  readonly partitions: Readonly<Record<string, number>>;
}

export interface GuestResult {
  readonly passed: number;
  readonly failed: number;
  readonly output: string;
}

async function provideSystem(shop: Workshop): Promise<string> {
  const key = keyOf(repositoryRoot, [], [shop.packagesRoot, leftOut, pack]);
  const path = join(shop.folder, `guest-system-${key}.cpio`);
  if (existsSync(path)) return path;
  const unfinished = `${path}.unfinished`;
  const chroot = new Chroot(shop.packagesRoot, [shop.folder]);
  await chroot.run("/bin/sh", ["-c", pack, "pack", unfinished, "/", ...leftOut]);
  renameSync(unfinished, path);
  return path;
}

async function bundle(entry: string, folder: string): Promise<void> {
  await build({
    entryPoints: [join(repositoryRoot, entry)],
    absWorkingDir: repositoryRoot,
    outfile: join(folder, "suite.mjs"),
    bundle: true,
    platform: "node",
    target: "node26",
    format: "esm",
    logLevel: "warning",
    banner: {
      js: `import { createRequire as requireFor } from "node:module"; const require = requireFor(process.execPath);`,
    },
  });
}

export async function runGuestSuite({ shop, folder, entry, partitions }: GuestSuite): Promise<GuestResult> {
  const staged = join(folder, "staged");
  const tests = join(staged, "tests");
  mkdirSync(tests, { recursive: true });
  await bundle(entry, tests);
  copyFileSync(process.execPath, join(tests, "node"));
  writeFileSync(join(staged, "init"), init, { mode: 0o755 });
  const own = join(folder, "tests.cpio");
  const inside = new Chroot(shop.packagesRoot, [folder]);
  await inside.run("/bin/sh", ["-c", pack, "pack", own, staged]);
  const initrd = join(folder, "initrd.img");
  await shop.tools
    .within([folder])
    .run("sh", ["-c", 'cat "$1" "$2" >"$3"', "cat", await provideSystem(shop), own, initrd]);
  const disk = join(folder, "disk.img");
  const layout = Object.entries(partitions).map(([label, mebibytes]) => ({
    label,
    type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    mebibytes,
  }));
  await createDisk(disk, layout, shop.tools.within([folder]));
  const [serial, said] = [new SerialLog(join(folder, "serial.log")), new SerialLog(join(folder, "tests.log"))];
  await emulate(shop, folder, initrd, disk, [serial, said]);
  for (const path of [initrd, own, disk]) rmSync(path);
  rmSync(staged, { recursive: true });
  const output = readFileSync(said.path, "utf8");
  if (!/^ended with \d+/m.test(output)) throw new Error(`the tests did not end\n${serial.tail}\n${said.tail}`);
  const count = (name: string): number => Number(new RegExp(`^# ${name} (\\d+)`, "m").exec(output)?.[1] ?? Number.NaN);
  return { passed: count("pass"), failed: count("tests") - count("pass"), output };
}

async function emulate(
  shop: Workshop,
  folder: string,
  initrd: string,
  disk: string,
  [serial, said]: readonly [SerialLog, SerialLog],
): Promise<void> {
  const args = [
    ["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "2048", "-smp", "2"],
    ["-display", "none", "-nodefaults", "-no-reboot"],
    ["-kernel", kernelOf(shop.packagesRoot), "-initrd", initrd, "-append", "console=ttyS0 panic=-1 quiet"],
    ["-serial", `file:${serial.path}`, "-serial", `file:${said.path}`],
    ["-drive", `if=virtio,format=raw,cache=unsafe,file=${disk}`],
    ["-object", "rng-random,id=r,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r"],
  ].flat();
  const [command, all] = shop.tools.within([folder]).commandOf("qemu-system-x86_64", args);
  const child = spawn(command, all, { stdio: ["ignore", "inherit", "inherit"] });
  const late = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(late);
}
