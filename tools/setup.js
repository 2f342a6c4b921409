// The set-up: the one file that runs on the system's own Node (20 or newer), in plain JavaScript. It brings a fresh
// machine to the point where a command can run, then hands over to the pinned Node of the lockfile.
//
//   node tools/setup.js COMMAND -- ARGUMENTS
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

const root = resolve(import.meta.dirname, "..");

/** Each command: where it starts, and the Debian packages it needs (each with a file that proves it is there). */
const libatomic = {
  name: "libatomic1",
  proof: [`/usr/lib/${debianTriplet()}/libatomic.so.1`, `/lib/${debianTriplet()}/libatomic.so.1`],
};
const chromium = { name: "chromium", proof: ["/usr/bin/chromium"] };
const faketime = { name: "faketime", proof: ["/usr/bin/faketime"] };
const iproute = { name: "iproute2", proof: ["/usr/sbin/ip", "/sbin/ip", "/bin/ip"] };
const restic = { name: "restic", proof: ["/usr/bin/restic"] };
const rclone = { name: "rclone", proof: ["/usr/bin/rclone"] };
const binutils = { name: "binutils", proof: ["/usr/bin/strip"] };
const isal = { name: "libisal-dev", proof: ["/usr/include/isa-l.h"] };
const gcc = { name: "gcc", proof: ["/usr/bin/gcc"] };
// What protects a device's disk. A development network runs without it too, and says so.
const protection = [
  { name: "gocryptfs", proof: ["/usr/bin/gocryptfs"] },
  { name: "fuse3", proof: ["/usr/bin/fusermount3"] },
  { name: "swtpm", proof: ["/usr/bin/swtpm"] },
];
// What runs apps, each in a network of its own behind the packet filter.
const containers = [
  { name: "podman", proof: ["/usr/bin/podman"] },
  { name: "runc", proof: ["/usr/sbin/runc", "/usr/bin/runc"] },
  { name: "conmon", proof: ["/usr/bin/conmon"] },
  { name: "netavark", proof: ["/usr/lib/podman/netavark"] },
  { name: "aardvark-dns", proof: ["/usr/lib/podman/aardvark-dns"] },
  { name: "catatonit", proof: ["/usr/bin/catatonit", "/usr/libexec/podman/catatonit"] },
  { name: "iptables", proof: ["/usr/sbin/iptables", "/sbin/iptables"] },
  { name: "nftables", proof: ["/usr/sbin/nft"] },
  { name: "e2fsprogs", proof: ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"] },
  { name: "busybox-static", proof: ["/bin/busybox", "/usr/bin/busybox"] },
];
/** What tests pull images from. */
const registry = { name: "docker-registry", proof: ["/usr/bin/docker-registry"] };
/** What makes the packet filter forget a connection, in a test. */
const conntrack = { name: "conntrack", proof: ["/usr/sbin/conntrack"] };
const dispensable = [...protection, ...containers].map((item) => ({ ...item, dispensable: true }));
// Everything else that builds and boots an image lies in a chroot of its own, so that the host's release does not matter.
const mmdebstrap = { name: "mmdebstrap", proof: ["/usr/bin/mmdebstrap"] };
// What a release is signed with; tests also sign with a key on a token.
const signing = [
  { name: "openssl", proof: ["/usr/bin/openssl"] },
  { name: "gpg", proof: ["/usr/bin/gpg"] },
  { name: "gpgv", proof: ["/usr/bin/gpgv"] },
  { name: "gpg-agent", proof: ["/usr/bin/gpg-agent"] },
];
const token = [
  { name: "softhsm2", proof: ["/usr/bin/softhsm2-util"] },
  {
    name: "libengine-pkcs11-openssl",
    proof: [`/usr/lib/${debianTriplet()}/engines-3/pkcs11.so`],
  },
];
// Beside whose results, and those of systemd-measure, predictions of a boot are held.
const measuring = [{ name: "sbsigntool", proof: ["/usr/bin/sbsign"] }];
// Its programs check the units of the image, and carry the daemon's messages to the service manager.
const systemd = { name: "systemd", proof: ["/usr/bin/systemd-notify"] };
const cryptsetup = { name: "cryptsetup-bin", proof: ["/usr/sbin/cryptsetup", "/sbin/cryptsetup"] };
// Writes the partition table where a test has the installer write a disk.
const fdisk = { name: "fdisk", proof: ["/usr/sbin/sfdisk", "/sbin/sfdisk"] };
const libc = { name: "libc6-dev", proof: ["/usr/include/stdio.h"] };

const grub = { name: "grub-common", proof: ["/usr/bin/grub-editenv"] };
const ignition = { name: "ignition", proof: ["/usr/bin/ignition-validate"] };
const ostree = { name: "ostree", proof: ["/usr/bin/ostree"] };

/** What tests of a single part need: those of `check`, and with them those of `test`. */
const parts = [
  systemd,
  cryptsetup,
  fdisk,
  ostree,
  ignition,
  grub,
  faketime,
  ...protection,
  ...signing,
  ...token,
  ...measuring,
];

const commands = {
  start: { entry: "programs/devnet/src/main.ts", debian: [libatomic, ...dispensable] },
  check: { entry: "tools/check.ts", debian: [libatomic, ...parts, ...containers] },
  test: {
    entry: "tools/test.ts",
    debian: [libatomic, chromium, binutils, iproute, registry, conntrack, ...parts, ...containers],
  },
  bench: {
    entry: "bench/main.ts",
    debian: [libatomic, restic, rclone, binutils, isal, gcc, libc, iproute, ...protection, ...containers],
  },
  drill: { entry: "tests/drill/main.ts", debian: [libatomic, iproute, ...protection, ...containers] },
  build: { entry: "tools/build.ts", debian: [libatomic, binutils] },
  release: {
    entry: "programs/release/src/main.ts",
    // One verb alone needs the last one, and says so itself where it is missing.
    debian: [libatomic, binutils, mmdebstrap, ...signing, { ...ignition, dispensable: true }],
  },
  "test:vm": { entry: "tests/vm/main.ts", debian: [libatomic, binutils, mmdebstrap, ...signing] },
  "verify-images": { entry: "tools/verify-images/main.ts", debian: [libatomic, ...containers] },
};

function debianTriplet() {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

function run(command, args, env = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], env: { ...process.env, ...env } });
  if (result.error) fail(`${command} could not be started: ${result.error.message}`);
  return result.status ?? 1;
}

