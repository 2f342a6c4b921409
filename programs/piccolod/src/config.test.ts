import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readConfig, UsageError } from "./config.ts";
import { createCrashPoint, holderCrashPoints, ownerCrashPoints, parseArmedCrash } from "./crash-points.ts";

const good: Readonly<Record<string, string>> = {
  state: "/state",
  listen: "127.0.0.1:8701",
  host: "device1.localhost",
  "peer-listen": "/ip4/127.0.0.1/tcp/8721",
  central: "http://127.0.0.1:8700",
  "device-name": "device1",
  domain: "household-1",
  "claim-code-file": "/claim",
};
const args = (change: Readonly<Record<string, string | undefined>> = {}): string[] =>
  Object.entries({ ...good, ...change }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));

test("what is typed is what the device gets", () => {
  assert.deepEqual(readConfig(args(), {}), {
    stateFolder: "/state",
    listenHost: "127.0.0.1",
    listenPort: 8701,
    redirect: undefined,
    https: false,
    hostName: "device1.localhost",
    peerListen: "/ip4/127.0.0.1/tcp/8721",
    peerBulkPort: 0,
    mdns: false,
    centralUrl: "http://127.0.0.1:8700",
    deviceName: "device1",
    domain: "household-1",
    portalFolder: undefined,
    claimCodeFile: "/claim",
    invitationFile: undefined,
    firstBootFile: undefined,
    screens: [],
    release: undefined,
    signedBootsFile: undefined,
    bootLoader: undefined,
    code: undefined,
    spoolLimitBytes: undefined,
    holderQuotaBytes: undefined,
    podman: undefined,
    insecureRegistries: [],
    bundledImages: undefined,
    catalogs: [],
    armedCrash: undefined,
    appHealthMs: undefined,
    tpm: { kind: "device", path: "/dev/tpmrm0" },
    volume: { backend: "gocryptfs" },
    mountUnit: undefined,
    passwordCost: undefined,
    cheapSlots: false,
    insecure: ["boot-not-measured"],
    supervisor: undefined,
    runFolder: "/run/piccolo",
  });
  assert.equal(readConfig([...args(), "--mdns"]).mdns, true);
  const drill = readConfig([...args({ policy: "6-of-9", "crash-at": "segment-sealed:2" }), "--insecure-drills"]);
  assert.deepEqual(drill.code, { k: 6, n: 9 });
  assert.deepEqual(drill.armedCrash, { name: "segment-sealed", count: 2 });
  assert.deepEqual(drill.insecure, ["drills", "boot-not-measured"]);
});

test("registries without TLS are named one by one, lie on this very machine, and are shown", () => {
  const without = (...places: readonly string[]): readonly string[] => [
    ...args(),
    ...places.flatMap((place) => ["--insecure-registry", place]),
  ];
  for (const place of [
    "",
    "5000",
    "localhost",
    "192.168.1.4:5000",
    "example.org:5000",
    "127.0.0.1.example.org:5000",
    "localhost.example.org:5000",
    "127.0.0.1:65536",
    "127.0.0.1:5000/piccolo",
    "http://127.0.0.1:5000",
    'localhost:5000"\ninsecure = true',
  ]) {
    assert.throws(() => readConfig(without(place)), UsageError, place);
  }
  assert.throws(
    () => readConfig([...without("localhost:1"), "--podman-socket", "/run/p.sock", "--podman-unit", "p.socket"]),
    /exclude each other/,
  );
  const config = readConfig(without("127.0.0.1:5000", "localhost:5001", "[::1]:5002"));
  assert.deepEqual(config.insecureRegistries, ["127.0.0.1:5000", "localhost:5001", "[::1]:5002"]);
  assert.deepEqual(config.insecure, ["registry", "boot-not-measured"]);
  assert.deepEqual(readConfig(without()).insecure, ["boot-not-measured"]);
});

test("what a device does without, it is told by name, and says so", () => {
  const bare = readConfig([...args(), "--insecure-no-tpm", "--insecure-no-volume", "--insecure-cheap-slots"]);
  assert.deepEqual([bare.tpm, bare.volume.backend, bare.cheapSlots], [undefined, "plain-folder", true]);
  assert.deepEqual(bare.insecure, ["no-tpm", "no-volume", "cheap-slots"]);
  const simulated = readConfig(args({ tpm: "swtpm:/a b:c/socket" }));
  assert.deepEqual(simulated.tpm, { kind: "swtpm", path: "/a b:c/socket" });
  assert.throws(() => readConfig([...args({ tpm: "device:/dev/tpm0" }), "--insecure-no-tpm"]), UsageError);
  assert.throws(() => readConfig([...args({ volume: "gocryptfs" }), "--insecure-no-volume"]), UsageError);
  assert.deepEqual(readConfig(args({ volume: "luks2:piccolo-data" })).volume, {
    backend: "luks2",
    partition: "piccolo-data",
  });
});

