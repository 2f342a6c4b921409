import assert from "node:assert/strict";
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { equalConstantTime, malformed } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { type LogPosition, type OwnLog, ownLogFaults, type StoredEntry } from "@piccolo/storage/ports";
import type { ContentCapture } from "./capture.ts";
import { decodeChanges, emptyBytes, encodeChanges, framedBytes } from "./changes.ts";
import { readSnapshot, writeSnapshot } from "./content-snapshot.ts";
import { isOfDisk, transact } from "./database.ts";
import { contentTables, firstContent } from "./owner-schema.ts";

const readBytes = 256 * 1024;

interface EntryRow {
  readonly sequence: number;
  readonly kind: "delta" | "checkpoint";
  readonly head: Uint8Array;
  readonly sealed: Uint8Array;
  readonly hash: Uint8Array;
  readonly device_epoch: number;
}

interface PositionRow {
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly device_epoch: number;
  readonly checkpoint: number;
  readonly witnessed: number;
  readonly checkpoint_due: number;
}

interface CommitRow {
  readonly commit_number: number;
  readonly changes: Uint8Array;
  readonly digest: Uint8Array;
}

function statements(db: DatabaseSync) {
  return {
    position: db.prepare("SELECT * FROM log_position"),
    setPosition: db.prepare("UPDATE log_position SET sequence = ?, hash = ?, device_epoch = ?, checkpoint = ?"),
    setWitnessed: db.prepare("UPDATE log_position SET witnessed = ?"),
    setDigest: db.prepare("UPDATE log_position SET digest = ?"),
    setDue: db.prepare("UPDATE log_position SET checkpoint_due = ?"),
    waiting: db.prepare("SELECT EXISTS (SELECT 1 FROM outbox) AS waits"),
    commits: db.prepare("SELECT * FROM outbox ORDER BY commit_number"),
    dropCommits: db.prepare("DELETE FROM outbox WHERE commit_number <= ?"),
    putEntry: db.prepare("INSERT INTO log_entry VALUES (?, ?, ?, ?, ?, ?)"),
    entries: db.prepare("SELECT * FROM log_entry WHERE sequence >= ? ORDER BY sequence"),
    forget: db.prepare("DELETE FROM log_entry WHERE sequence < ?"),
  } satisfies Record<string, StatementSync>;
}

export interface SqliteOwnLogOptions {
  readonly db: DatabaseSync;
  /** Of the database's file: a snapshot is read beside it, and a restored one arrives beside it. */
  readonly path: string;
  readonly schemaVersion: number;
  readonly capture: ContentCapture;
}

/** Where the bytes of a snapshot wait until all are there. */
export function arrivalPath(databasePath: string): string {
  return `${databasePath}-arriving`;
}

/** The log of the `owner` database's own changes, in the database itself. */
export class SqliteOwnLog implements OwnLog {
  readonly schemaVersion: number;
  readonly #options: SqliteOwnLogOptions;
  readonly #sql: ReturnType<typeof statements>;
  readonly #replaced = new Set<() => void>();

  constructor(options: SqliteOwnLogOptions) {
    this.#options = options;
    this.schemaVersion = options.schemaVersion;
    this.#sql = statements(options.db);
  }

  position(): LogPosition {
    const { sequence, hash, device_epoch: deviceEpoch, checkpoint, witnessed } = this.#position();
    return { sequence, hash, deviceEpoch, checkpoint, witnessed };
  }

