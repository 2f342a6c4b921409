/** A device whose clock is hours off: it says so itself, the others say so of it, and it is one of them again once set right. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Device, Network, until } from "@piccolo/devnet";
import { clockSettings, FakedClocks } from "./faked-clocks.ts";

const hourMs = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), "piccolo-clock-"));

interface Clock {
  readonly state: "good" | "wrong" | "unknown";
  readonly offsetMs: number;
}

interface NetworkView {
  readonly clock: Clock;
  readonly self: string;
  readonly members: readonly {
    readonly account: string;
    readonly self: boolean;
    readonly online: boolean;
    readonly clockWrong: boolean;
  }[];
}

const clocks = new FakedClocks(folder);

const view = (device: Device): Promise<NetworkView> => device.session.call<NetworkView>("GET", "/network");
const statusClock = async (device: Device): Promise<Clock> =>
  (await device.session.call<{ clock: Clock }>("GET", "/status")).clock;

let network: Network;

before(async () => {
  mkdirSync(join(folder, "network"));
  for (const number of [1, 2, 3, 4]) clocks.set({ number }, "+0");
  network = await Network.open({
    folder: join(folder, "network"),
    devices: 4,
    centralPort: 18_980,
    devicePort: 18_981,
    peerPort: 18_986,
    piccolod: { executable: clocks.executable(), args: [] },
  });
  await network.startWhole();
});

after(async () => {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("the faked clock is the wall clock alone", () => {
  const path = join(folder, "look.clock");
  writeFileSync(path, "+2h\n");
  const look = "console.log(JSON.stringify({ wallMs: Date.now(), timerNs: String(process.hrtime.bigint()) }))";
  const beforeNs = process.hrtime.bigint();
  const ran = spawnSync(process.execPath, ["-e", look], {
    env: { ...process.env, ...clockSettings(path) },
    encoding: "utf8",
  });
  const afterNs = process.hrtime.bigint();
  const seen = JSON.parse(ran.stdout) as { wallMs: number; timerNs: string };
  assert.ok(Math.abs(seen.wallMs - Date.now() - 2 * hourMs) < hourMs / 2, ran.stdout);
  assert.ok(BigInt(seen.timerNs) > beforeNs && BigInt(seen.timerNs) < afterNs, ran.stdout);
});

test("with clocks that agree nobody is said to be wrong", async () => {
  for (const device of network.devices) {
    await until(`${device.process.name} knows its clock`, async () => (await view(device)).clock.state === "good");
    assert.equal((await statusClock(device)).state, "good");
    assert.ok((await view(device)).members.every(({ clockWrong }) => !clockWrong));
  }
});

/** Waits until the device says its clock is off by about so much, and the two others that are right say it of it. */
async function isKnownWrong(device: Device, offsetMs: number, others: readonly Device[]): Promise<void> {
  const isAbout = ({ state, offsetMs: found }: Clock): boolean =>
    state === "wrong" && Math.abs(found - offsetMs) < hourMs / 4;
  await until(`${device.process.name} shows its clock as wrong`, async () => isAbout((await view(device)).clock));
  assert.ok(isAbout(await statusClock(device)));
  const { self, members } = await view(device);
  assert.ok(
    members.every(({ account, clockWrong }) => account === self || !clockWrong),
    "it blames none of those whose clocks are right",
  );
  for (const other of others) {
    await until(`${other.process.name} shows the clock of ${device.process.name} as wrong`, async () =>
      (await view(other)).members.some(({ account, clockWrong }) => account === self && clockWrong),
    );
    assert.equal((await statusClock(other)).state, "good");
  }
}

/** Waits until the device has logged such an event. What it said last may not be written down yet. */
async function isLogged(
  device: Device,
  event: string,
  isIt: (line: Readonly<Record<string, unknown>>) => boolean,
): Promise<void> {
  await until(`${device.process.name} logs ${event}`, async () =>
    readFileSync(device.process.logFile, "utf8")
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .some((line) => line["event"] === event && isIt(line)),
  );
}

/** Waits until everybody sees everybody, and nobody's clock is said to be wrong. */
async function allIsRight(): Promise<void> {
  for (const device of network.devices) {
    await network.allOnline(device);
    await until(`${device.process.name} finds all clocks right`, async () => {
      const { clock, members } = await view(device);
      return clock.state === "good" && members.every(({ clockWrong }) => !clockWrong);
    });
  }
}

test("a clock that jumps two hours ahead is named on the device, by the others and in the log, until it is right", async () => {
  const [first, second, third, ahead] = network.devices;
  assert.ok(first !== undefined && second !== undefined && third !== undefined && ahead !== undefined);
  clocks.set(ahead, "+2h");
  await isKnownWrong(ahead, 2 * hourMs, [first, second, third]);
  await isLogged(ahead, "clock-wrong", ({ offsetMs }) => Number(offsetMs) > hourMs);
  const { self } = await view(ahead);
  await isLogged(first, "peer-clock-wrong", ({ account }) => account === self);
  clocks.set(ahead, "+0");
  await allIsRight();
});

test("a device that starts two hours behind is named as well, and comes online when its clock is right", async () => {
  const [first, second, behind, fourth] = network.devices;
  assert.ok(first !== undefined && second !== undefined && behind !== undefined && fourth !== undefined);
  await behind.process.stop();
  clocks.set(behind, "-2h");
  await network.startDevice(behind.number);
  await behind.session.signIn(behind.record.password ?? "");
  await isKnownWrong(behind, -2 * hourMs, [first, second, fourth]);
  await isLogged(behind, "clock-wrong", ({ offsetMs }) => Number(offsetMs) < -hourMs);
  clocks.set(behind, "+0");
  // A session that began in the past is as old as the clock now says; the owner signs in again.
  await behind.session.signIn(behind.record.password ?? "");
  await allIsRight();
});
