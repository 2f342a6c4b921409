import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, concat, equalConstantTime, fromUtf8, toUtf8 } from "@piccolo/bytes";
import { type LogPosition, type OwnLog, ownLogFaults, type StoredEntry } from "../ports/index.ts";

interface Change {
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

interface Commit {
  readonly payload: Uint8Array;
  readonly digest: Uint8Array;
}

const noEntries: LogPosition = {
  sequence: 0,
  hash: new Uint8Array(32),
  deviceEpoch: 0,
  checkpoint: 0,
  witnessed: 0,
};

/** Rows of a snapshot in one piece. */
const rowsPerPiece = 16;
const digestModulus = 1n << 256n;

function writeText(writer: ByteWriter, text: string | undefined): void {
  writer.bool(text !== undefined);
  if (text !== undefined) writer.sized(toUtf8(text));
}

function readText(reader: ByteReader): string | undefined {
  return reader.bool() ? fromUtf8(reader.sized(1 << 24)) : undefined;
}

function encodeChange({ key, before, after }: Change): Uint8Array {
  const writer = new ByteWriter().sized(toUtf8(key));
  writeText(writer, before);
  writeText(writer, after);
  return writer.finish();
}

function decodeChanges(payload: Uint8Array): Change[] {
  const reader = new ByteReader(payload);
  const changes: Change[] = [];
  while (reader.remaining > 0) {
    changes.push({ key: fromUtf8(reader.sized(1 << 16)), before: readText(reader), after: readText(reader) });
  }
  return changes;
}

function rowHash(key: string, value: string): bigint {
  const writer = new ByteWriter().sized(toUtf8(key)).sized(toUtf8(value));
  return BigInt(`0x${createHash("sha256").update(writer.finish()).digest("hex")}`);
}

/** The sum of all rows' hashes, so that it does not depend on their order. */
function digestOf(rows: ReadonlyMap<string, string>): Uint8Array {
  let sum = 0n;
  for (const [key, value] of rows) sum = (sum + rowHash(key, value)) % digestModulus;
  return Uint8Array.fromHex(sum.toString(16).padStart(64, "0"));
}

/** A log over rows of text in memory. It survives a crash of whoever uses it, as a database does. */
export class MemoryOwnLog implements OwnLog {
  readonly schemaVersion: number;
  /** Set by a test, as a migration does. */
  checkpointDue = false;
  #rows: ReadonlyMap<string, string> = new Map();
  #outbox: readonly Commit[] = [];
  #entries: readonly StoredEntry[] = [];
  #position: LogPosition = noEntries;
  readonly #listeners = new Set<() => void>();

  constructor(schemaVersion = 1) {
    this.schemaVersion = schemaVersion;
  }

  /** Another log with the same content, as an image of a disk has. */
  clone(): MemoryOwnLog {
    const copy = new MemoryOwnLog(this.schemaVersion);
    copy.checkpointDue = this.checkpointDue;
    copy.#rows = this.#rows;
    copy.#outbox = this.#outbox;
    copy.#entries = this.#entries;
    copy.#position = this.#position;
    return copy;
  }

