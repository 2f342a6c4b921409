/**
 * Nobody but the owner can read the owner's data: unique canaries in all an owner puts in, and in what an app has, and the
 * owner's secrets, are looked for on every disk, the owner's own included, which is encrypted, in every log, and in all bytes
 * the owner's device hands to its peers and to central. On a machine of its own.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import {
  createUpload,
  DeviceProblem,
  DeviceSession,
  downloadDigest,
  loopbackRequest,
  Network,
  sendUpload,
  type TaskView,
  textOf,
  unprotected,
  until,
  type Uploaded,
  uploadOffset,
} from "@piccolo/devnet";
import type { SecurityView } from "@piccolo/device-api";
import { decodeInvitation } from "@piccolo/membership";
import { encodeHeader, fragmentRoot } from "@piccolo/storage/fragment";
import type { Message } from "@piccolo/storage/ports";
import { decodeResponse, encodeRequest } from "@piccolo/wire";
import { SecretiveApp } from "../apps/secretive-app.ts";
import { createBlake3 } from "../../programs/piccolod/src/adapters/fragment-hash.ts";
import { openDeviceHere } from "./device-here.ts";
import { contentOf, secretsOf } from "./identity.ts";
import { type Finding, LeakOracle } from "./leak-oracle.ts";
import { CentralRecorder, TransportRecorder } from "./recorders.ts";

const segmentPlainBytes = 8_386_560;
const folder = mkdtempSync(join(tmpdir(), "piccolo-oracle-"));
const recorded = join(folder, "recorded");
const images = join(folder, "images");

/** Text that stands nowhere else; lower case, so that a folded name is still found. */
const canary = (of: string): string => `${of}-${randomBytes(12).toString("hex")}`;

const publicName = canary("public");
const secrets = {
  password: canary("password"),
  "wrong password": canary("wrong-password"),
  "folder name": canary("folder"),
  "file name": canary("small"),
  "large file name": canary("large"),
  "new file name": canary("renamed"),
  "new folder name": canary("moved"),
  "searched text": canary("searched"),
  "aborted file name": canary("aborted"),
  "media type": canary("media"),
  "content of a small file": canary("small-content"),
  "content of a large file": canary("large-content"),
  "content of a second version": canary("version-content"),
  "content of an aborted file": canary("aborted-content"),
  "content of a coded file": canary("coded-content"),
};

let network: Network;
let centralRecorder: CentralRecorder;
let centralOrigin: string;
let transport: TransportRecorder;
let owner: { close(): Promise<void> } | undefined;
let phrase: string;

async function openOwner(args: readonly string[] = []): Promise<void> {
  await network.startTpm(1);
  owner = await openDeviceHere(network, 1, {
    args: ["--bundled-images", images, ...args],
    centralOrigin,
    createPeerNet: transport.createPeerNet,
  });
}

before(async () => {
  mkdirSync(recorded);
  network = await Network.open({
    folder: join(folder, "network"),
    devices: 5,
    centralPort: 18_900,
    devicePort: 18_901,
    peerPort: 18_911,
    protection: (device) => (device === 1 ? { tpm: true, volume: true, cheapSlots: true } : unprotected),
  });
  centralRecorder = new CentralRecorder(recorded, Number(new URL(network.centralOrigin).port));
  centralOrigin = await centralRecorder.listen();
  transport = new TransportRecorder(join(recorded, "transport"));
  await network.central.start();
  await Promise.all([openOwner(), ...network.devices.slice(1).map((device) => device.process.start())]);
  await network.populate();
  const first = network.device(1);
  phrase = await first.session.claim(first.record.claimCode, publicName, secrets.password);
  await network.joinWaiting(first);
});

