/** A local copy of an app's data on its way into the storage network: only what is not there yet is stored. */
import { toHex } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import type { UnattendedVersions } from "../../owner/unattended-versions.ts";
import type { SnapshotFiles, SnapshotReader } from "../runtime/snapshot-files.ts";
import { exceedsBound } from "./chunk-bound.ts";
import { chunkBytes, chunkCount, chunkHash, chunkLength, isEmptyChunk, packChunk } from "./chunks.ts";
import {
  type BackedUpChunk,
  type BackedUpVolume,
  type BackupDocument,
  chunksMax,
  encodeDocument,
  volumeBytesMax,
} from "./document.ts";
import type { BackupStore } from "./store.ts";
import { backupFaults, type BackupFacts, type StoredBackup, type StoredChunk } from "./types.ts";

/** Chunks under way at once: enough that round trips to the holders overlap, few enough to leave memory to uploads. */
const lanes = 3;

export interface StoringParts {
  readonly store: BackupStore;
  readonly files: SnapshotFiles;
  readonly unattended: Pick<UnattendedVersions, "put">;
  readonly world: World;
  readonly crashPoint: (name: BackupCrashPoint) => void;
}

/** Moments at which a power cut must leave the backups there were, and nothing half. */
export const backupCrashPoints = [
  "app-chunk-stored",
  "before-app-backup",
  "app-backup-stored",
  "app-backup-fetched",
] as const;
export type BackupCrashPoint = (typeof backupCrashPoints)[number];

export interface BackupRequest {
  /** Of the local copy, and then of the backup. */
  readonly id: string;
  readonly document: Omit<BackupDocument, "volumes">;
  readonly volumes: readonly string[];
  readonly localImages: readonly string[];
}

export interface StoringProgress {
  readonly signal: AbortSignal;
  /** Of the bytes that have to be looked at. */
  readonly report: (doneBytes: number, totalBytes: number) => void;
  /** Chunks that must not be taken for unused while it runs. */
  readonly held: Set<number>;
}

/**
 * Throws what the engine throws (`too-few-holders` where the network is too small at the moment), `app-backup-too-large`
 * before anything is sent, and what reading the copy throws. What was stored before it failed is there for the next try.
 */
export async function storeBackup(
  parts: StoringParts,
  { id, document, volumes: names, localImages }: BackupRequest,
  progress: StoringProgress,
): Promise<StoredBackup> {
  const storing = new Storing(parts, progress);
  const volumes: BackedUpVolume[] = [];
  const readers: { readonly name: string; readonly reader: SnapshotReader }[] = [];
  try {
    for (const name of names.toSorted()) readers.push({ name, reader: await parts.files.open(id, name) });
    storing.expect(readers.reduce((sum, { reader }) => sum + reader.sizeBytes, 0));
    await storing.requireWithinBound(readers.map(({ reader }) => reader));
    for (const { name, reader } of readers) volumes.push(await storing.volume(name, reader));
  } finally {
    for (const { reader } of readers) await reader.close();
  }
  const bytes = encodeDocument({ ...document, volumes });
  const { manifest } = document.generation;
  const facts: BackupFacts = {
    name: manifest.name,
    version: manifest.version,
    cause: document.cause,
    plainBytes: storing.plainBytes,
    newBytes: storing.newBytes + bytes.length,
    localImages,
  };
  const { app, takenAtMs } = document;
  const stored = { id, app, takenAtMs, documentBytes: bytes.length, facts };
  parts.crashPoint("before-app-backup");
  try {
    const { versionId } = await parts.unattended.put({
      content: [bytes],
      signal: progress.signal,
      mayWait: false,
      expectedBytes: bytes.length,
      note: (version) => parts.store.insert({ ...stored, versionId: version }, storing.numbers),
    });
    parts.crashPoint("app-backup-stored");
    return { ...stored, versionId };
  } finally {
    bytes.fill(0);
  }
}

class Storing {
  readonly #parts: StoringParts;
  readonly #progress: StoringProgress;
  readonly numbers = new Set<number>();
  plainBytes = 0;
  newBytes = 0;
  #totalBytes = 0;
  #doneBytes = 0;
  /** By hash: two lanes never store the same. */
  readonly #underWay = new Map<string, Promise<StoredChunk>>();

  constructor(parts: StoringParts, progress: StoringProgress) {
    this.#parts = parts;
    this.#progress = progress;
  }

  expect(totalBytes: number): void {
    this.#totalBytes = totalBytes;
  }

  /** Throws `app-backup-too-large` where that is so, before days are spent on sending what is no backup in the end. */
  async requireWithinBound(readers: readonly SnapshotReader[]): Promise<void> {
    const { signal, report } = this.#progress;
    const looked = (): void => {
      signal.throwIfAborted();
      report(0, this.#totalBytes);
    };
    const isLong = readers.some(({ sizeBytes }) => sizeBytes > volumeBytesMax);
    if (isLong || (await exceedsBound(readers, chunksMax, looked))) {
      throw backupFaults.fault("app-backup-too-large", "the app has more data than one backup can hold");
    }
  }

  async volume(name: string, reader: SnapshotReader): Promise<BackedUpVolume> {
    const { sizeBytes } = reader;
    const count = chunkCount(sizeBytes);
    const chunks: BackedUpChunk[] = [];
    let next = 0;
    // One lane's failure ends the others: each looks before it takes another chunk, and none is left running.
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#progress.signal, failed.signal]);
    const lane = async (): Promise<void> => {
      try {
        for (let index = next++; index < count; index = next++) {
          signal.throwIfAborted();
          const length = chunkLength(sizeBytes, index);
          const plain = await reader.read(index * chunkBytes, length);
          if (plain !== undefined && !isEmptyChunk(plain)) chunks.push(await this.#chunk(index, plain, signal));
          this.#doneBytes += length;
          this.#progress.report(this.#doneBytes, this.#totalBytes);
        }
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
    this.#progress.signal.throwIfAborted();
    if (failed.signal.aborted) throw failed.signal.reason;
    for (const one of ended) if (one.status === "rejected") throw one.reason;
    return { name, sizeBytes, chunks: chunks.toSorted((a, b) => a.index - b.index) };
  }

  async #chunk(index: number, plain: Uint8Array, signal: AbortSignal): Promise<BackedUpChunk> {
    const hash = chunkHash(plain);
    this.plainBytes += plain.length;
    const { number, versionId, storedBytes } = await this.#stored(hash, plain, signal);
    this.numbers.add(number);
    return { index, hash, versionId, storedBytes };
  }

  async #stored(hash: Uint8Array, plain: Uint8Array, signal: AbortSignal): Promise<StoredChunk> {
    const key = toHex(hash);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const known = this.#parts.store.findChunk(hash);
    if (known !== undefined) {
      this.#progress.held.add(known.number);
      return known;
    }
    const storing = this.#store(hash, plain, signal);
    this.#underWay.set(key, storing);
    try {
      return await storing;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #store(hash: Uint8Array, plain: Uint8Array, signal: AbortSignal): Promise<StoredChunk> {
    const { store, unattended, world, crashPoint } = this.#parts;
    const packed = await packChunk(plain);
    let number = 0;
    const { versionId } = await unattended.put({
      content: [packed],
      signal,
      mayWait: false,
      expectedBytes: packed.length,
      note: (version, storedBytes) => {
        number = store.insertChunk(hash, version, storedBytes, world.nowMs());
        this.#progress.held.add(number);
      },
    });
    crashPoint("app-chunk-stored");
    this.newBytes += packed.length;
    return { number, versionId, storedBytes: packed.length };
  }
}
