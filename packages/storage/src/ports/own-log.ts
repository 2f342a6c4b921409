import { catalogue } from "@piccolo/fault";

/** What an `OwnLog` throws when an entry does not lead where it says. */
export const ownLogFaults = catalogue({
  "log-conflict": {
    retry: "never",
    meaning: "A change of the metadata log does not fit the database; restore the database from the last checkpoint.",
  },
  "log-digest": {
    retry: "never",
    meaning:
      "The database is not what the metadata log says it is after an entry; restore it from the last checkpoint.",
  },
});

/**
 * One element of the metadata log (docs/spec/metadata-log.md) as its owner and its witnesses keep it. A delta carries
 * changes, a checkpoint the way to a snapshot.
 */
export interface StoredEntry {
  /** From 1. */
  readonly sequence: number;
  readonly kind: "delta" | "checkpoint";
  /** Signed head, encoded. */
  readonly head: Uint8Array;
  /** Sealed, padded payload, encoded. */
  readonly sealed: Uint8Array;
  /** Hash of the head, 32 bytes: what the next head names as its previous one. */
  readonly hash: Uint8Array;
  readonly deviceEpoch: number;
}

/** Where the log stands: the newest entry made or applied here. */
export interface LogPosition {
  /** 0 = no entry yet. */
  readonly sequence: number;
  /** 32 bytes; all zero before the first entry. */
  readonly hash: Uint8Array;
  /** Of the device that made the newest entry; 0 before the first. */
  readonly deviceEpoch: number;
  /** Sequence of the newest checkpoint entry; 0 = none. */
  readonly checkpoint: number;
  /** Highest sequence that a quorum of witnesses has. */
  readonly witnessed: number;
}

/**
 * The owner database's log of its own changes: outbox, entries made, and how far they are witnessed. Synchronous, since
 * it is a local database; every method is one transaction.
 */
export interface OwnLog {
  /** Of the backed-up tables; an entry of another version is not applied. */
  readonly schemaVersion: number;
  position(): LogPosition;
  /** Whether commits wait in the outbox to be made into an entry. */
  readonly waiting: boolean;
  /**
   * A checkpoint is due, with nothing waiting before it: the content changed in a way no delta tells of (a migration), or
   * one is wanted.
   */
  readonly checkpointDue: boolean;
  /** Makes a checkpoint due; durable until one is made or other content takes this one's place. */
  wantCheckpoint(): void;
  /** Called after each commit that left something in the outbox. Returns the way to stop. */
  onCommit(listener: () => void): () => void;
  /**
   * Takes what waits (whole commits, oldest first, at most `limitBytes`, but always the first one), lets `make` turn it
   * into the entry that follows the position, stores the entry and empties that part of the outbox. `digest` (32 bytes)
   * is that of the content after these changes. Undefined when nothing waits; when `make` throws, all is as before.
   */
  append(
    limitBytes: number,
    make: (changes: { readonly payload: Uint8Array; readonly digest: Uint8Array }) => StoredEntry,
  ): StoredEntry | undefined;
  /** The same for a checkpoint, whose payload is the caller's; nothing may wait in the outbox. */
  appendCheckpoint(make: (digest: Uint8Array) => StoredEntry): StoredEntry;
  /** Entries in order from a sequence on, as many as fit in `limitBytes`, but at least one where there is one. */
  entries(from: number, limitBytes: number): readonly StoredEntry[];
  /** Never goes back. */
  markWitnessed(sequence: number): void;
  /** Entries before this sequence are forgotten; the position stays. */
  forgetBefore(sequence: number): void;
  /**
   * Applies the entry that follows the position and that this database did not make (restore, catching up); nothing may
   * wait in the outbox. A checkpoint has an empty payload here: it changes no content. Throws `log-conflict` when a row
   * does not fit, `log-digest` when the content's digest afterwards is not `digest`; all is as before then.
   */
  apply(entry: StoredEntry, payload: Uint8Array, digest: Uint8Array): void;
  /**
   * A consistent snapshot of the backed-up content as of the position, in bounded pieces, valid until closed whatever is
   * committed meanwhile; nothing may wait in the outbox when it is taken.
   */
  snapshot(): { readonly digest: Uint8Array; pieces(): Iterable<Uint8Array>; close(): void };
  /**
   * Replaces the backed-up content by a snapshot's and sets the position to its entry, or, without one, to that of an
   * empty log. Outbox and entries known before are dropped. All or nothing across a crash. Throws `malformed` for pieces
   * that are no snapshot and `log-digest` where the content's digest is not `digest`.
   */
  load(pieces: AsyncIterable<Uint8Array>, entry: StoredEntry | undefined, digest: Uint8Array): Promise<void>;
  /** Back to the content of an empty log, whatever that is in this database. All or nothing across a crash. */
  empty(): void;
}
