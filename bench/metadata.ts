/**
 * What the owner's metadata costs: bytes in the database, bytes a commit sends to every witness, and the time from a
 * checkpoint to a tree that can be browsed. Files go through the engine over holders in memory.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
import { openDatabase, transact } from "../programs/piccolod/src/db/database.ts";
import { SqliteMetadata } from "../programs/piccolod/src/db/metadata.ts";
import { openOwnerDatabase, type OwnerDatabase } from "../programs/piccolod/src/db/owner-database.ts";
import { ownerMigrations } from "../programs/piccolod/src/db/owner-schema.ts";
import { FileStore } from "../programs/piccolod/src/files/store.ts";
import { Tree } from "../programs/piccolod/src/files/tree.ts";
import { rootId } from "../programs/piccolod/src/files/types.ts";
import { UploadStore } from "../programs/piccolod/src/files/upload-store.ts";
import { cpuSeconds, type Figure, formatNumber, median, type Report } from "./harness.ts";

const fileCount = 100_000;
const folderCount = 1_000;
const fileBytes = 16 * 1024;
/** Files whose extents one segment takes where small files share them. */
const sharing = 64;
const sealedBytes = fileBytes + 16;
const singleCommits = 1_000;
const code = { k: 3, n: 9 };
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
class Device {
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

async function setUp(path: string): Promise<Device> {
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
  return new Device(owner, engine);
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

function begin({ owner, engine, uploads }: Device, parent: number, file: number): Upload {
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

function complete({ owner, engine, uploads, tree }: Device, { uploadId, versionId, parent, name }: Upload): void {
  transact(owner.db, () => {
    const nowMs = realWorld.nowMs();
    engine.completeVersion(versionId, fileBytes);
    const version = { version_id: versionId, media_type: "image/jpeg", modified_at_ms: nowMs, uploaded_at_ms: nowMs };
    uploads.finish(uploadId, tree.land({ parent, name, onConflict: "refuse", version }, nowMs), nowMs);
  });
  // Kept for a day where it is real; a thousand of a day's uploads would be no part of what a file costs.
  uploads.delete(uploadId);
}

/** A file with a segment of its own, as the engine writes it. */
async function writeAlone(device: Device, parent: number, file: number): Promise<void> {
  const upload = begin(device, parent, file);
  const writer = device.engine.writer(upload.versionId, never);
  await writer.write(new Uint8Array(fileBytes).fill(file));
  await writer.finish();
  complete(device, upload);
}

/** Files that share a segment, committed as a group commit does: one segment, an extent each. */
function writeTogether(device: Device, like: SegmentRecord, group: readonly { parent: number; file: number }[]): void {
  const all = group.map(({ parent, file }) => begin(device, parent, file));
  const segment: SegmentRecord = {
    ...like,
    segmentId: realWorld.randomBytes(16),
    segmentRoot: realWorld.randomBytes(32),
    sealedBytes: group.length * sealedBytes,
    fragmentBytes: Math.ceil((group.length * sealedBytes) / code.k / 4096) * 4096,
    createdAtMs: realWorld.nowMs(),
  };
  transact(device.owner.db, () => {
    for (const [at, { versionId }] of all.entries()) {
      device.owner.metadata.commitExtent(
        {
          versionId,
          ordinal: 0,
          segmentId: segment.segmentId,
          offsetBytes: at * sealedBytes,
          plainBytes: fileBytes,
          salt: realWorld.randomBytes(16),
        },
        segment,
      );
    }
  });
  for (const upload of all) complete(device, upload);
}

/** Folder by folder, and every other file alone: what an owner who uploads folders does. */
async function fill(device: Device): Promise<void> {
  const { owner, tree } = device;
  const [perFolder, waiting] = [fileCount / folderCount, [] as { parent: number; file: number }[]];
  for (let folder = 0; folder < folderCount; folder++) {
    const parent = transact(owner.db, () => tree.add({ parent: rootId, name: `Folder ${folder}` }, realWorld.nowMs()));
    for (let file = folder * perFolder; file < (folder + 1) * perFolder; file++) {
      if (file % 2 === 0) await writeAlone(device, parent, file);
      else waiting.push({ parent, file });
      const [like] = waiting.length === sharing ? owner.metadata.segmentsIn("placed", 1) : [];
      if (like !== undefined) writeTogether(device, like, waiting.splice(0));
    }
    device.flush();
    if (folder % 10 === 9) device.forget();
  }
  const [like] = owner.metadata.segmentsIn("placed", 1);
  if (like !== undefined && waiting.length > 0) writeTogether(device, like, waiting);
  device.flush();
  device.forget();
}

/** CPU microseconds of a small commit, with and without what backs it up. */
function commitCosts(folder: string): { readonly plain: number; readonly captured: number } {
  const count = 5_000;
  const version = (): { versionId: Uint8Array; wrappedFek: Uint8Array; fekEpoch: number } => ({
    versionId: realWorld.randomBytes(16),
    wrappedFek: realWorld.randomBytes(85),
    fekEpoch: 1,
  });
  const rate = (metadata: SqliteMetadata): number => {
    const start = cpuSeconds();
    for (let at = 0; at < count; at++) metadata.beginVersion(version());
    return ((cpuSeconds() - start) / count) * 1e6;
  };
  const options = { name: "owner", synchronous: "NORMAL", migrations: ownerMigrations } as const;
  const plainDb = openDatabase(join(folder, "plain.db"), options);
  const captured = openOwnerDatabase(join(folder, "captured.db"));
  captured.db.exec("PRAGMA synchronous = NORMAL");
  const plain = new SqliteMetadata(plainDb);
  const rounds = Array.from({ length: 3 }, () => ({ plain: rate(plain), captured: rate(captured.metadata) }));
  plainDb.close();
  captured.close();
  return { plain: median(rounds.map((one) => one.plain)), captured: median(rounds.map((one) => one.captured)) };
}

async function restore(path: string, pieces: readonly Uint8Array[], digest: Uint8Array): Promise<number> {
  async function* arriving(): AsyncGenerator<Uint8Array> {
    yield* pieces;
  }
  const entry = { sequence: 1, kind: "checkpoint", deviceEpoch: 1, hash: new Uint8Array(32).fill(1) } as const;
  const startMs = performance.now();
  const owner = openOwnerDatabase(path);
  await owner.log.load(arriving(), { ...entry, head: new Uint8Array(1), sealed: new Uint8Array(1) }, digest);
  const listed = new FileStore(owner.db).list(rootId, "name", "asc", undefined, 200);
  const seconds = (performance.now() - startMs) / 1000;
  if (listed.length !== 200) throw new Error("the restored tree has no folders");
  owner.close();
  return seconds;
}

export async function run(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-metadata-"));
  try {
    const path = join(folder, "owner.db");
    const device = await setUp(path);
    await fill(device);
    const { owner } = device;
    owner.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    const databaseBytes = statSync(path).size;

    let deltas = { entries: 0, bytes: 0 };
    for (let file = 0; file < singleCommits; file++) {
      await writeAlone(device, rootId, fileCount + file);
      const { entries, bytes } = device.flush();
      deltas = { entries: deltas.entries + entries, bytes: deltas.bytes + bytes };
    }

    const snapshotStartMs = performance.now();
    const snapshot = owner.log.snapshot();
    const pieces = Array.from(snapshot.pieces(), (piece) => piece.slice());
    snapshot.close();
    const snapshotSeconds = (performance.now() - snapshotStartMs) / 1000;
    const snapshotBytes = pieces.reduce((sum, { length }) => sum + length, 0);
    await device.engine.stop();
    owner.close();
    const restoreSeconds = await restore(join(folder, "restored.db"), pieces, snapshot.digest);
    const cost = commitCosts(folder);

    const figures: readonly Figure[] = [
      {
        key: "dbBytesPerFile",
        value: databaseBytes / fileCount,
        unit: "bytes",
        reference: `${code.n} full ids and roots alone would be ${code.n * 64}`,
        goal: { atMost: 500 },
      },
      {
        key: "deltaBytesPerFile",
        value: deltas.bytes / singleCommits,
        unit: "bytes",
        reference: `${deltas.entries} deltas for ${singleCommits} files`,
        goal: { atMost: 1280 },
      },
      {
        key: "checkpointMB",
        value: snapshotBytes / 1e6,
        unit: "MB",
        reference: `the database has ${formatNumber(databaseBytes / 1e6)}`,
      },
      { key: "snapshotSeconds", value: snapshotSeconds, unit: "s", reference: `${pieces.length} pieces` },
      {
        key: "restoreSeconds",
        value: restoreSeconds,
        unit: "s",
        reference: "from the checkpoint's bytes to a browsable tree, in one process",
        goal: { atMost: 20 },
      },
      {
        key: "capturedCommitMicroseconds",
        value: cost.captured,
        unit: "CPU us",
        reference: `${formatNumber(cost.plain)} without outbox and digest`,
      },
    ];
    return {
      about: `${fileCount} files of ${fileBytes / 1024} KiB in ${folderCount} folders, half of them sharing segments`,
      figures,
      notes: [
        `a shared segment holds ${sharing} files, committed through the metadata port as a group commit does`,
        "holders keep nothing; uploads are forgotten once finished, where a device keeps them for a day",
      ],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
