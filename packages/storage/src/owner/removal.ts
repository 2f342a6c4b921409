import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { type SegmentRecord, transportFaults } from "../ports/index.ts";
import { withLimit } from "./abort-link.ts";
import { type EngineContext, holdersByAccount, reachableHolders } from "./engine-context.ts";

/** Segments that one request names at most; the wire allows no more. */
export const removalBatch = 256;
const removalLimitMs = 30_000;
/** More confirmations than this are forgotten rather than kept; then some holders are asked again. */
const mostConfirmations = 100_000;

/** Tells one holder to remove its fragments of these segments. Throws the holder's fault, `peer-timeout` after a while. */
export function removeFrom(
  context: EngineContext,
  account: string,
  segmentIds: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<void> {
  const late = transportFaults.fault("peer-timeout", "the holder did not confirm a removal in time");
  return withLimit(context.world, { ms: removalLimitMs, late }, signal, (limited) =>
    context.holderClient.remove(account, segmentIds, limited),
  );
}

function confirm({ confirmedRemovals }: EngineContext, { segmentId }: SegmentRecord, index: number): void {
  const name = toHex(segmentId);
  const confirmed = confirmedRemovals.get(name) ?? new Set<number>();
  if (confirmedRemovals.size >= mostConfirmations) confirmedRemovals.clear();
  confirmedRemovals.set(name, confirmed.add(index));
}

function isConfirmed({ confirmedRemovals }: EngineContext, { segmentId }: SegmentRecord, index: number): boolean {
  return confirmedRemovals.get(toHex(segmentId))?.has(index) === true;
}

/** One holder's part of the dead segments; whoever is away is told when it is back. */
async function removeAtHolder(
  context: EngineContext,
  account: string,
  dead: readonly SegmentRecord[],
  signal: AbortSignal,
): Promise<void> {
  try {
    context.crashPoint("before-fragment-removal");
    await removeFrom(
      context,
      account,
      dead.map(({ segmentId }) => segmentId),
      signal,
    );
    context.crashPoint("after-fragment-removal");
  } catch (error) {
    if (signal.aborted || !isFault(error)) throw error;
    context.health.failed(account);
    context.report("fragment-not-removed", { holder: account, code: error.code });
    return;
  }
  for (const record of dead) {
    const index = record.holders.indexOf(account);
    confirm(context, record, index);
    if (record.placed.includes(index)) context.metadata.markRemoved(record.segmentId, [index]);
  }
}

/**
 * Tells the holders of dead segments, at most `removalBatch` of them, to remove their fragments, also those that were
 * never heard to have stored one: their answer may have been lost. Forgets the segments nobody can have any more.
 */
export async function removeDead(
  context: EngineContext,
  records: readonly SegmentRecord[],
  signal: AbortSignal,
): Promise<void> {
  const members = holdersByAccount(context.members);
  const reachable = reachableHolders(context);
  const byHolder = new Map<string, SegmentRecord[]>();
  for (const record of records) {
    await context.spool.remove(record.segmentId);
    for (const [index, account] of record.holders.entries()) {
      // A former member cannot be asked any more; what it still has is ciphertext it loses with its quota.
      if (!members.has(account)) {
        if (record.placed.includes(index)) context.metadata.markRemoved(record.segmentId, [index]);
      } else if (reachable.has(account) && !isConfirmed(context, record, index)) {
        const of = byHolder.get(account) ?? [];
        of.push(record);
        byHolder.set(account, of);
      }
    }
  }
  const removals = await Promise.allSettled(
    Array.from(byHolder, ([account, dead]) => removeAtHolder(context, account, dead, signal)),
  );
  for (const removal of removals) if (removal.status === "rejected") throw removal.reason;
  for (const record of records) {
    const isGone = record.holders.every(
      (account, index) => !members.has(account) || isConfirmed(context, record, index),
    );
    if (!isGone) continue;
    context.metadata.forgetSegment(record.segmentId);
    context.confirmedRemovals.delete(toHex(record.segmentId));
  }
}