  get waiting(): boolean {
    return (this.#sql.waiting.get() as { waits: number }).waits === 1;
  }

  /** A migration changed the tables, or one is wanted: the next entry after what waits must be a checkpoint. */
  get checkpointDue(): boolean {
    return this.#position().checkpoint_due === 1;
  }

  wantCheckpoint(): void {
    transact(this.#options.db, () => this.#sql.setDue.run(1));
  }

  onCommit(listener: () => void): () => void {
    return this.#options.capture.onCommit(listener);
  }

  /** Called when `load` has put other content in place: what was read before is void. Returns the way to stop. */
  onReplaced(listener: () => void): () => void {
    this.#replaced.add(listener);
    return () => this.#replaced.delete(listener);
  }

  append(
    limitBytes: number,
    make: (changes: { readonly payload: Uint8Array; readonly digest: Uint8Array }) => StoredEntry,
  ): StoredEntry | undefined {
    return transact(this.#options.db, () => {
      const taken: CommitRow[] = [];
      let bytes = emptyBytes;
      for (const row of this.#sql.commits.iterate() as unknown as Iterable<CommitRow>) {
        bytes += framedBytes(row.changes);
        if (taken.length > 0 && bytes > limitBytes) break;
        taken.push(row);
      }
      const last = taken.at(-1);
      if (last === undefined) return undefined;
      const payload = encodeChanges(taken.map(({ changes }) => changes));
      const entry = make({ payload, digest: last.digest });
      assert.equal(entry.kind, "delta");
      this.#follow(entry);
      this.#sql.dropCommits.run(last.commit_number);
      return entry;
    });
  }

  appendCheckpoint(make: (digest: Uint8Array) => StoredEntry): StoredEntry {
    return transact(this.#options.db, () => {
      assert.ok(!this.waiting, "a checkpoint is made when nothing waits");
      const entry = make(this.#options.capture.digest());
      assert.equal(entry.kind, "checkpoint");
      this.#follow(entry);
      this.#sql.setDue.run(0);
      return entry;
    });
  }

  entries(from: number, limitBytes: number): readonly StoredEntry[] {
    const taken: StoredEntry[] = [];
    let bytes = 0;
    for (const row of this.#sql.entries.iterate(from) as unknown as Iterable<EntryRow>) {
      bytes += row.head.length + row.sealed.length;
      if (taken.length > 0 && bytes > limitBytes) break;
      const { sequence, kind, head, sealed, hash, device_epoch: deviceEpoch } = row;
      taken.push({ sequence, kind, head, sealed, hash, deviceEpoch });
    }
    return taken;
  }

  markWitnessed(sequence: number): void {
    transact(this.#options.db, () => {
      const position = this.#position();
      assert.ok(sequence <= position.sequence, "only what was made can be witnessed");
      if (sequence > position.witnessed) this.#sql.setWitnessed.run(sequence);
    });
  }

