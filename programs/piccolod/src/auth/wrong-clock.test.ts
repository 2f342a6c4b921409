/** A device whose wall clock is wrong by decades starts, unlocks and keeps its sessions, and is set right without harm. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Session } from "@piccolo/device-api";
import { type Client, password, refusedWith, TestDevice } from "../../test-support/device.ts";

const dayMs = 86_400_000;
const years: Readonly<Record<string, number>> = { 1970: Date.UTC(1970, 0, 2), 2100: Date.UTC(2100, 0, 1) };

function setClock(device: TestDevice, wallMs: number): void {
  device.world.wallAheadMs = wallMs - Date.now();
}

const isSignedIn = async (client: Client): Promise<boolean> => (await client.send("GET", "/session")).status === 200;

for (const [year, wallMs] of Object.entries(years)) {
  test(`in ${year} a device starts, unlocks, signs in and takes changes`, async (context) => {
    const device = await TestDevice.start(context);
    const owner = await device.owner();
    await owner.call("POST", "/files/folders", { parent: "root", name: "Before" });
    await device.stop();
    setClock(device, wallMs);
    await device.start();
    const there = device.client();
    await there.signIn(password);
    assert.ok(await isSignedIn(there));
    await there.call("POST", "/files/folders", { parent: "root", name: "Meanwhile" });
    refusedWith(await device.client().send("POST", "/session", { password: "wrong" }), 401, "wrong-password");
    assert.ok(!device.logLines.some((line) => line.includes('"level":"error"')), device.logLines.join(""));
    setClock(device, Date.now());
    await device.client().signIn(password);
  });

  test(`a device is claimed in ${year}, and its owner signs in when the clock is right`, async (context) => {
    const device = await TestDevice.start(context);
    setClock(device, wallMs);
    await device.owner();
    setClock(device, Date.now());
    const client = device.client();
    await client.signIn(password);
    assert.equal((await client.call<Session>("GET", "/session")).ownerName, "Ada");
  });
}

test("a session that was opened in 2100 lives no longer than any other once the clock is right", async (context) => {
  const device = await TestDevice.start(context);
  await device.owner();
  setClock(device, years[2100] ?? 0);
  const client = device.client();
  await client.signIn(password);
  setClock(device, Date.now());
  assert.ok(await isSignedIn(client));
  setClock(device, Date.now() + 29 * dayMs);
  assert.ok(await isSignedIn(client), "it lives from its last use");
  setClock(device, Date.now() + 60 * dayMs);
  assert.ok(!(await isSignedIn(client)));
});

test("a clock that jumps to 2100 ends sessions, and the owner signs in again", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  setClock(device, years[2100] ?? 0);
  assert.ok(!(await isSignedIn(owner)));
  await owner.signIn(password);
  assert.ok(await isSignedIn(owner));
});
