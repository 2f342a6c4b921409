import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkView, Node, SecurityView, Status } from "@piccolo/device-api";
import { certifyDevice, deriveOwnerKeys } from "@piccolo/envelope";
import {
  acceptInvitation,
  applyEntry,
  createInvitation,
  createNetwork,
  type NetworkState as MembershipState,
} from "@piccolo/membership";
import { SeededWorld } from "@piccolo/world";
import { refusedWith, TestDevice } from "../../test-support/device.ts";
import { createNoNetwork } from "../../test-support/no-network.ts";
import { upload } from "../../test-support/uploading.ts";
import type { NetworkFeature, NetworkOwner } from "../network/types.ts";

const world = new SeededWorld("backup-device");
const friend = deriveOwnerKeys(new Uint8Array(32).fill(6), 1);

/** A network that the device's owner founds and one friend joins, whose device never answers. */
function silentFriend(): { readonly feature: NetworkFeature; readonly join: () => void } {
  const listeners = new Set<() => void>();
  let owner: NetworkOwner | undefined;
  let state: MembershipState | undefined;
  const feature: NetworkFeature = {
    ...createNoNetwork(),
    start: async (started) => void (owner = started),
    membershipState: () => state,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const join = (): void => {
    assert.ok(owner !== undefined);
    const { certificate: device, name } = owner;
    const ownerKeys = owner.keys();
    const founded = applyEntry(undefined, createNetwork({ ownerKeys, device, name, networkName: "home", world }));
    const invitation = createInvitation({ state: founded, ownerKeys, expiresAtMs: world.nowMs() + 1_000, world });
    const friendsDevice = certifyDevice(friend, world.randomBytes(32), 1);
    const parts = { state: founded, invitation, ownerKeys: friend, device: friendsDevice, name: "Bela", world };
    state = applyEntry(founded, acceptInvitation(parts));
    for (const listener of listeners) listener();
  };
  return { feature, join };
}

test("a change that nobody witnesses is answered, by JSON and by tus, and the answer and the views say that it waits", async (context) => {
  const { feature, join } = silentFriend();
  const device = await TestDevice.start(context, { createNetwork: () => feature });
  const owner = await device.owner();
  const alone = await owner.send("POST", "/files/folders", { parent: "root", name: "alone" });
  assert.equal(alone.status, 201);
  assert.equal(alone.headers["piccolo-backup"], undefined);
  join();
  const made = await owner.send("POST", "/files/folders", { parent: "root", name: "waiting" });
  assert.equal(made.status, 201);
  assert.equal(made.headers["piccolo-backup"], "waiting");
  const refused = await owner.send("POST", "/files/folders", { parent: "root", name: "waiting" });
  refusedWith(refused, 409, "name-taken");
  assert.equal(refused.headers["piccolo-backup"], undefined);
  await upload(owner, "file", Buffer.from("content"));
  assert.equal((await owner.call<NetworkView>("GET", "/network")).waitingChanges, true);
  const { backup } = await owner.call<SecurityView>("GET", "/security");
  assert.deepEqual([backup.waitingChanges, backup.quorum, backup.witnessedSequence], [true, 1, 0]);
});

test("a replaced device shows what it has, says that it is replaced, and changes nothing", async (context) => {
  const replacement: { atMs?: number } = {};
  const feature = { ...createNoNetwork(), replacedAtMs: () => replacement.atMs };
  const device = await TestDevice.start(context, { createNetwork: () => feature });
  const before = await device.owner();
  const folder = await before.call<Node>("POST", "/files/folders", { parent: "root", name: "kept" });
  await device.stop();
  replacement.atMs = 5;
  await device.start();
  const owner = device.client();
  await owner.signIn();
  refusedWith(await owner.send("POST", "/files/folders", { parent: "root", name: "late" }), 503, "device-replaced");
  refusedWith(await owner.send("DELETE", `/files/${folder.id}`), 503, "device-replaced");
  assert.equal((await owner.call<Node>("GET", `/files/${folder.id}`)).name, "kept");
  const security = await owner.call<SecurityView>("GET", "/security");
  assert.deepEqual([security.replaced, security.backup.state], [{ atMs: 5 }, "replaced"]);
  const { reasons } = await owner.call<Status>("GET", "/status");
  assert.deepEqual(
    reasons.map(({ code }) => code),
    ["device-replaced"],
  );
});
