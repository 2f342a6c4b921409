/** A backup on its way from the storage network into a local copy, from which an app can start. */
import { concat, equalConstantTime } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { OwnerEngine } from "@piccolo/storage/owner";
import type { SnapshotFiles, SnapshotWriter } from "../runtime/snapshot-files.ts";
import { chunkBytes, chunkHash, chunkLength, isEmptyChunk, unpackChunk } from "./chunks.ts";
import { type BackedUpChunk, type BackedUpVolume, type BackupDocument, decodeDocument } from "./document.ts";
import type { BackupStore } from "./store.ts";
import { backupFaults, type StoredBackup } from "./types.ts";

const lanes = 3;

export interface FetchingParts {
  readonly store: BackupStore;
  readonly files: SnapshotFiles;
  readonly engine: () => Pick<OwnerEngine, "read">;
}

/** Throws `locked` while the owner's keys are away, `app-backup-damaged`, and what reading throws. */
export async function readDocument(
  { engine }: Pick<FetchingParts, "engine">,
  { versionId, documentBytes, app }: StoredBackup,
  signal: AbortSignal,
): Promise<BackupDocument> {
  const bytes = await readAll(engine(), versionId, documentBytes, signal);
  try {
    const document = decodeDocument(bytes);
    if (document.app !== app) throw damaged("it is of another app");
    return document;
  } catch (error) {
    if (isFault(error, "malformed")) throw damaged(error.message);
    throw error;
  } finally {
    bytes.fill(0);
  }
}

/**
 * Brings the volumes of a backup into the local copy `snapshot`. Every chunk is compared with its hash, also those that an
 * earlier try brought: nothing else is fetched twice. Returns the bytes that were compared.
 */
export async function fetchVolumes(
  parts: FetchingParts,
  { volumes }: Pick<BackupDocument, "volumes">,
  snapshot: string,
  {
    signal,
    report,
  }: { readonly signal: AbortSignal; readonly report: (doneBytes: number, totalBytes: number) => void },
): Promise<number> {
  const sizes = volumes.flatMap(({ sizeBytes, chunks }) => chunks.map(({ index }) => chunkLength(sizeBytes, index)));
  const totalBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  let doneBytes = 0;
  const done = (bytes: number): void => report((doneBytes += bytes), totalBytes);
  for (const volume of volumes) {
    const writer = await parts.files.openPartial(snapshot, volume.name, volume.sizeBytes);
    try {
      await fetchVolume(parts, volume, writer, signal, done);
    } finally {
      await writer.close();
    }
  }
  await parts.files.complete(
    snapshot,
    volumes.map(({ name }) => name),
  );
  return totalBytes;
}

async function fetchVolume(
  parts: FetchingParts,
  { sizeBytes, chunks }: BackedUpVolume,
  writer: SnapshotWriter,
  signal: AbortSignal,
  done: (bytes: number) => void,
): Promise<void> {
  const waiting = [...chunks];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const lane = async (): Promise<void> => {
    try {
      for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) {
        either.throwIfAborted();
        const length = chunkLength(sizeBytes, chunk.index);
        const at = chunk.index * chunkBytes;
        const there = await writer.read(at, length);
        const isThere = !isEmptyChunk(there) && equalConstantTime(chunkHash(there), chunk.hash);
        if (!isThere) await writer.write(at, await fetchChunk(parts, chunk, length, either));
        done(length);
      }
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
  signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const one of ended) if (one.status === "rejected") throw one.reason;
}

async function fetchChunk(
  { engine, store }: FetchingParts,
  { versionId, storedBytes, hash }: BackedUpChunk,
  length: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const packed = await readAll(engine(), versionId, storedBytes, signal);
  try {
    return await unpackChunk(packed, length, hash);
  } catch (error) {
    if (!isFault(error, "malformed")) throw error;
    // The next backup stores it anew instead of trusting it.
    const known = store.findChunk(hash);
    if (known !== undefined) store.distrust(known.number);
    throw damaged(error.message);
  }
}

async function readAll(
  engine: Pick<OwnerEngine, "read">,
  versionId: Uint8Array,
  bytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of engine.read(versionId, { start: 0, end: bytes }, signal)) parts.push(part.slice());
  const whole = concat(...parts);
  if (whole.length !== bytes) throw damaged(`${whole.length} of ${bytes} bytes are there`);
  return whole;
}

function damaged(why: string): Error {
  return backupFaults.fault("app-backup-damaged", `the backup is not what was stored: ${why}`);
}