  forgetBefore(sequence: number): void {
    transact(this.#options.db, () => this.#sql.forget.run(sequence));
  }

  apply(entry: StoredEntry, payload: Uint8Array, digest: Uint8Array): void {
    const { db, capture } = this.#options;
    assert.ok(!this.waiting, "nothing is applied over changes that wait");
    if (entry.sequence !== this.#position().sequence + 1) throw conflict("the entry does not follow the newest one");
    capture.uncaptured(() =>
      transact(db, () => {
        if (payload.length > 0) applyChanges(db, payload);
        if (!equalConstantTime(capture.digest(), digest)) throw differs();
        this.#follow(entry);
      }),
    );
  }

  snapshot(): { readonly digest: Uint8Array; pieces(): Iterable<Uint8Array>; close(): void } {
    assert.ok(!this.waiting, "a snapshot is taken when nothing waits");
    const { path, capture } = this.#options;
    const digest = capture.digest();
    // A transaction of another connection sees the content as it is now, whatever is committed here meanwhile.
    const reader = new DatabaseSync(path, { readOnly: true });
    try {
      reader.exec("PRAGMA trusted_schema = OFF; BEGIN; SELECT count(*) FROM log_position");
    } catch (error) {
      reader.close();
      throw error;
    }
    return {
      digest,
      pieces: () => writeSnapshot(reader, this.schemaVersion, digest),
      close: () => reader.close(),
    };
  }

  async load(pieces: AsyncIterable<Uint8Array>, entry: StoredEntry | undefined, digest: Uint8Array): Promise<void> {
    const arrival = arrivalPath(this.#options.path);
    // First all of it, then one transaction: nothing else of the program runs in between, and a crash leaves either.
    const file = openSync(arrival, "w+", 0o600);
    try {
      for await (const piece of pieces) for (let at = 0; at < piece.length;) at += writeSync(file, piece, at);
      this.#replace(() => this.#loadSnapshot(reading(file), digest), entry);
    } finally {
      closeSync(file);
      rmSync(arrival, { force: true });
    }
    for (const listener of this.#replaced) listener();
  }

  empty(): void {
    this.#replace(() => this.#firstContent(), undefined);
    for (const listener of this.#replaced) listener();
  }

  /** `load` puts other content into the emptied tables; whether all of it is known to this schema. */
  #replace(load: () => boolean, entry: StoredEntry | undefined): void {
    const { db, capture } = this.#options;
    try {
      capture.uncaptured(() =>
        transact(db, () => {
          // Rows refer to one another in any order; what refers to nothing is found at the commit.
          db.exec("PRAGMA defer_foreign_keys = ON; DELETE FROM upload; DELETE FROM outbox; DELETE FROM log_entry");
          db.exec("DELETE FROM replacement; DELETE FROM reencryption");
          for (const table of [...contentTables].reverse()) db.exec(`DELETE FROM ${table}`);
          const isWhole = load();
          this.#sql.setPosition.run(0, new Uint8Array(32), 0, 0);
          this.#sql.setWitnessed.run(0);
          this.#sql.setDue.run(isWhole ? 0 : 1);
          this.#sql.setDigest.run(capture.digest());
          if (entry !== undefined) this.#put(entry, entry.kind === "checkpoint" ? entry.sequence : 0);
        }),
      );
    } catch (error) {
      if (isConstraint(error)) throw malformed("the content's rows do not fit one another", error);
      throw error;
    }
  }

  #firstContent(): boolean {
    this.#options.db.exec(firstContent);
    return true;
  }

  #loadSnapshot(next: () => Uint8Array | undefined, digest: Uint8Array): boolean {
    const { db, capture } = this.#options;
    const read = readSnapshot(db, next);
    if (!equalConstantTime(read.digest, digest)) throw differs();
    if (read.isWhole && !equalConstantTime(capture.digest(), digest)) throw differs();
    return read.isWhole;
  }

  #position(): PositionRow {
    return this.#sql.position.get() as unknown as PositionRow;
  }

  #follow(entry: StoredEntry): void {
    const { sequence, checkpoint } = this.#position();
    assert.equal(entry.sequence, sequence + 1, "an entry follows the newest one");
    this.#put(entry, entry.kind === "checkpoint" ? entry.sequence : checkpoint);
  }

  #put({ sequence, kind, head, sealed, hash, deviceEpoch }: StoredEntry, checkpoint: number): void {
    this.#sql.putEntry.run(sequence, kind, head, sealed, hash, deviceEpoch);
    this.#sql.setPosition.run(sequence, hash, deviceEpoch, checkpoint);
  }
}

/** Throws `log-conflict`. */
function applyChanges(db: DatabaseSync, payload: Uint8Array): void {
  let isForeign = false;
  const filter = (table: string): boolean => {
    const isOurs = (contentTables as readonly string[]).includes(table);
    isForeign = isForeign || !isOurs;
    return isOurs;
  };
  try {
    for (const commit of decodeChanges(payload)) {
      if (!db.applyChangeset(commit, { filter })) throw conflict("a row is not as it was");
      if (isForeign) throw conflict("a change is of no table that is backed up");
    }
  } catch (error) {
    if (ownLogFaults.owns(error)) throw error;
    if (isFault(error) || (isSqlite(error) && !isOfDisk(error)))
      throw conflict("the changes are not of the form they must have", error);
    throw error;
  }
}

function conflict(what: string, cause?: unknown): Error {
  return ownLogFaults.fault("log-conflict", `${what}; restore the database from the last checkpoint`, { cause });
}

function differs(): Error {
  return ownLogFaults.fault("log-digest", "the content is not what the entry says; restore from the last checkpoint");
}

const isSqlite = (error: unknown): error is Error & { readonly errcode: number } =>
  error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";

/** SQLITE_CONSTRAINT, whatever the kind. */
const isConstraint = (error: unknown): boolean => isSqlite(error) && (error.errcode & 0xff) === 19;

/** The bytes of an open file from its beginning, piece by piece. */
function reading(file: number): () => Uint8Array | undefined {
  let at = 0;
  return () => {
    const bytes = new Uint8Array(readBytes);
    const length = readSync(file, bytes, 0, readBytes, at);
    at += length;
    return length === 0 ? undefined : bytes.subarray(0, length);
  };
}