test("each argument that cannot be used is named in one line", () => {
  const wrong: [Readonly<Record<string, string | undefined>>, RegExp][] = [
    [{ state: undefined }, /--state/],
    [{ listen: "8701" }, /--listen/],
    [{ listen: "127.0.0.1:70000" }, /--listen/],
    [{ host: "Device 1" }, /--host/],
    [{ "peer-listen": "127.0.0.1:1" }, /--peer-listen/],
    [{ central: "ftp://x" }, /--central/],
    [{ central: "http://user:pw@x" }, /--central/],
    [{ "device-name": "a;b" }, /--device-name/],
    [{ redirect: "80" }, /--redirect/],
    [{ listen: "[::]" }, /--listen/],
    [{ "peer-bulk-port": "70000" }, /--peer-bulk-port/],
    [{ volume: "luks2" }, /--volume/],
    [{ "signed-boots": "/x" }, /--release/],
    [{ "mount-unit": "a b.mount" }, /--mount-unit/],
    [{ "boot-loader": "lilo" }, /--boot-loader/],
    [{ "boot-loader": "" }, /--boot-loader/],
    [{ volume: "luks2:../x" }, /--volume/],
    [{ "podman-socket": "/run/podman.sock" }, /--podman-unit/],
    [{ "podman-unit": "podman.socket" }, /--podman-socket/],
    [{ "podman-socket": "podman.sock", "podman-unit": "podman.socket" }, /--podman-socket/],
    [{ "podman-socket": "/run/podman.sock", "podman-unit": "podman.service" }, /--podman-unit/],
    [{ config: "/nonexistent" }, /--config.*ENOENT/],
    [{ release: "/nonexistent" }, /--release.*ENOENT/],
    [{ domain: "" }, /--domain/],
    [{ tpm: "/dev/tpmrm0" }, /--tpm/],
    [{ "password-cost": "131071x1" }, /--password-cost/],
    [{ "password-cost": "131072x0" }, /--password-cost/],
    [{ "password-cost": "131072" }, /--password-cost/],
    [{ tpm: "swtpm:socket" }, /--tpm/],
    [{ "spool-limit-bytes": "1e9" }, /--spool-limit-bytes/],
    [{ "holder-quota-bytes": "-1" }, /--holder-quota-bytes/],
    [{ policy: "3-of-9" }, /--insecure-drills/],
    [{ "crash-at": "segment-sealed:1" }, /--insecure-drills/],
    [{ "app-health-ms": "5" }, /--insecure-drills/],
    [{ unknown: "1" }, /--unknown/],
  ];
  for (const [change, named] of wrong) {
    assert.throws(
      () => readConfig(args(change)),
      (error: Error) => error instanceof UsageError && named.test(error.message) && !error.message.includes("\n"),
      JSON.stringify(change),
    );
  }
  for (const policy of ["9-of-3", "0-of-3", "3-of-41", "x"]) {
    assert.throws(() => readConfig([...args({ policy }), "--insecure-drills"]), UsageError);
  }
  for (const point of ["segment-sealed", "segment-sealed:0", "no-such-point:1"]) {
    assert.throws(() => readConfig([...args({ "crash-at": point }), "--insecure-drills"]), UsageError);
  }
  assert.throws(() => readConfig([...args(), "surplus"]), UsageError);
});

