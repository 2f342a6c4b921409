import assert from "node:assert/strict";
import { test } from "node:test";
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
  assert.deepEqual(readConfig(args()), {
    stateFolder: "/state",
    listenHost: "127.0.0.1",
    listenPort: 8701,
    hostName: "device1.localhost",
    peerListen: "/ip4/127.0.0.1/tcp/8721",
    mdns: false,
    centralUrl: "http://127.0.0.1:8700",
    deviceName: "device1",
    domain: "household-1",
    portalFolder: undefined,
    claimCodeFile: "/claim",
    invitationFile: undefined,
    code: undefined,
    spoolLimitBytes: undefined,
    holderQuotaBytes: undefined,
    podmanSocket: undefined,
    bundledImages: undefined,
    catalogs: [],
    armedCrash: undefined,
    tpm: { kind: "device", path: "/dev/tpmrm0" },
    volume: "gocryptfs",
    passwordCost: undefined,
    cheapSlots: false,
    insecure: [],
  });
  assert.equal(readConfig([...args(), "--mdns"]).mdns, true);
  const drill = readConfig([...args({ policy: "6-of-9", "crash-at": "segment-sealed:2" }), "--insecure-drills"]);
  assert.deepEqual(drill.code, { k: 6, n: 9 });
  assert.deepEqual(drill.armedCrash, { name: "segment-sealed", count: 2 });
  assert.deepEqual(drill.insecure, ["drills"]);
});

test("what a device does without, it is told by name, and says so", () => {
  const bare = readConfig([...args(), "--insecure-no-tpm", "--insecure-no-volume", "--insecure-cheap-slots"]);
  assert.deepEqual([bare.tpm, bare.volume, bare.cheapSlots], [undefined, "plain-folder", true]);
  assert.deepEqual(bare.insecure, ["no-tpm", "no-volume", "cheap-slots"]);
  const simulated = readConfig(args({ tpm: "swtpm:/a b:c/socket" }));
  assert.deepEqual(simulated.tpm, { kind: "swtpm", path: "/a b:c/socket" });
  assert.throws(() => readConfig([...args({ tpm: "device:/dev/tpm0" }), "--insecure-no-tpm"]), UsageError);
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