after(async () => {
  await owner?.close();
  await network.stop();
  transport.close();
  await centralRecorder.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Surface {
  readonly name: string;
  readonly path: string;
  /** A folder below it that is no part of it. */
  readonly except?: string;
}

/** Every other device's disk, and central's. */
const othersDisks = (): readonly Surface[] => [
  ...network.devices.slice(1).map(({ number, folder: path }) => ({ name: `disk of device ${number}`, path })),
  { name: "disk of central", path: join(network.options.folder, "central") },
];

/** As a thief would get it: without what the open volume shows. */
const ownersDisk = (): Surface => {
  const path = network.device(1).folder;
  return { name: "the owner's disk", path, except: join(path, "volume/mount") };
};

const disks = (): readonly Surface[] => [...othersDisks(), ownersDisk()];

/** The owner's own log is among them. */
const logs = (): readonly Surface[] =>
  [network.central, ...network.devices.map((device) => device.process)].map(({ name, logFile }) => ({
    name: `log of ${name}`,
    path: logFile,
  }));

const handedToPeers = (): Surface => ({ name: "bytes handed to the transport", path: transport.path });
const handedToCentral = (): readonly Surface[] =>
  readdirSync(recorded)
    .filter((name) => name.startsWith("to-central-"))
    .map((name) => ({ name: "bytes handed to central", path: join(recorded, name) }));

const surfaces = (): readonly Surface[] => [...disks(), ...logs(), handedToPeers(), ...handedToCentral()];

function leaks(oracle: LeakOracle): readonly string[] {
  return surfaces().flatMap(({ name, path, except }) =>
    oracle.searchPath(path, except).map(({ secret, form, place }) => `${secret}, ${form}: ${name}, ${place}`),
  );
}

const formsFound = (found: readonly Finding[]): readonly string[] => [...new Set(found.map(({ form }) => form))].sort();

/** The text in every form the oracle knows, each between other bytes, made in other ways than the oracle makes them. */
function everyForm(text: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(text, "ascii");
  const forms = new Map<string, string | Buffer>([
    ["raw", bytes],
    ["hex", bytes.toString("hex")],
    ["upper-case hex", bytes.toHex().toUpperCase()],
    ["UTF-16LE", Buffer.from([...bytes].flatMap((byte) => [byte, 0]))],
    ["UTF-16BE", Buffer.from([...bytes].flatMap((byte) => [0, byte]))],
  ]);
  for (const alignment of [0, 1, 2]) {
    const within = Buffer.concat([randomBytes(3 + alignment), bytes, randomBytes(4)]);
    forms.set(`base64 at ${alignment}`, within.toString("base64"));
  }
  return new Map(
    [...forms].map(([form, text]) => [form, Buffer.concat([randomBytes(7), Buffer.from(text), randomBytes(9)])]),
  );
}

const allForms = [...everyForm("")].map(([form]) => form).sort();

test("the oracle sees a canary in every form on every disk, in a database and in its journal", () => {
  for (const { name, path } of disks()) {
    const planted = canary("planted");
    const oracle = new LeakOracle();
    oracle.add("planted", planted);
    const place = join(path, "planted");
    mkdirSync(place);
    writeFileSync(join(place, "forms"), Buffer.concat([...everyForm(planted).values()]));
    assert.deepEqual(formsFound(oracle.searchPath(path)), allForms, name);
    rmSync(join(place, "forms"));
    assert.deepEqual(oracle.searchPath(path), [], name);

    const db = new DatabaseSync(join(place, "planted.db"));
    db.exec("PRAGMA encoding = 'UTF-16be'; PRAGMA journal_mode = WAL; CREATE TABLE planted (text TEXT, bytes BLOB)");
    db.prepare("INSERT INTO planted VALUES (?, ?)").run(planted, Buffer.from(planted));
    const inJournal = oracle.searchPath(path);
    assert.deepEqual(formsFound(inJournal), ["UTF-16BE", "raw"], name);
    assert.ok(inJournal.every((found) => found.place.includes("planted.db-wal at ")));
    db.close();
    assert.deepEqual(formsFound(oracle.searchPath(join(place, "planted.db"))), ["UTF-16BE", "raw"], name);
    rmSync(place, { recursive: true });
    assert.deepEqual(oracle.searchPath(path), [], name);
  }
});

test("the oracle sees a canary in every form in every log", () => {
  for (const { name, path } of logs()) {
    const planted = canary("planted");
    const oracle = new LeakOracle();
    oracle.add("planted", planted);
    const bytes = Buffer.concat([...everyForm(planted).values()]);
    appendFileSync(path, bytes);
    assert.deepEqual(formsFound(oracle.searchPath(path)), allForms, name);
    const content = readFileSync(path);
    const at = content.indexOf(bytes);
    writeFileSync(path, Buffer.concat([content.subarray(0, at), content.subarray(at + bytes.length)]));
    assert.deepEqual(oracle.searchPath(path), [], name);
  }
});

/** Sends one request as the owner's device to the device with the number. */
async function askPeer(number: number, message: Message): Promise<Message> {
  const { peerPort } = network.device(number).record;
  const target = [...transport.targets.values()].find(({ addresses }) =>
    addresses.some((address) => address.includes(`/tcp/${peerPort}/`)),
  );
  assert.ok(target !== undefined, `the owner has not yet spoken to device ${number}`);
  return transport.transport.request(target, message, { maxBodyBytes: 0, signal: new AbortController().signal });
}

test("the oracle sees a canary in what is handed to peers and to central", async () => {
  const planted = canary("planted");
  const oracle = new LeakOracle();
  oracle.add("planted", planted);
  const bytes = Buffer.concat([...everyForm(planted).values()]);
  const { path } = handedToPeers();
  const cleanBytes = statSync(path).size;
  const refused = decodeResponse((await askPeer(2, { frame: bytes, body: [] })).frame);
  assert.ok(refused.type === "refused" && refused.code === "malformed");
  assert.deepEqual(formsFound(oracle.searchPath(path)), allForms);
  truncateSync(path, cleanBytes);

  const before = new Set(handedToCentral().map((surface) => surface.path));
  await textOf(await loopbackRequest(`${centralOrigin}/planted`, { method: "POST", body: bytes }));
  const fresh = handedToCentral().filter((surface) => !before.has(surface.path));
  assert.deepEqual(formsFound(fresh.flatMap((surface) => oracle.searchPath(surface.path))), allForms);
  for (const surface of fresh) truncateSync(surface.path, 0);
  assert.deepEqual(leaks(oracle), []);
});

const ownAccount = async (): Promise<string> =>
  (await network.device(1).session.call<{ self: string }>("GET", "/network")).self;

test("the oracle sees a fragment that is stored in the clear, on its way and on the holder's disk", async () => {
  const planted = canary("planted");
  const oracle = new LeakOracle();
  oracle.add("planted", planted);
  const { hash } = await createBlake3();
  const body = Buffer.concat([randomBytes(100), Buffer.from(planted), randomBytes(100)]);
  const account = Buffer.from(await ownAccount(), "hex");
  const segmentId = randomBytes(16);
  const roots = [fragmentRoot([hash(body)], body.length, hash)];
  const header = { key: { account, segmentId, index: 0 }, k: 1, n: 1, fragmentBytes: body.length, roots };
  const cleanBytes = statSync(handedToPeers().path).size;
  const stored = await askPeer(2, {
    frame: encodeRequest({ type: "store", account, headerBytes: encodeHeader(header), bodyBytes: body.length }),
    body: [body],
  });
  assert.equal(decodeResponse(stored.frame).type, "stored");
  const found = leaks(oracle);
  assert.deepEqual(
    found.map((text) => text.split(", /")[0]),
    ["planted, raw: disk of device 2", "planted, raw: bytes handed to the transport"],
  );
  await askPeer(2, { frame: encodeRequest({ type: "remove", account, segmentIds: [segmentId] }), body: [] });
  truncateSync(handedToPeers().path, cleanBytes);
  assert.deepEqual(leaks(oracle), []);
});

test("the oracle sees what members may know, the owner's name, in the running databases of all others", async () => {
  const oracle = new LeakOracle();
  oracle.add("name", publicName);
  for (const { name, path } of othersDisks()) {
    await until(`${name} knows the name`, () => Promise.resolve(oracle.searchPath(path).length > 0));
  }
  assert.ok(handedToCentral().some(({ path }) => oracle.searchPath(path).length > 0));
});

/** Every stretch of twice the text's length holds the text once, also where chunks, cells and segments begin and end. */
function filledWith(text: string, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, text);
}

async function upload(
  session: DeviceSession,
  file: { readonly name: string; readonly content: Buffer; readonly parent?: string; readonly onConflict?: string },
): Promise<Uploaded> {
  const base64 = (value: string): string => Buffer.from(value).toString("base64");
  const metadata = {
    filename: file.name,
    parent: file.parent ?? "root",
    mediaType: `application/${secrets["media type"]}`,
    onConflict: file.onConflict ?? "refuse",
  };
  const reply = await session.raw("POST", "/uploads", {
    headers: {
      "tus-resumable": "1.0.0",
      "upload-length": String(file.content.length),
      "upload-metadata": Object.entries(metadata)
        .map(([key, value]) => `${key} ${base64(value)}`)
        .join(","),
    },
  });
  await textOf(reply);
  const id = String(reply.headers.location).split("/").at(-1) ?? "";
  const source = {
    filename: file.name,
    sizeBytes: file.content.length,
    content: (offset: number) => Readable.from([file.content.subarray(offset)], { objectMode: false }),
  };
  return sendUpload(session, id, source, 0);
}

async function isReadBack(session: DeviceSession, { nodeId }: Uploaded, content: Buffer): Promise<void> {
  const { digest } = await downloadDigest(session, nodeId);
  assert.equal(digest, createHash("sha256").update(content).digest("hex"));
}

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "no refusal",
    (error: unknown) => {
      if (error instanceof DeviceProblem) return error.problem.code;
      throw error;
    },
  );
}