function file(context: TestContext, content: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-config-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "file.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

test("a file says the same by the same names, and an argument wins over it", (context) => {
  const config = file(context, { ...good, listen: "[::]:443", https: true, screen: ["/dev/tty1", "/dev/ttyS0"] });
  const read = readConfig(["--config", config, "--state", "/other"]);
  assert.deepEqual(
    [read.stateFolder, read.listenHost, read.listenPort, read.https, read.screens],
    ["/other", "::", 443, true, ["/dev/tty1", "/dev/ttyS0"]],
  );
  for (const wrong of [
    "{",
    "[]",
    { ...good, unknown: "1" },
    { ...good, config: "/other" },
    { ...good, https: "yes" },
    { ...good, screen: "/dev/tty1" },
    { ...good, listen: ["[::]:443"] },
    { ...good, toString: "x" },
    `"${"x".repeat(70_000)}"`,
  ]) {
    assert.throws(() => readConfig(["--config", file(context, wrong)]), UsageError, JSON.stringify(wrong).slice(0, 80));
  }
});

test("the image's own configuration is one", (context) => {
  const config = join(import.meta.dirname, "../../../os/piccolod/piccolod.json");
  const release = file(context, { version: "1", number: 1, minimum: 1, keys: {} });
  const read = readConfig(["--config", config, "--release", release]);
  assert.deepEqual(read.insecure, []);
  assert.equal(read.https, true);
  assert.deepEqual(read.volume, { backend: "luks2", partition: "piccolo-data" });
  assert.equal(read.bootLoader, "systemd-boot");
});

test("so is that of an ordinary Fedora CoreOS, which has no release of ours", () => {
  const read = readConfig(["--config", join(import.meta.dirname, "../../../os/butane/piccolod.json")]);
  assert.deepEqual(read.insecure, ["boot-not-measured"]);
  assert.deepEqual([read.release, read.signedBootsFile, read.bootLoader], [undefined, undefined, "grub"]);
  assert.deepEqual(read.podman, { socketPath: "/run/piccolo/podman.sock", unit: "piccolo-podman.socket" });
});

test("what the image says of its release is read strictly", (context) => {
  const facts = { version: "42.20261126.0", number: 7, minimum: 6, keys: { db: "ab".repeat(32) } };
  assert.deepEqual(readConfig(args({ release: file(context, facts) })).release, facts);
  for (const wrong of [
    { ...facts, number: 0 },
    { ...facts, number: "7" },
    { ...facts, version: "a b" },
    { ...facts, keys: { db: "AB" } },
    { version: facts.version, number: 7, minimum: 6 },
    { ...facts, minimum: 8 },
    { ...facts, minimum: 0 },
    { version: facts.version, number: 7, keys: facts.keys },
  ]) {
    assert.throws(() => readConfig(args({ release: file(context, wrong) })), UsageError, JSON.stringify(wrong));
  }
});

test("the supervisor is named by the environment, and watches only the process it means", () => {
  const managed = (environment: Readonly<Record<string, string>>): unknown =>
    readConfig(args(), environment).supervisor;
  const socket = "/run/systemd/notify";
  const watch = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "40000000" };
  assert.deepEqual(managed({ NOTIFY_SOCKET: "@abstract" }), { socket: "@abstract", silenceMs: undefined });
  assert.deepEqual(managed(watch), { socket, silenceMs: 40_000 });
  assert.deepEqual(managed({ ...watch, WATCHDOG_PID: String(process.pid) }), { socket, silenceMs: 40_000 });
  assert.deepEqual(managed({ ...watch, WATCHDOG_PID: "1" }), { socket, silenceMs: undefined });
  for (const wrong of [{}, { NOTIFY_SOCKET: "relative" }, { NOTIFY_SOCKET: "" }]) {
    assert.equal(managed(wrong as Readonly<Record<string, string>>), undefined);
  }
});

test("a crash point ends the process when it is reached the given number of times, and no other does", () => {
  for (const name of [...ownerCrashPoints, ...holderCrashPoints]) {
    assert.deepEqual(parseArmedCrash(`${name}:3`), { name, count: 3 });
  }
  let ended = 0;
  const crashPoint = createCrashPoint({ name: "segment-sealed", count: 2 }, () => ended++);
  for (const [name, after] of [
    ["segment-sealed", 0],
    ["segment-drained", 0],
    ["segment-sealed", 1],
    ["segment-sealed", 1],
  ] as const) {
    crashPoint(name);
    assert.equal(ended, after);
  }
  createCrashPoint(undefined, () => ended++)("segment-sealed");
  assert.equal(ended, 1);
});

test("a machine whose boots no release signs says so, whatever it is told", (context) => {
  const os = join(import.meta.dirname, "../../../os");
  const settings = join(os, "butane/piccolod.json");
  assert.deepEqual(readConfig(["--config", settings]).insecure, ["boot-not-measured"]);
  const release = file(context, { version: "1", number: 1, minimum: 1, keys: {} });
  assert.deepEqual(readConfig(["--config", settings, "--release", release]).insecure, ["boot-not-measured"]);
  const image = join(os, "piccolod/piccolod.json");
  assert.deepEqual(readConfig(["--config", image, "--release", release]).insecure, []);
});
