/** A device is lost with its disk and its chip: twenty-four words on a new one bring everything back, newest state included. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type Device,
  DeviceProblem,
  downloadDigest,
  Network,
  seededDigest,
  seededStream,
  type TaskView,
  unlessBroken,
  until,
  uploadFile,
} from "@piccolo/devnet";
import type { NewPhrase, SecurityView, Status } from "@piccolo/device-api";

const folder = mkdtempSync(join(tmpdir(), "piccolo-recovery-"));
const newPassword = "a password for the new device";

interface Stored {
  readonly name: string;
  readonly parent: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

interface Listing {
  readonly nodes: readonly { readonly id: string; readonly name: string; readonly kind: string }[];
}

let network: Network;
let phrase = "";
const stored: Stored[] = [];

const codeOf = async (work: () => Promise<unknown>): Promise<string> => {
  try {
    await work();
    return "no fault";
  } catch (error) {
    if (error instanceof DeviceProblem) return error.problem.code;
    throw error;
  }
};

const security = (device: Device): Promise<SecurityView> => device.session.call("GET", "/security");
const peerAddress = (number: number): string => `/ip4/127.0.0.1/tcp/${network.device(number).record.peerPort}`;

async function folders(device: Device): Promise<ReadonlyMap<string, string>> {
  const { nodes } = await device.session.call<Listing>("GET", "/files");
  return new Map(nodes.filter(({ kind }) => kind === "folder").map(({ name, id }) => [name, id]));
}

async function store(device: Device, parent: string, name: string, sizeBytes: number): Promise<void> {
  const content = (offset: number) => seededStream(name, sizeBytes, offset);
  const id = (await folders(device)).get(parent);
  assert.ok(id !== undefined);
  const { placement } = await uploadFile(device.session, { filename: name, sizeBytes, parent: id, content });
  assert.equal(placement, "durable");
  stored.push({ name, parent, digest: seededDigest(name, sizeBytes), sizeBytes });
}

async function hasEverything(device: Device): Promise<void> {
  const byName = await folders(device);
  for (const parent of new Set(stored.map((file) => file.parent))) {
    const { nodes } = await device.session.call<Listing>("GET", `/files?parent=${byName.get(parent) ?? "missing"}`);
    const wanted = stored.filter((file) => file.parent === parent);
    assert.deepEqual(nodes.map(({ name }) => name).toSorted(), wanted.map(({ name }) => name).toSorted());
    for (const { name, digest, sizeBytes } of wanted) {
      const id = nodes.find((node) => node.name === name)?.id ?? "";
      assert.deepEqual(await downloadDigest(device.session, id), { digest, sizeBytes }, name);
    }
  }
}

async function recover(
  device: Device,
  given: { readonly phrase?: string; readonly place?: string } = {},
): Promise<{ readonly deviceEpoch: number }> {
  const { claimCode } = device.record;
  const task = await device.session.recover({ claimCode, phrase, newPassword, ...given });
  const { result } = await device.session.finish(task);
  device.record.password = newPassword;
  return result as { readonly deviceEpoch: number };
}

/** The error code with which the task fails. */
async function failure(device: Device, given: { readonly phrase?: string; readonly place?: string }): Promise<string> {
  const { claimCode } = device.record;
  const begun = await device.session.recover({ claimCode, phrase, newPassword, ...given });
  let task: TaskView = begun;
  while (task.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 100));
    task = await device.session.call<TaskView>("GET", `/tasks/${begun.id}`);
  }
  assert.equal(task.state, "failed");
  return task.error?.code ?? "none";
}

/** The device may write again, so a quorum has what it knows. */
async function isReady(device: Device): Promise<void> {
  await until(`${device.process.name} is ready`, async () => (await security(device)).backup.state === "ready");
}

/** A phrase that waits for a re-key, and the proof that it was written down. */
async function phraseMade(device: Device) {
  const made = await device.session.call<NewPhrase>("POST", "/security/phrase", { password: newPassword });
  const words = made.askedBack.map((position) => ({ position, word: made.words[position - 1] ?? "" }));
  return { text: made.words.join(" "), rekey: { password: newPassword, confirmation: { words } } };
}

