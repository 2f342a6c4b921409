/** The owner's database outlives its device: what the witnesses have, and what happens to a device that lags or is replaced. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import type { SecurityView, Status } from "@piccolo/device-api";
import { Network, type TaskView, textOf, until, uploadFile, seededStream } from "@piccolo/devnet";
import { certifyDevice, ed25519FromSeed } from "@piccolo/envelope";
import { announceReplacement, readNewestMembership, RecoverClient } from "@piccolo/storage/recover";
import type { PeerTarget } from "@piccolo/storage/ports";
import { realWorld } from "@piccolo/world/real";
import { createPeerNet } from "../../programs/piccolod/src/adapters/peer-net/index.ts";
import { contentOf, identityOf, openRootOf, targetOf } from "./identity.ts";

const never = new AbortController().signal;
let folder: string;
let network: Network;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "piccolo-backup-"));
  network = await Network.open({
    folder: join(folder, "network"),
    devices: 5,
    centralPort: 19_300,
    devicePort: 19_301,
    peerPort: 19_311,
  });
  await network.startWhole();
});

after(async () => {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

const session = () => network.device(1).session;
const security = (): Promise<SecurityView> => session().call<SecurityView>("GET", "/security");
/** Of the first device, once its keys were changed. */
let newPhrase = "";
const passwordOf = (number: number): string => network.device(number).record.password ?? assert.fail("no password");

/** Newest sequence of the first device's log on each other device's disk. */
function witnessed(): readonly number[] {
  const { account } = identityOf(network, 1);
  return network.devices.slice(1).map(({ number }) => {
    const db = new DatabaseSync(join(contentOf(network, number), "witness.db"), { readOnly: true });
    const row = db.prepare("SELECT max(sequence) AS newest FROM witnessed_entry WHERE account = ?").get(account);
    db.close();
    return Number(row?.["newest"] ?? 0);
  });
}

/** How many of the other devices keep the sealed slot with the number. */
function keepers(): number {
  const { account } = identityOf(network, 1);
  return network.devices.slice(1).filter(({ number }) => {
    const db = new DatabaseSync(join(contentOf(network, number), "witness.db"), { readOnly: true });
    const row = db.prepare("SELECT count(*) AS count FROM kept_slot WHERE account = ?").get(account);
    db.close();
    return row?.["count"] === 1;
  }).length;
}

const write = (name: string) =>
  uploadFile(session(), { filename: name, sizeBytes: 20_000, content: (offset) => seededStream(name, 20_000, offset) });

async function names(): Promise<readonly string[]> {
  const { nodes } = await session().call<{ nodes: readonly { name: string }[] }>("GET", "/files?parent=root");
  return nodes.map(({ name }) => name).sort();
}

const untilReady = (): Promise<void> =>
  until("the backup is ready", async () => (await security()).backup.state === "ready");

/** What the header of a change says: whether it waits for witnesses. */
async function makeFolder(name: string): Promise<string | undefined> {
  const reply = await session().raw("POST", "/files/folders", {
    body: JSON.stringify({ parent: "root", name }),
    headers: { "content-type": "application/json" },
  });
  await textOf(reply);
  const header = reply.headers["piccolo-backup"];
  return typeof header === "string" ? header : undefined;
}

test("what was acknowledged is with a quorum of witnesses, and every member keeps the sealed slot", async () => {
  await write("first");
  const { backup } = await security();
  assert.equal(backup.state, "ready");
  assert.equal(backup.quorum, 3);
  const enough = witnessed().filter((sequence) => sequence >= backup.witnessedSequence);
  assert.ok(backup.witnessedSequence > 0 && enough.length >= 3, JSON.stringify([backup, witnessed()]));
  await until("every member and central keep the slot", async () => {
    const { copies, atCentral } = (await security()).slots.phrase;
    return copies === 4 && atCentral && keepers() === 4;
  });
});

test("a device started from an old image of its disk catches up and forks nothing", async () => {
  const device = network.device(1);
  await write("before the image");
  await device.process.stop();
  const image = join(folder, "image");
  cpSync(device.folder, image, { recursive: true });
  await network.startDevice(1);
  await network.allOnline(device);
  await write("after the image");
  await device.process.kill();
  rmSync(device.folder, { recursive: true });
  cpSync(image, device.folder, { recursive: true });
  await network.startDevice(1);
  await untilReady();
  assert.ok((await names()).includes("after the image"));
  await network.allOnline(device);
  await write("afterwards");
  const { backup } = await security();
  assert.equal(backup.state, "ready");
  assert.ok(witnessed().filter((sequence) => sequence >= backup.witnessedSequence).length >= backup.quorum);
});