/** Gives up an upload after its first segment is stored. */
async function uploadInVain(session: DeviceSession): Promise<void> {
  const content = filledWith(secrets["content of an aborted file"], segmentPlainBytes + 100_000);
  const source = {
    filename: secrets["aborted file name"],
    sizeBytes: 2 * segmentPlainBytes,
    content: () => {
      const body = new Readable({ read: () => undefined });
      body.push(content);
      return body;
    },
  };
  const id = await createUpload(session, source);
  const abort = new AbortController();
  const sending = sendUpload(session, id, source, 0, abort.signal).catch(() => undefined);
  await until("the first segment is stored", async () => (await uploadOffset(session, id)) === segmentPlainBytes);
  abort.abort();
  await sending;
  await textOf(await session.raw("DELETE", `/uploads/${id}`, { headers: { "tus-resumable": "1.0.0" } }));
}

/** How many entries of the owner's log, and how many slots, a device keeps as a witness. */
function keptByWitness(number: number, account: string): readonly [number, number] {
  const db = new DatabaseSync(join(contentOf(network, number), "witness.db"), { readOnly: true });
  const count = (table: string): number =>
    Number(
      db.prepare(`SELECT count(*) AS count FROM ${table} WHERE account = ?`).get(Buffer.from(account, "hex"))?.[
        "count"
      ],
    );
  const counts = [count("witnessed_entry"), count("kept_slot")] as const;
  db.close();
  return counts;
}

