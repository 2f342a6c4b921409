/** 100,000 files as their owner's device has them, put into a database through the engine over holders in memory. */
import { createHash } from "node:crypto";
import { fromHex } from "@piccolo/bytes";
import { deriveOwnerKeys, ed25519FromSeed, sealMetadata, signStatement } from "@piccolo/envelope";
import { CrashDisk } from "@piccolo/storage/fakes";
import { encodeDelta, noHash, sealedHashOf, signHead, storedEntryOf } from "@piccolo/storage/log";
import { createOwnerEngine, type OwnerEngine, WireHolderClient } from "@piccolo/storage/owner";
import { fixedPolicy } from "@piccolo/storage/policy";
import {
  type HolderView,
  type Members,
  type PeerTransport,
  type SegmentRecord,
  type StoredEntry,
  transportFaults,
} from "@piccolo/storage/ports";
import { decodeRequest, encodeResponse } from "@piccolo/wire";
import { realWorld } from "@piccolo/world/real";
import { createBlake3 } from "../programs/piccolod/src/adapters/fragment-hash.ts";
import { transact } from "../programs/piccolod/src/db/database.ts";
import { openOwnerDatabase, type OwnerDatabase } from "../programs/piccolod/src/db/owner-database.ts";
import { FileStore } from "../programs/piccolod/src/files/store.ts";
import { Tree } from "../programs/piccolod/src/files/tree.ts";
import { rootId } from "../programs/piccolod/src/files/types.ts";
import { UploadStore } from "../programs/piccolod/src/files/upload-store.ts";

export const fileCount = 100_000;
export const folderCount = 1_000;
export const fileBytes = 16 * 1024;
/** Files whose extents one segment takes where small files share them. */
export const sharing = 64;
const sealedBytes = fileBytes + 16;
export const code = { k: 3, n: 9 };
const appendLimitBytes = 1024 * 1024;
const never = new AbortController().signal;

/** Holders that say they stored what they were sent. */
const agreeing: PeerTransport = {
  request: (_, { frame, body }) => {
    if (decodeRequest(frame).type !== "store") {
      return Promise.reject(transportFaults.fault("peer-unreachable", "this holder only stores"));
    }
    // The body is drawn as a real one is; its bytes are nobody's here.
    for (const piece of body) piece.subarray(0, 0);
    return Promise.resolve({ frame: encodeResponse({ type: "stored" }), body: [] });
  },
};

/** The device's part that the figures are of, and the log entries it makes. */
export class OwnerUnderTest {
  readonly owner: OwnerDatabase;
  readonly engine: OwnerEngine;
  readonly tree: Tree;
  readonly uploads: UploadStore;
  readonly #keys = deriveOwnerKeys(new Uint8Array(32).fill(1), 1);
  readonly #deviceKey = ed25519FromSeed(new Uint8Array(32).fill(2));

  constructor(owner: OwnerDatabase, engine: OwnerEngine) {
    this.owner = owner;
    this.engine = engine;
    this.tree = new Tree(new FileStore(owner.db));
    this.uploads = new UploadStore(owner.db);
  }