before(async () => {
  network = await Network.open({
    folder: join(folder, "network"),
    devices: 4,
    centralPort: 19_080,
    devicePort: 19_081,
    peerPort: 19_090,
  });
  await network.startWhole();
  const owner = network.device(1);
  phrase = owner.phrase ?? "";
  await isReady(owner);
  await until("the others keep the slot", async () => (await security(owner)).slots.phrase.copies === 3);
  for (const name of ["Letters", "Photos", "Music"]) {
    await owner.session.call("POST", "/files/folders", { parent: "root", name });
  }
  for (let at = 0; at < 20; at++) {
    await store(owner, ["Letters", "Photos", "Music"][at % 3] ?? "", `file-${at}`, 1_000 + at * 40_000);
  }
});

after(async () => {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("words that are misspelt, or nobody's, bring nothing and say so", async () => {
  const fresh = await network.replaceDevice(1);
  const { claimCode } = fresh.record;
  const words = phrase.split(" ");
  const misspelt = words.with(4, "abandom").join(" ");
  await assert.rejects(
    fresh.session.recover({ claimCode, phrase: misspelt, newPassword }),
    (error) =>
      error instanceof DeviceProblem &&
      error.problem.code === "phrase-misspelt" &&
      JSON.stringify(error.problem.details).includes('"suggestions":["abandon"'),
  );
  assert.equal(
    await codeOf(() => fresh.session.recover({ claimCode: "wrong", phrase, newPassword })),
    "wrong-claim-code",
  );
  const place = "http://not.a.place";
  assert.equal(await codeOf(() => fresh.session.recover({ claimCode, phrase, newPassword, place })), "place-refused");
  const nobodys = `${"abandon ".repeat(23)}art`;
  assert.equal(await failure(fresh, { phrase: nobodys, place: peerAddress(2) }), "phrase-unknown");
  assert.equal((await fresh.session.call<Status>("GET", "/status")).phase, "unclaimed");
});

test("everything is back on a new device, the file of the last second before included", async () => {
  const fresh = network.device(1);
  await recover(fresh);
  assert.equal((await fresh.session.call<Status>("GET", "/status")).phase, "ready");
  await hasEverything(fresh);
  assert.equal((await security(fresh)).mayBeStale, undefined);
  await isReady(fresh);
});

test("the same without central, from one address alone", async () => {
  const before = network.device(1);
  await store(before, "Photos", "written just before", 300_000);
  const fresh = await network.replaceDevice(1);
  await network.central.kill();
  assert.equal(await failure(fresh, {}), "no-members-reachable");
  await recover(fresh, { place: peerAddress(3) });
  await hasEverything(fresh);
  await isReady(fresh);
  await store(fresh, "Music", "written without central", 50_000);
});

test("a device that was cut off in the middle is still nobody's, and begins again", async () => {
  const fresh = await network.replaceDevice(1);
  const { claimCode } = fresh.record;
  const place = peerAddress(2);
  for (const point of ["recovery-place-taken", "recovery-restored", "before-recovery-end"]) {
    await network.startDeviceWith(1, ["--insecure-drills", "--crash-at", `${point}:1`]);
    await unlessBroken(fresh.session.recover({ claimCode, phrase, newPassword, place }));
    assert.ok(await fresh.process.killedWithin(60_000), point);
    await network.startDevice(1);
    assert.equal((await fresh.session.call<Status>("GET", "/status")).phase, "unclaimed", point);
  }
  const { deviceEpoch } = await recover(fresh, { place });
  assert.equal(deviceEpoch, 7, "each of the three starts that were cut off was a device of its own");
  await hasEverything(fresh);
  await isReady(fresh);
});

test("a device that is lost in the middle of a re-key is recovered by the new phrase, and the re-key ends there", async () => {
  const first = network.device(1);
  await network.startDeviceWith(1, ["--insecure-drills", "--crash-at", "before-rekey-page:1"]);
  await isReady(first);
  const { text, rekey } = await phraseMade(first);
  await unlessBroken(first.session.call("POST", "/security/rekey", rekey));
  assert.ok(await first.process.killedWithin(60_000), "the re-key comes to its crash point");
  // Locked, it goes no further with the re-key, and spreads the new slot.
  delete first.record.password;
  await network.startDevice(1);
  await until("the others keep the new slot", async () => {
    const { slots } = await security(first);
    return slots.epoch === 1 && slots.rekey === "interrupted" && slots.phrase.copies === 3;
  });
  phrase = text;
  const fresh = await network.replaceDevice(1);
  await recover(fresh, { place: peerAddress(4) });
  await hasEverything(fresh);
  await isReady(fresh);
  await until("the re-key has ended", async () => (await security(fresh)).slots.rekey === "none");
  assert.equal((await security(fresh)).slots.epoch, 2);
  await hasEverything(fresh);
});

test("the device before stops by itself and says why, and takes the account back under a new phrase", async () => {
  await network.central.start();
  const first = network.device(1);
  await until("central has the newest slot", async () => (await security(first)).slots.phrase.atCentral);
  await first.process.stop();
  const other = await network.addDevice();
  await recover(other);
  await hasEverything(other);
  await isReady(other);
  await network.startDevice(1);
  await until("the first one knows that it is replaced", async () => (await security(first)).replaced !== undefined);
  const letters = (await folders(first)).get("Letters") ?? "";
  const upload = { filename: "late", sizeBytes: 10, parent: letters, content: () => seededStream("late", 10) };
  assert.equal(await codeOf(() => uploadFile(first.session, upload)), "device-replaced");

  const { text, rekey } = await phraseMade(first);
  const reclaiming = await first.session.call<TaskView>("POST", "/security/reclaim", rekey);
  await first.session.finish(reclaiming);
  await until("the first one is locked, as after a start", async () => {
    return (await first.session.call<Status>("GET", "/status")).phase === "locked";
  });
  await first.session.signIn(newPassword);
  await isReady(first);
  assert.equal((await security(first)).replaced, undefined);
  await hasEverything(first);
  await until("the other one knows that it is replaced", async () => (await security(other)).replaced !== undefined);
  await until("the keys are new, and the others keep the new slot alone", async () => {
    const { rekey: going, phrase: kept } = (await security(first)).slots;
    return going === "none" && kept.copies === 3 && kept.atCentral;
  });
  const theirs = phrase;
  phrase = text;
  await store(first, "Letters", "mine again", 20_000);
  await other.process.stop();
  const fresh = await network.replaceDevice(1);
  assert.equal(await failure(fresh, { phrase: theirs, place: peerAddress(2) }), "phrase-unknown");
  await recover(fresh);
  await hasEverything(fresh);
});

test("with too few members it reads and changes nothing, until the owner accepts what was found", async () => {
  const fresh = await network.replaceDevice(1);
  await Promise.all([2, 3].map((number) => network.device(number).process.stop()));
  await recover(fresh, { place: peerAddress(4) });
  const { mayBeStale } = await security(fresh);
  assert.deepEqual({ ...mayBeStale, newestAtMs: 0 }, { answered: 1, needed: 2, newestAtMs: 0 });
  await hasEverything(fresh);
  const wanted = { parent: "root", name: "New" };
  assert.equal(await codeOf(() => fresh.session.call("POST", "/files/folders", wanted)), "recovery-stale");
  await network.startDevice(2);
  await until("enough have answered", async () => (await security(fresh)).mayBeStale === undefined);
  await isReady(fresh);
  await fresh.session.call("POST", "/files/folders", wanted);

  const again = await network.replaceDevice(1);
  await network.device(2).process.stop();
  await recover(again, { place: peerAddress(4) });
  assert.notEqual((await security(again)).mayBeStale, undefined);
  assert.equal(
    await codeOf(() => again.session.call("POST", "/security/accept-recovery", { password: "wrong" })),
    "wrong-password",
  );
  await again.session.call("POST", "/security/accept-recovery", { password: newPassword });
  assert.equal((await security(again)).mayBeStale, undefined);
  await isReady(again);
  await again.session.call("POST", "/files/folders", { parent: "root", name: "Newer" });
});