function installDebianPackages(wanted) {
  const missing = wanted.filter((item) => !item.proof.some((path) => existsSync(path)));
  if (missing.length === 0) return undefined;
  const names = missing.map((item) => item.name);
  const line = `apt-get install -y --no-install-recommends ${names.join(" ")}`;
  const isDebian = existsSync("/etc/debian_version") && existsSync("/usr/bin/apt-get");
  if (!isDebian || process.getuid?.() !== 0) {
    if (missing.every((item) => item.dispensable)) return say(`goes on without ${names.join(", ")}`);
    fail(`these Debian packages are missing; install them as root, then run the command again:\n  ${line}`);
  }
  say(`apt-get update && ${line}`);
  const quiet = { DEBIAN_FRONTEND: "noninteractive" };
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...names];
  // A fresh machine has no package lists, a used one may have stale ones: both are cured by one update.
  if (run("apt-get", ["update", "-qq"], quiet) !== 0) say("apt-get update failed; trying with the lists that are here");
  if (run("apt-get", install, quiet) === 0) return undefined;
  if (missing.every((item) => item.dispensable)) return say(`goes on without ${names.join(", ")}`);
  return fail(`apt-get could not install ${names.join(", ")}`);
}

function modulesAreCurrent() {
  const installed = join(root, "node_modules/.package-lock.json");
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

function installModules() {
  if (modulesAreCurrent()) return;
  say("npm ci (the packages of package-lock.json)");
  const args = ["ci", "--include=dev", "--include=optional", "--ignore-scripts", "--loglevel=error"];
  // npm hands its own settings to what it runs; a production or omit setting of the caller would leave out the tools.
  if (run("npm", args, { NODE_ENV: "", npm_config_omit: "" }) !== 0) fail("npm ci failed; see above");
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Holds `.piccolo/setup.lock` while `work` runs, so that two commands started together do not install twice. */
async function withLock(work) {
  mkdirSync(join(root, ".piccolo"), { recursive: true });
  const path = join(root, ".piccolo/setup.lock");
  let told = false;
  for (;;) {
    try {
      const file = openSync(path, "wx");
      writeSync(file, String(process.pid));
      closeSync(file);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      let holder = Number.NaN;
      try {
        holder = Number.parseInt(readFileSync(path, "utf8"), 10);
      } catch {
        // It was released between the two calls.
        continue;
      }
      const ageMs = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
      if (Number.isInteger(holder) ? !isAlive(holder) : ageMs > 5_000) {
        rmSync(path, { force: true });
        continue;
      }
      if (!told) say(`waiting for another set-up (process ${holder})`);
      told = true;
      await delay(300);
    }
  }
  try {
    await work();
  } finally {
    rmSync(path, { force: true });
  }
}

const [name, ...rest] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) fail(`usage: node tools/setup.js ${Object.keys(commands).join("|")} -- [ARGUMENTS]`);
if (Number.parseInt(process.versions.node, 10) < 20) fail(`Node 20 or newer is needed; this is ${process.version}`);
if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
  fail(`Linux on x64 or arm64 is needed; this is ${process.platform} on ${process.arch}`);
}

const startedMs = Date.now();
await withLock(async () => {
  installDebianPackages(command.debian);
  installModules();
});

const node = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
if (!existsSync(node)) fail(`${node} is missing; remove node_modules and run the command again`);
const child = spawn(node, [join(root, command.entry), ...rest.filter((arg, at) => !(at === 0 && arg === "--"))], {
  stdio: "inherit",
  env: {
    ...process.env,
    NODE_ENV: "",
    PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH ?? ""}`,
    PICCOLO_COMMAND_STARTED_MS: String(startedMs),
    // A command starts the same TypeScript many times over; it is stripped and compiled once for each file as it is now.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, ".piccolo/compile-cache"),
  },
});
// A terminal sends Ctrl-C to the whole group, so the child has it already; a single SIGTERM is passed on.
process.on("SIGINT", () => {});
process.on("SIGHUP", () => child.kill("SIGHUP"));
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => fail(`the pinned Node could not be started: ${error.message}`));
child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