  /** Makes entries of what waits, as the product seals and signs them; gives their bytes. */
  flush(): { readonly entries: number; readonly bytes: number } {
    const { log } = this.owner;
    let [entries, bytes] = [0, 0];
    while (log.waiting) {
      const entry = log.append(appendLimitBytes, (changes) => this.#entry(changes.payload, changes.digest));
      if (entry === undefined) break;
      entries++;
      bytes += entry.head.length + entry.sealed.length;
    }
    return { entries, bytes };
  }

  /** What is witnessed and in a checkpoint is forgotten. */
  forget(): void {
    const { log } = this.owner;
    log.forgetBefore(log.position().sequence + 1);
  }

  #entry(changes: Uint8Array, digest: Uint8Array): StoredEntry {
    const position = this.owner.log.position();
    const { account } = this.#keys;
    const sequence = position.sequence + 1;
    const { schemaVersion } = this.owner.log;
    const plain = encodeDelta({ digest, changes });
    const context = { account, epoch: 1, sequence, kind: "delta", schemaVersion, previousHash: position.hash } as const;
    const sealed = sealMetadata(this.#keys.metadataKey(), context, plain, realWorld);
    const head = signHead(
      {
        kind: "delta",
        network: new Uint8Array(32).fill(3),
        account,
        deviceEpoch: 1,
        keyEpoch: 1,
        sequence,
        previousHash: sequence === 1 ? noHash : position.hash,
        sealedHash: sealedHashOf(sealed),
        sealedBytes: sealed.length,
        schemaVersion,
        checkpoint: 0,
        witnessSet: { logLength: 10, headHash: new Uint8Array(32).fill(4) },
        timeMs: realWorld.nowMs(),
      },
      (statement) => signStatement(this.#deviceKey, statement),
    );
    return storedEntryOf(head, sealed);
  }
}

export async function openOwner(path: string): Promise<OwnerUnderTest> {
  const { hash } = await createBlake3();
  const keys = deriveOwnerKeys(new Uint8Array(32).fill(1), 1);
  const views = Array.from({ length: code.n }, (_, at): HolderView => {
    const account = createHash("sha256").update(`holder ${at}`).digest("hex");
    const facts = { name: account, addresses: [], online: true, lastSeenMs: realWorld.nowMs(), roundTripMs: 1 };
    return { ...facts, account, deviceKey: fromHex(account), domain: account };
  });
  const members: Members = { holders: () => views, onChange: () => () => undefined };
  const owner = openOwnerDatabase(path);
  // The figures are bytes and processor time; a disk's time to sync is another benchmark's.
  owner.db.exec("PRAGMA synchronous = OFF");
  const engine = await createOwnerEngine({
    codec: { account: keys.account, maskKey: keys.metadataKey(), hash },
    keys: () => keys,
    sealFek: (fek, versionId) => ({ wrappedFek: keys.wrapFek(fek, versionId), fekEpoch: keys.epoch }),
    world: realWorld,
    metadata: owner.metadata,
    members,
    holderClient: new WireHolderClient({ ownAccount: keys.account, transport: agreeing, members, hash }),
    spoolDisk: new CrashDisk(),
    spoolLimitBytes: 0,
    policy: fixedPolicy(code),
    ownDomain: "home",
    memoryLimitBytes: 32 * 1024 * 1024,
    events: { committed: () => undefined, placementChanged: () => undefined },
    crashPoint: () => undefined,
    report: () => undefined,
  });
  return new OwnerUnderTest(owner, engine);
}

interface Upload {
  readonly uploadId: Uint8Array;
  readonly versionId: Uint8Array;
  readonly parent: number;
  readonly name: string;
}

/** 24 characters; a camera's upper case in half of them. */
function nameOf(file: number): string {
  return `${file % 4 < 2 ? "IMG_" : "img_"}${String(file).padStart(10, "0")}_photo.jpg`;
}

function begin({ owner, engine, uploads }: OwnerUnderTest, parent: number, file: number): Upload {
  return transact(owner.db, () => {
    const upload = { uploadId: realWorld.randomBytes(16), ...engine.beginVersion(), parent, name: nameOf(file) };
    const nowMs = realWorld.nowMs();
    uploads.insert({
      upload_id: upload.uploadId,
      version_id: upload.versionId,
      parent_id: parent,
      filename: upload.name,
      media_type: "image/jpeg",
      size_bytes: fileBytes,
      modified_at_ms: nowMs,
      on_conflict: "refuse",
      created_at_ms: nowMs,
      expires_at_ms: nowMs,
    });
    return upload;
  });
}

function complete(
  { owner, engine, uploads, tree }: OwnerUnderTest,
  { uploadId, versionId, parent, name }: Upload,
): void {
  transact(owner.db, () => {
    const nowMs = realWorld.nowMs();
    engine.completeVersion(versionId, fileBytes);
    const version = { version_id: versionId, media_type: "image/jpeg", modified_at_ms: nowMs, uploaded_at_ms: nowMs };
    uploads.finish(uploadId, tree.land({ parent, name, onConflict: "refuse", version }, nowMs), nowMs);
    // Kept for a day where it is real; a thousand of a day's uploads would be no part of what a file costs.
    uploads.delete(uploadId);
  });
}

async function send({ engine }: OwnerUnderTest, versionId: Uint8Array, file: number): Promise<void> {
  const writer = engine.writer(versionId, never);
  await writer.write(new Uint8Array(fileBytes).fill(file));
  await writer.finish();
}

/** A file with a segment of its own, as the engine writes it, in a commit a step. */
export async function writeAlone(device: OwnerUnderTest, parent: number, file: number): Promise<void> {
  const upload = begin(device, parent, file);
  await send(device, upload.versionId, file);
  complete(device, upload);
}

/** Files that share a segment, committed as a group commit does: one segment, an extent each. */
function writeTogether(device: OwnerUnderTest, like: SegmentRecord, group: readonly Upload[]): void {
  const segment: SegmentRecord = {
    ...like,
    segmentId: realWorld.randomBytes(16),
    segmentRoot: realWorld.randomBytes(32),
    sealedBytes: group.length * sealedBytes,
    fragmentBytes: Math.ceil((group.length * sealedBytes) / code.k / 4096) * 4096,
    createdAtMs: realWorld.nowMs(),
  };
  for (const [at, upload] of group.entries()) {
    const extent = { ordinal: 0, segmentId: segment.segmentId, offsetBytes: at * sealedBytes, plainBytes: fileBytes };
    const { versionId } = upload;
    device.owner.metadata.commitExtent({ versionId, ...extent, salt: realWorld.randomBytes(16) }, segment);
    complete(device, upload);
  }
}

/**
 * Folder by folder, and every other file alone: what an owner who uploads folders does. Files of a folder are begun and
 * completed in one commit each, which makes the filling short and the rows no other.
 */
export async function fill(device: OwnerUnderTest): Promise<void> {
  const { owner, tree } = device;
  const perFolder = fileCount / folderCount;
  const waiting: Upload[] = [];
  const writeWaiting = (atLeast: number): void => {
    while (waiting.length >= atLeast) {
      const [like] = owner.metadata.segmentsIn("placed", 1);
      if (like === undefined) throw new Error("no file has a segment of its own");
      writeTogether(device, like, waiting.splice(0, sharing));
    }
  };
  for (let folder = 0; folder < folderCount; folder++) {
    const begun = transact(owner.db, () => {
      const parent = tree.add({ parent: rootId, name: `Folder ${folder}` }, realWorld.nowMs());
      return Array.from({ length: perFolder }, (_, at) => begin(device, parent, folder * perFolder + at));
    });
    const alone = begun.filter((_, at) => at % 2 === 0);
    for (const [at, { versionId }] of alone.entries()) await send(device, versionId, folder * perFolder + 2 * at);
    waiting.push(...begun.filter((_, at) => at % 2 === 1));
    transact(owner.db, () => {
      for (const upload of alone) complete(device, upload);
      writeWaiting(sharing);
    });
    device.flush();
    if (folder % 10 === 9) device.forget();
  }
  if (waiting.length > 0) transact(owner.db, () => writeWaiting(1));
  device.flush();
  device.forget();
}
