import { isFault } from "@piccolo/fault";
import {
  type CheckpointPayload,
  decodeCheckpoint,
  decodeDelta,
  decodeHead,
  noHash,
  readEntries,
  type SignedHead,
  storedEntryOf,
} from "../../log/index.ts";
import type { OwnLog, StoredEntry } from "../../ports/index.ts";
import { type LogReading, metadataLogFaults } from "./log-context.ts";
import { isOwnHead, readChain, withAnySource } from "./read-chain.ts";
import { openEntry } from "./seal-entry.ts";

/** Applies a verified entry that follows the log's position. Throws what opening and applying throw. */
export function applyEntry(reading: LogReading, ownLog: OwnLog, entry: StoredEntry): void {
  const plain = openEntry(reading, entry);
  if (entry.kind === "checkpoint") {
    ownLog.apply(entry, new Uint8Array(0), decodeCheckpoint(plain).digest);
  } else {
    const { digest, changes } = decodeDelta(plain);
    ownLog.apply(entry, changes, digest);
  }
}

/** Reads and applies what the log lacks up to the target. Throws `log-forked`, `log-conflict`, `log-digest`, ... */
export function catchUp(
  reading: LogReading,
  ownLog: OwnLog,
  target: SignedHead,
  witnesses: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return withAnySource(reading, witnesses, async (source) => {
    const { sequence, hash } = ownLog.position();
    const part = { from: sequence + 1, previousHash: sequence === 0 ? noHash : hash, target };
    for await (const entry of readChain(reading, source, part, signal)) applyEntry(reading, ownLog, entry);
  });
}

/**
 * Replaces what the log holds by what leads to the target: the newest checkpoint and the deltas after it. The database
 * is left at some entry on the way when it fails; doing it again starts over.
 */
export function restore(
  reading: LogReading,
  ownLog: OwnLog,
  target: SignedHead,
  witnesses: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return withAnySource(reading, witnesses, async (source) => {
    const { checkpoint } = target.head;
    const part = { from: Math.max(1, checkpoint), previousHash: checkpoint === 0 ? noHash : undefined, target };
    if (checkpoint === 0) ownLog.empty();
    for await (const entry of readChain(reading, source, part, signal)) {
      if (entry.sequence === checkpoint) await loadCheckpoint(reading, ownLog, entry, signal);
      else applyEntry(reading, ownLog, entry);
    }
  });
}

/** The content as of a checkpoint entry: its snapshot, then the entries made while that was stored. */
async function loadCheckpoint(
  reading: LogReading,
  ownLog: OwnLog,
  entry: StoredEntry,
  signal: AbortSignal,
): Promise<void> {
  const payload = decodeCheckpoint(openEntry(reading, entry));
  const { checkpoints } = reading;
  const base = payload.base === undefined ? undefined : baseEntry(reading, payload);
  await ownLog.load(checkpoints.read(payload.snapshot, signal), base, payload.snapshot.digest);
  if (base !== undefined) ownLog.forgetBefore(base.sequence + 1);
  for (const run of payload.tailRuns) {
    for await (const follower of readEntries(checkpoints.read(run, signal))) applyFollower(reading, ownLog, follower);
  }
  for (const follower of payload.tail) applyFollower(reading, ownLog, follower);
  applyEntry(reading, ownLog, entry);
  // What came before it was read for its content alone, and cannot be handed on.
  ownLog.forgetBefore(entry.sequence);
  // Too few holders have this one: until there is another, all depends on central.
  if (checkpoints.leansOnVault) ownLog.wantCheckpoint();
}

/** The entry as of which the snapshot was taken; of its payload nothing is needed any more. */
function baseEntry(reading: LogReading, { base }: CheckpointPayload): StoredEntry {
  const signed = decodeHead(base ?? new Uint8Array(0));
  if (!isOwnHead(reading, signed, undefined)) {
    throw metadataLogFaults.fault("log-withheld", "a checkpoint is based on an entry that is not this owner's");
  }
  return storedEntryOf(signed, new Uint8Array(0));
}

function applyFollower(reading: LogReading, ownLog: OwnLog, entry: StoredEntry): void {
  const signed = decodeHead(entry.head);
  const { sequence, hash } = ownLog.position();
  const follows = signed.head.sequence === sequence + 1 && Buffer.compare(signed.head.previousHash, hash) === 0;
  if (!follows || !isOwnHead(reading, signed, undefined)) {
    throw metadataLogFaults.fault("log-withheld", "a checkpoint's entries are no chain");
  }
  applyEntry(reading, ownLog, entry);
}

/** Whether going on from the own content is impossible, and it has to be restored from the last checkpoint. */
export function needsRestore(error: unknown): boolean {
  return isFault(error, "log-conflict") || isFault(error, "log-digest");
}