test("without enough witnesses a change is answered, and the answer says that it waits", async () => {
  const away = [2, 3, 4];
  for (const number of away) await network.device(number).process.stop();
  await until("they are missed", async () => {
    const { members } = await session().call<{ members: readonly { online: boolean }[] }>("GET", "/network");
    return members.filter(({ online }) => online).length === 2;
  });
  assert.equal(await makeFolder("waiting"), "waiting");
  assert.equal((await security()).backup.waitingChanges, true);
  for (const number of away) await network.startDevice(number);
  await until("it does not wait any more", async () => !(await security()).backup.waitingChanges);
  assert.equal(await makeFolder("not waiting"), undefined);
});

test("a re-key ends once others have the owner key, the slot and a checkpoint under the new key", async () => {
  const password = passwordOf(1);
  const { words, askedBack } = await session().call<{ words: string[]; askedBack: number[] }>(
    "POST",
    "/security/phrase",
    { password },
  );
  newPhrase = words.join(" ");
  const confirmation = { words: askedBack.map((position) => ({ position, word: words[position - 1] ?? "" })) };
  const task = await session().call<TaskView>("POST", "/security/rekey", { password, confirmation });
  await session().finish(task);
  const { slots, backup } = await security();
  assert.equal(slots.epoch, 2);
  assert.equal(slots.rekey, "none");
  assert.ok(backup.checkpointSequence > 0 && backup.witnessedSequence >= backup.checkpointSequence);
  await until("the old phrase's slot is gone everywhere", () => Promise.resolve(keepers() === 4));
  await write("under the new keys");
  await network.device(1).process.kill();
  await network.startDevice(1);
  await untilReady();
  assert.ok((await names()).includes("under the new keys"));
  assert.equal(await makeFolder("after the re-key"), undefined);
});

test("everything but joining goes on while central is gone", async () => {
  await network.central.stop();
  assert.equal(await makeFolder("central is gone"), undefined);
  await network.device(1).process.kill();
  await network.startDevice(1);
  await untilReady();
  await network.allOnline(network.device(1));
  await write("written without central");
  assert.equal(await makeFolder("still gone"), undefined);
  await network.central.start();
});

test("a device whose place was taken learns it from the members and changes nothing more", async () => {
  const targets: PeerTarget[] = [];
  for (const { number } of network.devices.slice(1)) targets.push(await targetOf(network, number));
  await network.central.stop();
  const root = openRootOf(network, 1, newPhrase);
  const keys = root.deriveKeys();
  const seed = realWorld.randomBytes(32);
  const net = createPeerNet({
    deviceSeed: seed,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    relay: () => [],
    isAllowed: () => false,
    isRelay: () => false,
    handler: { admit: () => assert.fail("nobody asks"), handle: () => assert.fail("nobody asks") },
    world: realWorld,
    log: () => undefined,
  });
  await net.start();
  try {
    const parts = { client: new RecoverClient(net.recoverTransport), world: realWorld, report: () => undefined };
    const { state } = await readNewestMembership(parts, targets, keys, never);
    const deviceEpoch = (state.memberByAccount(keys.account)?.deviceEpoch ?? 0) + 1;
    const device = certifyDevice(keys, ed25519FromSeed(seed).publicKey, deviceEpoch);
    const { delivered } = await announceReplacement(parts, { state, keys, device }, targets, never);
    assert.equal(delivered.length, 4);
  } finally {
    await net.stop();
  }
  await until("the device knows that it is replaced", async () => (await security()).replaced !== undefined, 90_000);
  const { backup } = await security();
  assert.equal(backup.state, "replaced");
  const status = await session().call<Status>("GET", "/status");
  assert.deepEqual(
    status.reasons.map(({ code }) => code),
    ["device-replaced"],
  );
  await assert.rejects(makeFolder("too late"), (error: { problem?: { code?: string } }) => {
    return error.problem?.code === "device-replaced";
  });
  assert.ok((await names()).includes("first"));
});