  /** One commit of the owner: a row is set, or removed. */
  write(key: string, value: string | undefined): void {
    const before = this.#rows.get(key);
    if (before === value) return;
    const rows = new Map(this.#rows);
    if (value === undefined) rows.delete(key);
    else rows.set(key, value);
    this.#rows = rows;
    this.#outbox = [...this.#outbox, { payload: encodeChange({ key, before, after: value }), digest: digestOf(rows) }];
    for (const listener of this.#listeners) listener();
  }

  /** The content, by key. */
  rows(): ReadonlyMap<string, string> {
    return this.#rows;
  }

  position(): LogPosition {
    return this.#position;
  }

  get waiting(): boolean {
    return this.#outbox.length > 0;
  }

  wantCheckpoint(): void {
    this.checkpointDue = true;
  }

  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  append(
    limitBytes: number,
    make: (changes: { readonly payload: Uint8Array; readonly digest: Uint8Array }) => StoredEntry,
  ): StoredEntry | undefined {
    let count = 0;
    let bytes = 0;
    for (const { payload } of this.#outbox) {
      if (count > 0 && bytes + payload.length > limitBytes) break;
      bytes += payload.length;
      count++;
    }
    const taken = this.#outbox.slice(0, count);
    const last = taken.at(-1);
    if (last === undefined) return undefined;
    const entry = make({ payload: concat(...taken.map(({ payload }) => payload)), digest: last.digest });
    assert.equal(entry.kind, "delta");
    this.#add(entry);
    this.#outbox = this.#outbox.slice(count);
    return entry;
  }

  appendCheckpoint(make: (digest: Uint8Array) => StoredEntry): StoredEntry {
    assert.ok(!this.waiting, "a checkpoint is made when nothing waits");
    const entry = make(digestOf(this.#rows));
    assert.equal(entry.kind, "checkpoint");
    this.#add(entry);
    this.checkpointDue = false;
    return entry;
  }

  #add(entry: StoredEntry): void {
    assert.equal(entry.sequence, this.#position.sequence + 1, "an entry follows the position");
    this.#entries = [...this.#entries, entry];
    this.#position = this.#after(entry, this.#position);
  }

  #after({ sequence, hash, deviceEpoch, kind }: StoredEntry, before: LogPosition): LogPosition {
    const checkpoint = kind === "checkpoint" ? sequence : before.checkpoint;
    return { sequence, hash, deviceEpoch, checkpoint, witnessed: before.witnessed };
  }

  entries(from: number, limitBytes: number): readonly StoredEntry[] {
    const taken: StoredEntry[] = [];
    let bytes = 0;
    for (const entry of this.#entries) {
      if (entry.sequence < from) continue;
      bytes += entry.head.length + entry.sealed.length;
      if (taken.length > 0 && bytes > limitBytes) break;
      taken.push(entry);
    }
    return taken;
  }

  markWitnessed(sequence: number): void {
    assert.ok(sequence <= this.#position.sequence, "only what was made can be witnessed");
    if (sequence > this.#position.witnessed) this.#position = { ...this.#position, witnessed: sequence };
  }

  forgetBefore(sequence: number): void {
    this.#entries = this.#entries.filter((entry) => entry.sequence >= sequence);
  }

  apply(entry: StoredEntry, payload: Uint8Array, digest: Uint8Array): void {
    assert.ok(!this.waiting, "nothing is applied over changes that wait");
    const rows = new Map(this.#rows);
    for (const { key, before, after } of decodeChanges(payload)) {
      if (rows.get(key) !== before) throw ownLogFaults.fault("log-conflict", "a row is not what the change expects");
      if (after === undefined) rows.delete(key);
      else rows.set(key, after);
    }
    checkDigest(rows, digest);
    this.#add(entry);
    this.#rows = rows;
  }

  snapshot(): { readonly digest: Uint8Array; pieces(): Iterable<Uint8Array>; close(): void } {
    assert.ok(!this.waiting, "a snapshot is taken when nothing waits");
    const rows = [...this.#rows];
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < rows.length; at += rowsPerPiece) {
      const writer = new ByteWriter();
      for (const [key, value] of rows.slice(at, at + rowsPerPiece)) writer.sized(toUtf8(key)).sized(toUtf8(value));
      pieces.push(writer.finish());
    }
    return { digest: digestOf(this.#rows), pieces: () => pieces, close: () => undefined };
  }

  async load(pieces: AsyncIterable<Uint8Array>, entry: StoredEntry | undefined, digest: Uint8Array): Promise<void> {
    const rows = new Map<string, string>();
    for await (const piece of pieces) {
      const reader = new ByteReader(piece);
      while (reader.remaining > 0) rows.set(fromUtf8(reader.sized(1 << 16)), fromUtf8(reader.sized(1 << 24)));
    }
    checkDigest(rows, digest);
    this.checkpointDue = false;
    this.#rows = rows;
    this.#outbox = [];
    this.#entries = entry === undefined ? [] : [entry];
    this.#position = entry === undefined ? noEntries : this.#after(entry, noEntries);
  }

  empty(): void {
    this.checkpointDue = false;
    this.#rows = new Map();
    this.#outbox = [];
    this.#entries = [];
    this.#position = noEntries;
  }
}

function checkDigest(rows: ReadonlyMap<string, string>, digest: Uint8Array): void {
  if (!equalConstantTime(digestOf(rows), digest)) {
    throw ownLogFaults.fault("log-digest", "the content is not what the entry says");
  }
}
