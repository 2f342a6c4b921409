/** Nobody holds the checkpoint any more but central: with it the folders come back, and its lies change nothing. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import type { NewPhrase, SecurityView } from "@piccolo/device-api";
import { type Device, Network, type TaskView, until } from "@piccolo/devnet";
import { LyingCentral } from "../../programs/central/test-support/lying-central.ts";
import { contentOf } from "./identity.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-central-vault-"));
const newPassword = "a password for the new device";
const names = ["Letters", "Music", "Photos"];

let network: Network;
let lying: LyingCentral;
let phrase = "";
/** Where the first device looks for central, from its next start on. */
let central: string | undefined;

const security = (device: Device): Promise<SecurityView> => device.session.call("GET", "/security");

async function isReady(device: Device): Promise<void> {
  await until(`${device.process.name} is ready`, async () => (await security(device)).backup.state === "ready");
}

async function folders(device: Device): Promise<readonly string[]> {
  const { nodes } = await device.session.call<{ nodes: readonly { name: string }[] }>("GET", "/files");
  return nodes.map(({ name }) => name).toSorted();
}

/** What central keeps of checkpoints. */
function segmentsAtCentral(): readonly string[] {
  const db = new DatabaseSync(join(folder, "network/central/central.db"), { readOnly: true });
  const rows = db.prepare("SELECT hex(id) AS id FROM vault_blobs ORDER BY id").all();
  db.close();
  return rows.map((row) => String(row["id"]));
}

function newestAtCentral(): number {
  const db = new DatabaseSync(join(folder, "network/central/central.db"), { readOnly: true });
  const row = db.prepare("SELECT max(sequence) AS newest FROM vault_entries").get();
  db.close();
  return Number(row?.["newest"] ?? 0);
}

/** New keys, and with them a checkpoint of everything; the phrase is another one then. */
async function rekey(device: Device): Promise<void> {
  const { password = "" } = device.record;
  const made = await device.session.call<NewPhrase>("POST", "/security/phrase", { password });
  const words = made.askedBack.map((position) => ({ position, word: made.words[position - 1] ?? "" }));
  await device.session.call("POST", "/security/rekey", { password, confirmation: { words } });
  await until("the re-key has ended", async () => (await security(device)).slots.rekey === "none");
  phrase = made.words.join(" ");
}

/** All that the others hold is gone from their disks, as after as many lost disks as it takes. */
async function loseFragments(): Promise<void> {
  for (const { number, process } of network.devices.slice(1)) {
    await process.stop();
    rmSync(join(contentOf(network, number), "fragments"), { recursive: true, force: true });
    await network.startDevice(number);
  }
}

async function recover(device: Device): Promise<TaskView> {
  const { claimCode } = device.record;
  const begun = await device.session.recover({ claimCode, phrase, newPassword });
  let task: TaskView = begun;
  while (task.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 200));
    task = await device.session.call<TaskView>("GET", `/tasks/${begun.id}`);
  }
  device.record.password = newPassword;
  return task;
}

before(async () => {
  network = await Network.open({
    folder: join(folder, "network"),
    devices: 4,
    centralPort: 19_700,
    devicePort: 19_701,
    peerPort: 19_711,
    deviceArgs: (number) => (number === 1 && central !== undefined ? ["--central", central] : []),
  });
  await network.startWhole();
  lying = await LyingCentral.start(network.centralOrigin);
  central = lying.origin;
  const owner = network.device(1);
  phrase = owner.phrase ?? "";
  await isReady(owner);
  for (const name of names.slice(0, 2)) await owner.session.call("POST", "/files/folders", { parent: "root", name });
});

after(async () => {
  await lying.stop();
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("central gets the segments of a checkpoint, and keeps those of the newest alone", async () => {
  const owner = network.device(1);
  await rekey(owner);
  await until("central has segments", () => Promise.resolve(segmentsAtCentral().length > 0));
  const first = segmentsAtCentral();
  owner.record.password = owner.record.password ?? "";
  await rekey(owner);
  await until("central has others in their place", () => {
    const now = segmentsAtCentral();
    return Promise.resolve(now.length > 0 && now.every((id) => !first.includes(id)));
  });
  await owner.session.call("POST", "/files/folders", { parent: "root", name: names[2] });
  const { backup } = await security(owner);
  await until("central has the newest entry", () => Promise.resolve(newestAtCentral() >= backup.witnessedSequence));
});

test("where no member has the checkpoint and central gives something else, the recovery says what is missing", async () => {
  await loseFragments();
  const fresh = await network.replaceDevice(1);
  lying.lies = { segment: (bytes) => bytes.with(100, (bytes[100] ?? 0) ^ 1) };
  const { told } = lying;
  const { state, error } = await recover(fresh);
  assert.deepEqual([state, error?.code], ["failed", "not-enough-fragments"]);
  assert.ok(lying.told > told);
  await until("the device has logged why", async () =>
    readFileSync(fresh.process.logFile, "utf8").includes("vault-segment-of-no-use"),
  );
  delete fresh.record.password;
});

test("with what central keeps the folders are back, and members hold a checkpoint again", async () => {
  lying.lies = {};
  const fresh = network.device(1);
  const before = segmentsAtCentral();
  const { state, error } = await recover(fresh);
  assert.deepEqual([state, error?.code], ["done", undefined]);
  assert.deepEqual(await folders(fresh), names);
  assert.equal((await security(fresh)).mayBeStale, undefined);
  await isReady(fresh);
  await until("there is a checkpoint that members hold", () => {
    const now = segmentsAtCentral();
    return Promise.resolve(now.length > 0 && now.every((id) => !before.includes(id)));
  });
  await fresh.process.stop();
  await network.central.kill();
  const again = await network.replaceDevice(1);
  const { claimCode } = again.record;
  const place = `/ip4/127.0.0.1/tcp/${network.device(2).record.peerPort}`;
  await again.session.finish(await again.session.recover({ claimCode, phrase, newPassword, place }));
  again.record.password = newPassword;
  assert.deepEqual(await folders(again), names);
});
