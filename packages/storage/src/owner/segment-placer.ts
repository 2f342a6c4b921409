import { toHex } from "@piccolo/bytes";
import { hashBytes, paddedFragmentBytes } from "../fragment/index.ts";
import { acknowledgedFragments, type Code } from "../policy/index.ts";
import type { SegmentRecord } from "../ports/index.ts";
import { linkAbort } from "./abort-link.ts";
import { type EngineContext, reachableHolders } from "./engine-context.ts";
import { engineFaults } from "./faults.ts";
import { type StoreRun, storeFragments, type StoreTarget } from "./fragment-store.ts";
import type { Lease } from "./memory-budget.ts";
import { chooseHolders } from "./placement.ts";
import { encodeSegment } from "./segment-codec.ts";

/** While others wait for memory, requests that a durable segment no longer needs end after this time. */
const contendedGraceMs = 500;
/** After this time they end anyway; the background work completes the segment later. */
const stragglerGraceMs = 10_000;
const takeBackLimitMs = 30_000;
const takeBackWhenStoppingMs = 2_000;

/** A sealed segment in memory that is to be made durable. */
export interface SealedSegment {
  readonly segmentId: Uint8Array;
  /** The code its buffer was made for; undefined when the network has none, and the segment can only wait. */
  readonly code: Code | undefined;
  readonly sealedBytes: number;
  /** Whether it may wait in the spool; without room, or where not, too few holders are a fault. */
  readonly mayWait: boolean;
  /** Sealed bytes first; given back by the placer when nothing needs it any more. */
  readonly lease: Lease;
}

/** A segment that is safe: on enough holders, or in the spool. Not committed yet. */
export interface PlacedSegment {
  readonly record: SegmentRecord;
  /** To be called once the record is committed (true) or given up (false): lets stragglers finish, or takes all back. */
  settle(committed: boolean): void;
}

function targetsOf(context: EngineContext, holders: readonly string[]): StoreTarget[] {
  const reachable = reachableHolders(context);
  return holders.flatMap((account, index) => (reachable.has(account) ? [{ account, index }] : []));
}

/** Ends what is left of a run when it took its time, when its memory is wanted elsewhere, or when the engine stops. */
async function hurryStragglers(context: EngineContext, run: StoreRun): Promise<void> {
  const over = new AbortController();
  const unlink = linkAbort(over, context.stopping);
  const done = run.settled.then(() => {
    unlink();
    over.abort();
  });
  const { signal } = over;
  let waitedMs = 0;
  for (; waitedMs < stragglerGraceMs && !signal.aborted; waitedMs += contendedGraceMs) {
    await context.world.sleep(contendedGraceMs, signal).catch(() => undefined);
    if (context.budget.contended) break;
  }
  if (waitedMs >= stragglerGraceMs) run.giveUp();
  else run.cancel();
  await done;
}

function waiting(segment: SealedSegment, nowMs: number): SegmentRecord {
  return {
    segmentId: segment.segmentId,
    segmentRoot: new Uint8Array(hashBytes),
    k: 1,
    n: 1,
    sealedBytes: segment.sealedBytes,
    fragmentBytes: paddedFragmentBytes(segment.sealedBytes, 1),
    holders: [],
    placed: [],
    state: "pending",
    createdAtMs: nowMs,
  };
}

/** Tells holders to forget a segment that will never be committed; who is away keeps it until its owner cleans up. */
async function takeBack(context: EngineContext, segmentId: Uint8Array, accounts: readonly string[]): Promise<void> {
  const limit = new AbortController();
  const done = new AbortController();
  const patience = async (): Promise<void> => {
    const hurry = new AbortController();
    const unlink = linkAbort(hurry, done.signal, context.stopping);
    await context.world.sleep(takeBackLimitMs, hurry.signal).catch(() => undefined);
    unlink();
    // An engine that stops still gives the holders a moment: what they keep now nobody takes back later.
    if (hurry.signal.aborted) await context.world.sleep(takeBackWhenStoppingMs, done.signal);
    limit.abort(new Error("the holder took too long"));
  };
  patience().catch(() => undefined);
  await Promise.all(
    accounts.map(async (account) => {
      try {
        await context.holderClient.remove(account, [segmentId], limit.signal);
      } catch {
        context.report("fragment-left-behind", { holder: account, segment: toHex(segmentId) });
      }
    }),
  );
  done.abort();
}