interface Backups {
  readonly backups: readonly { readonly place: string }[];
}

/** Two backups of an app in the network, one of them made while the device was locked. */
async function backUpApp(session: DeviceSession, app: SecretiveApp): Promise<void> {
  const backUp = async (): Promise<void> => {
    await session.finish(await session.call<TaskView>("POST", `/apps/${app.id}/backup`));
  };
  await app.install();
  await backUp();
  await session.call("POST", "/lock");
  app.change();
  await backUp();
  await session.signIn(secrets.password);
  const { backups } = await session.call<Backups>("GET", `/apps/${app.id}/backups`);
  assert.deepEqual(
    backups.map(({ place }) => place),
    ["network", "network"],
  );
}

/** What lies on the owner's open volume and must be nowhere else. Returns how many file keys are among it. */
function addOwnersSecrets(oracle: LeakOracle): number {
  const found = secretsOf(network, 1, phrase);
  for (const [name, secret] of found) oracle.add(name, secret);
  oracle.add("recovery phrase", phrase);
  return [...found.keys()].filter((name) => name.startsWith("file key ")).length;
}

function addInvitation(oracle: LeakOracle, secret: string, text: string): void {
  oracle.add(secret, decodeInvitation(text.trim()).invitation.revealSecret());
}

/** Ids of the segments that others keep fragments of, in hex. */
function segmentsOf(account: string): ReadonlySet<string> {
  const names = network.devices.slice(1).flatMap((device) => {
    const path = join(contentOf(network, device.number), "fragments", account);
    return existsSync(path) ? readdirSync(path) : [];
  });
  return new Set(names.map((name) => name.slice(0, 32)));
}

