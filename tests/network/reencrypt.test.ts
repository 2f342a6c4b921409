/**
 * Somebody knew the old root secret and read the owner's database with it: every file's key of that time. After a re-key
 * and a re-encrypt, cut off by power cuts at many moments, nothing that any member still keeps opens under those keys.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import {
  downloadDigest,
  Network,
  seededDigest,
  seededStream,
  type TaskView,
  unlessBroken,
  until,
  uploadFile,
} from "@piccolo/devnet";
import type { NewPhrase, SecurityView } from "@piccolo/device-api";
import { createExtentOpener, deriveOwnerKeys, type OwnerKeys } from "@piccolo/envelope";
import { contentOf, identityOf, openRootOf } from "./identity.ts";

const cellBytes = 65_536;
const folder = mkdtempSync(join(tmpdir(), "piccolo-reencrypt-"));
let network: Network;
let phrase = "";

interface Stored {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
}
const files: Stored[] = [];

before(async () => {
  network = await Network.open({
    folder: join(folder, "network"),
    devices: 5,
    centralPort: 19_460,
    devicePort: 19_461,
    peerPort: 19_471,
    deviceArgs: () => ["--policy", "2-of-4", "--insecure-drills"],
  });
  await network.startWhole();
  phrase = network.device(1).phrase ?? "";
});

after(async () => {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

const session = () => network.device(1).session;
const security = (): Promise<SecurityView> => session().call<SecurityView>("GET", "/security");
const password = (): string => network.device(1).record.password ?? assert.fail("no password");

async function store(name: string, sizeBytes: number): Promise<void> {
  const { nodeId } = await uploadFile(session(), {
    filename: name,
    sizeBytes,
    content: (offset) => seededStream(name, sizeBytes, offset),
  });
  files.push({ id: nodeId, name, sizeBytes });
}

async function allReadBack(): Promise<void> {
  for (const { id, name, sizeBytes } of files) {
    assert.deepEqual(await downloadDigest(session(), id), { digest: seededDigest(name, sizeBytes), sizeBytes }, name);
  }
}

/** An extent as the owner's database has it, and the key that opens it. */
interface KnownExtent {
  readonly versionId: Uint8Array;
  readonly ordinal: number;
  readonly salt: Uint8Array;
  readonly plainBytes: number;
  readonly fragmentBytes: number;
  readonly segmentId: Uint8Array;
  readonly fek: Uint8Array;
}

/** All extents there are now, with their keys: what somebody knows who has the root secret and the metadata. */
function knownWith(keys: OwnerKeys): readonly KnownExtent[] {
  const db = new DatabaseSync(join(contentOf(network, 1), "owner.db"), { readOnly: true });
  const rows = db
    .prepare(
      `SELECT version_id, wrapped_fek, 0 AS ordinal, salt, extent_bytes AS plain_bytes, segment_number FROM version
       WHERE segment_number IS NOT NULL
       UNION ALL SELECT version_id, wrapped_fek, ordinal, extent.salt, extent.plain_bytes, extent.segment_number
       FROM extent JOIN version USING (version_number)`,
    )
    .all();
  const segment = db.prepare("SELECT segment_id, fragment_bytes FROM segment WHERE segment_number = ?");
  const known = rows.map((row) => {
    const lies = segment.get(row["segment_number"] as number) ?? assert.fail("an extent lies in no segment");
    const versionId = row["version_id"] as Uint8Array;
    return {
      versionId,
      ordinal: Number(row["ordinal"]),
      salt: row["salt"] as Uint8Array,
      plainBytes: Number(row["plain_bytes"]),
      fragmentBytes: Number(lies["fragment_bytes"]),
      segmentId: lies["segment_id"] as Uint8Array,
      fek: keys.unwrapFek(row["wrapped_fek"] as Uint8Array, versionId),
    };
  });
  db.close();
  return known;
}

/** The first cell of the first column: the first sealed chunk of an extent of this size; undefined where nobody keeps it. */
function firstChunk({ segmentId, fragmentBytes }: KnownExtent): Uint8Array | undefined {
  const account = Buffer.from(identityOf(network, 1).account).toString("hex");
  for (const { number } of network.devices.slice(1)) {
    const content = contentOf(network, number);
    const db = new DatabaseSync(join(content, "holder.db"), { readOnly: true });
    const row = db.prepare("SELECT fragment_index AS at FROM held_fragment WHERE segment_id = ?").get(segmentId);
    db.close();
    const path = join(content, "fragments", account, Buffer.from(segmentId).toString("hex"));
    if (row?.["at"] !== 0 || !existsSync(path)) continue;
    const bytes = readFileSync(path);
    const body = 5 + bytes.readUInt32BE(1) + 32 * Math.ceil(fragmentBytes / cellBytes);
    return bytes.subarray(body, body + cellBytes);
  }
  return undefined;
}

const opens = (extent: KnownExtent, sealed: Uint8Array, fek: Uint8Array): boolean => {
  try {
    createExtentOpener({ ...extent, fek }).openChunk(0, sealed);
    return true;
  } catch {
    return false;
  }
};

