/**
 * Tests that need what this machine does not have (device mapper, project quotas, the image's Podman): bundled into one file and
 * run by Node in an emulated machine that is nothing but Debian's kernel, the image's packages in memory, and an empty disk.
 */
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Chroot, createDisk, type DiskLayout, kernelOf, linuxType, type Workshop } from "@piccolo/release";
import { build } from "esbuild";
import { repositoryRoot } from "../../tools/run-tests.ts";
import { type GuestKind, pack, provideSystem, stageStart } from "./guest-system.ts";
import { SerialLog } from "./serial-log.ts";

const patienceMs = 1_500_000;

export interface GuestSuite {
  readonly shop: Workshop;
  /** Where what the run leaves lies. */
  readonly folder: string;
  /** The test file, relative to the repository. */
  readonly entry: string;
  readonly kind: GuestKind;
  /** Names of partitions and their sizes, on an empty disk. */
  readonly partitions?: Readonly<Record<string, number>>;
  /** Disks of somebody else's below the folder, as raw images: what the suite writes to them stays. */
  readonly disks?: readonly string[];
}

export interface GuestResult {
  readonly passed: number;
  readonly failed: number;
  readonly output: string;
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

export async function runGuestSuite(suite: GuestSuite): Promise<GuestResult> {
  const { shop, folder, entry, kind, partitions, disks = [] } = suite;
  const staged = join(folder, "staged");
  const tests = join(staged, "tests");
  mkdirSync(tests, { recursive: true });
  await bundle(entry, tests);
  copyFileSync(process.execPath, join(tests, "node"));
  stageStart(staged, kind);
  const own = join(folder, "tests.cpio");
  const inside = new Chroot(shop.packagesRoot, [folder]);
  await inside.run("/bin/sh", ["-c", pack, "pack", own, staged]);
  const initrd = join(folder, "initrd.img");
  await shop.tools
    .within([folder])
    .run("sh", ["-c", 'cat "$1" "$2" >"$3"', "cat", await provideSystem(shop, kind), own, initrd]);
  const empty = partitions === undefined ? [] : [join(folder, "disk.img")];
  for (const disk of empty) await createDisk(disk, layoutOf(partitions ?? {}), shop.tools.within([folder]));
  const [serial, said] = [new SerialLog(join(folder, "serial.log")), new SerialLog(join(folder, "tests.log"))];
  await emulate(shop, folder, initrd, [...empty, ...disks], [serial, said]);
  for (const path of [initrd, own, ...empty]) rmSync(path);
  rmSync(staged, { recursive: true });
  const output = readFileSync(said.path, "utf8");
  if (!/^ended with \d+/m.test(output)) throw new Error(`the tests did not end\n${serial.tail}\n${said.tail}`);
  const count = (name: string): number => Number(new RegExp(`^# ${name} (\\d+)`, "m").exec(output)?.[1] ?? Number.NaN);
  return { passed: count("pass"), failed: count("tests") - count("pass"), output };
}

const layoutOf = (partitions: Readonly<Record<string, number>>): DiskLayout =>
  Object.entries(partitions).map(([label, mebibytes]) => ({ label, type: linuxType, mebibytes }));

async function emulate(
  shop: Workshop,
  folder: string,
  initrd: string,
  disks: readonly string[],
  [serial, said]: readonly [SerialLog, SerialLog],
): Promise<void> {
  const args = [
    ["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "2048", "-smp", "2"],
    ["-display", "none", "-nodefaults", "-no-reboot"],
    ["-kernel", kernelOf(shop.packagesRoot), "-initrd", initrd, "-append", "console=ttyS0 panic=-1 quiet"],
    ["-serial", `file:${serial.path}`, "-serial", `file:${said.path}`],
    ...disks.map((disk) => ["-drive", `if=virtio,format=raw,cache=unsafe,file=${disk}`]),
    ["-object", "rng-random,id=r,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r"],
  ].flat();
  const [command, all] = shop.tools.within([folder]).commandOf("qemu-system-x86_64", args);
  const child = spawn(command, all, { stdio: ["ignore", "inherit", "inherit"] });
  const late = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(late);
}
