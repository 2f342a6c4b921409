/**
 * What the owner's metadata costs: bytes in the database, bytes a commit sends to every witness, the time from the phrase
 * to a tree that can be browsed, and small writes a second; the last two through ten devices on this machine.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realWorld } from "@piccolo/world/real";
import { openDatabase } from "../programs/piccolod/src/db/database.ts";
import { SqliteMetadata } from "../programs/piccolod/src/db/metadata.ts";
import { openOwnerDatabase } from "../programs/piccolod/src/db/owner-database.ts";
import { ownerMigrations } from "../programs/piccolod/src/db/owner-schema.ts";
import { FileStore } from "../programs/piccolod/src/files/store.ts";
import { rootId } from "../programs/piccolod/src/files/types.ts";
import { cpuSeconds, type Figure, formatNumber, median, type Report } from "./harness.ts";
import { type DeviceFigures, measureDevices } from "./metadata-devices.ts";
import { code, fileBytes, fileCount, fill, folderCount, openOwner, sharing, writeAlone } from "./owner-fill.ts";

const singleCommits = 1_000;

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

async function load(path: string, pieces: readonly Uint8Array[], digest: Uint8Array): Promise<number> {
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

function deviceFigures(devices: DeviceFigures, loadSeconds: number): readonly Figure[] {
  const { restoreSeconds, deltas, alone, parallel } = devices;
  const beside = ({ synced }: { readonly synced: number }, how: string): string =>
    `${formatNumber(synced)} of the same files synced by one process, ${how}`;
  return [
    {
      key: "restoreSeconds",
      value: restoreSeconds,
      unit: "s",
      reference: `phrase to browsable tree through devices, ${deltas} deltas on top; ${formatNumber(loadSeconds)} of it loading`,
      goal: { atMost: 20 },
    },
    {
      key: "smallWritesPerSecond",
      value: alone.written,
      unit: "files/s",
      reference: beside(alone, "one at a time"),
    },
    { key: "smallWritesVsSynced", value: alone.written / alone.synced, unit: "ratio" },
    {
      key: "smallWritesPerSecond16",
      value: parallel.written,
      unit: "files/s",
      reference: beside(parallel, "16 at a time"),
    },
    { key: "smallWritesVsSynced16", value: parallel.written / parallel.synced, unit: "ratio" },
  ];
}

export async function run(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-metadata-"));
  try {
    const path = join(folder, "owner.db");
    const device = await openOwner(path);
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
    const loadSeconds = await load(join(folder, "restored.db"), pieces, snapshot.digest);
    const cost = commitCosts(folder);
    const devices = await measureDevices({ pieces, digest: snapshot.digest, fileCount, folderCount });

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
        key: "loadSeconds",
        value: loadSeconds,
        unit: "s",
        reference: "from the checkpoint's bytes to a browsable tree, in one process",
      },
      {
        key: "capturedCommitMicroseconds",
        value: cost.captured,
        unit: "CPU us",
        reference: `${formatNumber(cost.plain)} without outbox and digest`,
      },
      ...deviceFigures(devices, loadSeconds),
    ];
    return {
      about: `${fileCount} files of ${fileBytes / 1024} KiB in ${folderCount} folders, half of them sharing segments`,
      figures,
      notes: [
        `a shared segment holds ${sharing} files, committed through the metadata port as a group commit does`,
        "up to loadSeconds holders keep nothing; uploads are forgotten once finished, where a device keeps them for a day",
        "the ten devices share this machine: each of their writes is that many syncs of its disk, and none of a network's",
      ],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