test("nothing of the owner's reaches another disk, a log, a peer or central", async () => {
  const { session, record } = network.device(1);
  const account = await ownAccount();
  const oracle = new LeakOracle();
  for (const [name, value] of Object.entries(secrets)) oracle.add(name, value);
  oracle.add("claim code", record.claimCode);

  const stranger = new DeviceSession(network.device(1).origin);
  assert.equal(await refusal(stranger.signIn(secrets["wrong password"])), "wrong-password");
  const home = await session.call<{ id: string }>("POST", "/files/folders", {
    parent: "root",
    name: secrets["folder name"],
  });

  // Among five members a fragment is a masked copy of the whole segment.
  const small = filledWith(secrets["content of a small file"], 1_000);
  const large = filledWith(secrets["content of a large file"], segmentPlainBytes + 300_000);
  const first = await upload(session, { name: secrets["file name"], content: small, parent: home.id });
  const again = { name: secrets["file name"], content: small, parent: home.id };
  assert.equal(await refusal(upload(session, again)), "name-taken");
  const second = await upload(session, { name: secrets["large file name"], content: large, parent: home.id });
  const newer = filledWith(secrets["content of a second version"], 70_000);
  const version = { name: secrets["file name"], content: newer, parent: home.id, onConflict: "version" };
  await upload(session, version);
  await uploadInVain(session);
  await isReadBack(session, first, newer);
  await isReadBack(session, second, large);

  const app = new SecretiveApp(session, images);
  const ofFiles = segmentsOf(account);
  await backUpApp(session, app);
  const ofBackups = segmentsOf(account).difference(ofFiles);
  assert.ok(ofBackups.size > 0);
  await app.addSecrets(oracle);
  app.addNames(oracle);

  // A systematic code puts ciphertext as it is into the first k fragments.
  await owner?.close();
  await openOwner(["--policy", "2-of-4", "--insecure-drills"]);
  await session.signIn(secrets.password);
  await network.allOnline(network.device(1));
  const coded = filledWith(secrets["content of a coded file"], segmentPlainBytes + 300_000);
  const third = await upload(session, { name: "coded", content: coded, parent: home.id });
  assert.equal(third.placement, "durable");
  await session.call("PATCH", `/files/${first.nodeId}`, { name: secrets["new file name"] });
  await session.call("PATCH", `/files/${home.id}`, { name: secrets["new folder name"] });
  await session.call("GET", `/files/search?q=${secrets["searched text"]}`);
  assert.equal(await refusal(session.call("GET", `/files/${secrets["searched text"]}`)), "not-found");
  await isReadBack(session, third, coded);
  await isReadBack(session, second, large);

  // The secret of the invitation this owner used is on its inviter's disk, too, and there alone.
  const handedOver = readFileSync(join(network.options.folder, "handed-over/invitation-1"), "utf8");
  addInvitation(oracle, "invitation that was used", handedOver);
  addInvitation(oracle, "open invitation", await network.invite(network.device(1), [network.device(2)]));
  const isInvitersOwn = (leak: string): boolean => /^invitation that was used, .*: disk of device 2, /.test(leak);
  // The owner's own log, which a device has in memory alone, says which app something happened to.
  const ownLog = `: log of ${network.device(1).process.name}, `;
  const isNamedInLog = (leak: string): boolean => leak.startsWith("id of an app, raw") && leak.includes(ownLog);
  const unexpected = (): readonly string[] =>
    leaks(oracle).filter((leak) => !isInvitersOwn(leak) && !isNamedInLog(leak));

  assert.ok(addOwnersSecrets(oracle) >= 4);
  assert.ok(segmentsOf(account).size > ofBackups.size);
  // Where the owner's metadata and slot lie: at every witness, and in central's vault.
  await until("witnesses and central have the log and the slot", async () => {
    const { slots } = await session.call<SecurityView>("GET", "/security");
    const kept = network.devices.slice(1).map(({ number }) => keptByWitness(number, account));
    return slots.phrase.atCentral && kept.every(([entries, slotCount]) => entries > 0 && slotCount === 1);
  });
  const carriedBytes = statSync(transport.path).size;
  assert.ok(carriedBytes > 4 * large.length + 2 * coded.length, `only ${carriedBytes} bytes went to the peers`);
  assert.deepEqual(unexpected(), []);

  await session.call("DELETE", `/files/${home.id}`);
  await session.finish(await session.call<TaskView>("DELETE", "/trash"));
  await until("the holders forget what was deleted", () => Promise.resolve(segmentsOf(account).isSubsetOf(ofBackups)));
  await Promise.all(network.devices.slice(1).map((device) => device.process.stop()));
  assert.equal(await refusal(session.call("GET", `/files/${first.nodeId}`)), "not-found");
  assert.deepEqual(unexpected(), []);
});