/** Segments of the first device's owner that any other device keeps. */
function held(): ReadonlySet<string> {
  const { account } = identityOf(network, 1);
  const ids = network.devices.slice(1).flatMap(({ number }) => {
    const db = new DatabaseSync(join(contentOf(network, number), "holder.db"), { readOnly: true });
    const rows = db.prepare("SELECT hex(segment_id) AS id FROM held_fragment WHERE account = ?").all(account);
    db.close();
    return rows.map((row) => String(row["id"]));
  });
  return new Set(ids);
}

const segmentIn = ({ segmentId }: KnownExtent): string => Buffer.from(segmentId).toString("hex").toUpperCase();

/** The keys of an epoch, as whoever has its phrase gets them. */
function keysBy(words: string): OwnerKeys {
  const root = openRootOf(network, 1, words);
  try {
    return deriveOwnerKeys(root.root(), root.epoch, root.account);
  } finally {
    root.erase();
  }
}

/** The power goes at the point; whether it came to it before the work was over. */
async function cutAt(point: string): Promise<boolean> {
  const device = network.device(1);
  await device.process.stop();
  try {
    await network.startDevice(1, ["--crash-at", point]);
    const over = until("the work is over", async () => (await security()).reencryption.state === "none", 120_000);
    const isOver = await Promise.race([over.then(() => true), device.process.ended().then(() => false)]);
    if (isOver) return false;
    assert.equal(device.process.endedBy, "SIGKILL", `${point} ends it, and nothing else does`);
  } catch (error) {
    // What was cut off before goes on by itself, and may come to the point before the owner has signed in again.
    if (!(await device.process.killedWithin(10_000))) throw error;
  }
  return true;
}

test("after a re-encrypt that power cuts broke off, the old keys open nothing that members keep, and every file is what it was", async () => {
  for (let at = 0; at < 24; at++) await store(`small ${at}`, 140_000 + at * 9_000);
  await store("large", 3 * 8_386_560 + 212_345);
  await store("empty", 0);
  const old = knownWith(keysBy(phrase));
  assert.equal(old.length, 24 + 4);
  // A file is safe before the last of its fragments is kept.
  const isKept = (extent: KnownExtent): boolean => firstChunk(extent) !== undefined;
  await until("members keep every first column", async () => old.every(isKept), 120_000);
  for (const extent of old) {
    const sealed = firstChunk(extent) ?? assert.fail("nobody keeps the first column");
    assert.ok(opens(extent, sealed, extent.fek), "the thief reads all of it");
  }

  const made = await session().call<NewPhrase>("POST", "/security/phrase", { password: password() });
  const words = made.askedBack.map((position) => ({ position, word: made.words[position - 1] ?? "" }));
  const rekey = { password: password(), confirmation: { words } };
  await session().finish(await session().call<TaskView>("POST", "/security/rekey", rekey));
  const { state, versions } = (await security()).reencryption;
  assert.deepEqual([state, versions], ["offered", 26]);
  for (const extent of knownWith(keysBy(made.words.join(" ")))) {
    const sealed = firstChunk(extent) ?? assert.fail("nobody keeps the first column");
    const key = old.find(({ salt }) => Buffer.compare(salt, extent.salt) === 0)?.fek ?? assert.fail("sealed anew");
    assert.ok(opens(extent, sealed, key), "a re-key alone leaves the thief the files' keys");
  }

  const device = network.device(1);
  await device.process.stop();
  await network.startDevice(1, ["--crash-at", "before-replacement:3"]);
  await network.allOnline(device);
  // The power may go before the answer, which is no answer then.
  await unlessBroken(session().call("POST", "/security/re-encrypt", { password: password() }));
  assert.ok(await device.process.killedWithin(60_000), "the device reaches its crash point");
  let cuts = 1;
  for (const point of [
    "fragments-stored:3",
    "after-replacement:4",
    "before-fragment-removal:1",
    "after-extent-commit:2",
    "before-replacement:1",
    "after-fragment-removal:2",
    "entry-made:2",
  ]) {
    if (await cutAt(point)) cuts++;
  }
  assert.ok(cuts >= 4, `${cuts} power cuts`);
  await device.process.stop();
  await network.startDevice(1);
  await until("every file has a new key", async () => (await security()).reencryption.state === "none", 120_000);
  assert.equal((await security()).reencryption.versions, 0);
  await allReadBack();

  const known = (): readonly KnownExtent[] => knownWith(keysBy(made.words.join(" ")));
  await until("members keep every first column", async () => known().every(isKept), 120_000);
  const now = known();
  assert.equal(now.length, old.length);
  const isNew = (extent: KnownExtent): boolean => old.every(({ fek }) => Buffer.compare(fek, extent.fek) !== 0);
  assert.ok(now.every(isNew));
  for (const extent of now) {
    const sealed = firstChunk(extent) ?? assert.fail("nobody keeps the first column");
    assert.ok(opens(extent, sealed, extent.fek));
    assert.ok(
      old.every(({ fek }) => !opens(extent, sealed, fek)),
      "a key the thief has opens what is kept",
    );
  }
  const before = new Set(old.map(segmentIn));
  await until("nobody keeps what was sealed before", async () => [...held()].every((id) => !before.has(id)), 120_000);
});