/**
 * Makes a sealed segment safe: s fragments fsynced by their holders, or, with fewer than s holders in reach, the sealed
 * bytes in the spool. Takes over the lease. Throws `too-few-holders`, `disk-full`, or the signal's reason.
 */
export async function placeSegment(
  context: EngineContext,
  segment: SealedSegment,
  signal: AbortSignal,
): Promise<PlacedSegment> {
  const { segmentId, code, lease, sealedBytes } = segment;
  const nowMs = context.world.nowMs();
  context.placing.add(toHex(segmentId));
  const now = { nowMs, turn: context.nextTurn() };
  const holders =
    code === undefined ? undefined : chooseHolders(context.members.holders(), context.ownDomain, code, now);
  const targets = holders === undefined ? [] : targetsOf(context, holders);
  let record = waiting(segment, nowMs);
  let run: StoreRun | undefined;
  try {
    if (code !== undefined && holders !== undefined && targets.length >= acknowledgedFragments(code)) {
      const coded = encodeSegment(context.codec, { segmentId, sealedBytes, code }, lease.buffer);
      const enough = acknowledgedFragments(code);
      signal.throwIfAborted();
      run = storeFragments(context, coded, targets, enough);
      signal.addEventListener("abort", run.cancel, { once: true });
      const stored = await run.enough;
      signal.removeEventListener("abort", run.cancel);
      signal.throwIfAborted();
      const { fragmentBytes, segmentRoot } = coded;
      const state = stored.length >= enough ? "placed" : "pending";
      const placed = [...stored].sort((a, b) => a - b);
      record = { ...record, ...code, segmentRoot, fragmentBytes, holders, placed, state };
    }
    if (record.state === "pending" && !segment.mayWait) throw tooFewHolders();
    if (record.state === "pending") {
      await context.spool.put(segmentId, lease.buffer.subarray(0, sealedBytes));
      context.crashPoint("segment-spooled");
    } else {
      context.crashPoint("fragments-stored");
    }
  } catch (error) {
    run?.cancel();
    const asked = run === undefined ? [] : targets.map(({ account }) => account);
    const end = async (): Promise<void> => {
      await run?.settled;
      lease.release();
      context.placing.delete(toHex(segmentId));
      await takeBack(context, segmentId, asked);
    };
    context.track(end());
    throw error;
  }
  const settled = record;
  return { record, settle: (committed) => settle(context, settled, lease, run, committed) };
}

function tooFewHolders(): Error {
  return engineFaults.fault(
    "too-few-holders",
    "too few members are online to take it; try again when more devices are online",
  );
}

/** Throws `too-few-holders` where a segment could only wait now. */
export function assertPlaceable(context: EngineContext): void {
  const holders = context.members.holders();
  const code = context.policy(holders.length + 1);
  const reachable = reachableHolders(context);
  if (code === undefined || reachable.size < acknowledgedFragments(code)) throw tooFewHolders();
}

function settle(
  context: EngineContext,
  record: SegmentRecord,
  lease: Lease,
  run: StoreRun | undefined,
  committed: boolean,
): void {
  if (!committed) run?.cancel();
  if (run !== undefined) void hurryStragglers(context, run);
  const work = (run?.settled ?? Promise.resolve([])).then(async (stored) => {
    lease.release();
    context.placing.delete(toHex(record.segmentId));
    if (committed) {
      const late = stored.filter((index) => !record.placed.includes(index));
      if (late.length > 0) context.metadata.markPlaced(record.segmentId, late);
      if (late.length > 0) context.events.placementChanged(record.segmentId);
      const isDead = context.metadata.segment(record.segmentId)?.state === "dead";
      if (stored.length < record.n || record.state === "pending" || isDead) context.wake();
      return;
    }
    if (record.state === "pending") await context.spool.remove(record.segmentId);
    if (run !== undefined) await takeBack(context, record.segmentId, record.holders);
  });
  context.track(work);
}
