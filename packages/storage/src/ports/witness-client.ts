import type { StoredEntry } from "./own-log.ts";

/**
 * What an owner asks of one witness. Refusals are Faults with the wire's codes (`fenced`, `log-gap`, `log-fork`, `full`,
 * `busy`, `not-a-member`, ...), transport failures those of `PeerTransport`. Nothing that comes back has been checked
 * against the owner's own log.
 */
export interface WitnessClient {
  /** Resolves with the newest sequence the witness keeps, once the entry is durable there. */
  append(account: string, entry: StoredEntry, signal: AbortSignal): Promise<number>;
  /** The newest head, encoded; raises the device epoch the witness knows. */
  head(
    account: string,
    signal: AbortSignal,
  ): Promise<{ readonly head: Uint8Array; readonly first: number } | undefined>;
  /** Entries from a sequence on; the payloads fit their heads, whose signatures are not checked. */
  entries(account: string, from: number, limitBytes: number, signal: AbortSignal): Promise<readonly StoredEntry[]>;
  /** Resolves with the number of the slot kept. */
  putSlot(account: string, slot: Uint8Array, signal: AbortSignal): Promise<number>;
  slot(account: string, locator: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Entries of the membership log from an index on, a page of them, and the length of the whole log. */
  readLog(
    account: string,
    from: number,
    signal: AbortSignal,
  ): Promise<{ readonly logLength: number; readonly entries: readonly Uint8Array[] }>;
  /** Resolves with the length of the member's membership log, which has the entry then. */
  appendLog(account: string, entry: Uint8Array, signal: AbortSignal): Promise<number>;
}

/**
 * Central's copy of a log and its checkpoints for who reads: one more source, and a witness of nothing. Nothing that comes
 * back has been checked.
 */
export interface VaultReader {
  /** The newest head, encoded. */
  head(signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Entries from a sequence on; the payloads fit their heads, whose signatures are not checked. */
  entries(from: number, signal: AbortSignal): Promise<readonly StoredEntry[]>;
  /** A checkpoint's segment as its holders together have it. */
  blob(segmentId: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

/**
 * Central's copy of the log, the checkpoints and the slots. It is never counted: best effort, in the background, and
 * nothing waits for it. Where the account's share is full, what puts throws `quota-reached`.
 */
export interface VaultClient extends VaultReader {
  putEntry(entry: StoredEntry, signal: AbortSignal): Promise<void>;
  putSlot(slot: Uint8Array, signal: AbortSignal): Promise<void>;
  /** The newest sequence central has; 0 = none. */
  newest(signal: AbortSignal): Promise<number>;
  /** Ids of the segments it keeps. */
  blobs(signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /** Harmless when repeated. */
  putBlob(segmentId: Uint8Array, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Harmless when it is gone. */
  removeBlob(segmentId: Uint8Array, signal: AbortSignal): Promise<void>;
}
