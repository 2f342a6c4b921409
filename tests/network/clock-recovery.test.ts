/** A new device with a wrong clock says so instead of finding nobody, and recovers once the clock is right. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { SecurityView } from "@piccolo/device-api";
import { type Device, Network, type TaskView, until } from "@piccolo/devnet";
import { FakedClocks } from "./faked-clocks.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-clock-recovery-"));
const newPassword = "a password for the new device";
const clocks = new FakedClocks(folder);
/** What libfaketime is told, and what the device has to say of itself. */
const wrong: readonly (readonly [offset: string, says: RegExp])[] = [
  ["-56y", /clock says 19\d\d-.*before this software was made/],
  ["+73y", /clock says 20\d\d-.*(ahead|cut it off)/],
  ["+35m", /ahead/],
];

let network: Network;
let phrase = "";

async function recover(device: Device, place?: string): Promise<TaskView> {
  const { claimCode } = device.record;
  const given = { claimCode, phrase, newPassword, ...(place === undefined ? {} : { place }) };
  const begun = await device.session.recover(given);
  let task: TaskView = begun;
  while (task.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 200));
    task = await device.session.call<TaskView>("GET", `/tasks/${begun.id}`);
  }
  return task;
}

before(async () => {
  mkdirSync(join(folder, "network"));
  for (const number of [1, 2, 3]) clocks.set({ number }, "+0");
  network = await Network.open({
    folder: join(folder, "network"),
    devices: 3,
    centralPort: 19_540,
    devicePort: 19_541,
    peerPort: 19_551,
    piccolod: { executable: clocks.executable(), args: [] },
  });
  await network.startWhole();
  const owner = network.device(1);
  phrase = owner.phrase ?? "";
  await owner.session.call("POST", "/files/folders", { parent: "root", name: "Letters" });
  await until("the others keep the slot", async () => {
    const { slots, backup } = await owner.session.call<SecurityView>("GET", "/security");
    return slots.phrase.copies === 2 && slots.phrase.atCentral && backup.state === "ready";
  });
});

after(async () => {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("with central and members there, a clock that is off by minutes or decades is named", async () => {
  const fresh = await network.replaceDevice(1);
  for (const [offset, says] of wrong) {
    clocks.set(fresh, offset);
    await fresh.process.stop();
    await network.startDevice(1);
    const { state, error } = await recover(fresh);
    assert.deepEqual([state, error?.code], ["failed", "clock-wrong"], `${offset}: ${JSON.stringify(error)}`);
    assert.match(JSON.stringify(error), says);
    delete fresh.record.password;
  }
});

test("the same from one address alone, without central", async () => {
  await network.central.kill();
  const fresh = network.device(1);
  const place = `/ip4/127.0.0.1/tcp/${network.device(2).record.peerPort}`;
  for (const [offset, says] of wrong) {
    clocks.set(fresh, offset);
    await fresh.process.stop();
    await network.startDevice(1);
    const { state, error } = await recover(fresh, place);
    assert.deepEqual([state, error?.code], ["failed", "clock-wrong"], `${offset}: ${JSON.stringify(error)}`);
    assert.match(JSON.stringify(error), says);
    delete fresh.record.password;
  }
});

test("set right, the same device recovers everything", async () => {
  const fresh = network.device(1);
  clocks.set(fresh, "+0");
  await fresh.process.stop();
  await network.startDevice(1);
  const place = `/ip4/127.0.0.1/tcp/${network.device(2).record.peerPort}`;
  const { state, error } = await recover(fresh, place);
  assert.equal(state, "done", JSON.stringify(error));
  fresh.record.password = newPassword;
  const { nodes } = await fresh.session.call<{ nodes: readonly { name: string }[] }>("GET", "/files");
  assert.deepEqual(
    nodes.map(({ name }) => name),
    ["Letters"],
  );
});
