import { equalConstantTime, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { acknowledgedFragments, type Code } from "../policy/index.ts";
import type { SegmentRecord, SegmentState } from "../ports/index.ts";
import { gatherColumns } from "./column-gatherer.ts";
import { type EngineContext, reachableHolders, holdersByAccount } from "./engine-context.ts";
import { engineFaults } from "./faults.ts";
import { storeFragments } from "./fragment-store.ts";
import { chooseHolders } from "./placement.ts";
import { cellLength, stripeCount } from "../fragment/index.ts";
import { removalBatch, removeDead, removeFrom } from "./removal.ts";
import { type CodedSegment, decodeStripes, encodeSegment, segmentBufferBytes } from "./segment-codec.ts";

const pageSegments = 256;
/** Segments are placed a few at a time, so that uploads keep most of the memory and of the network. */
const atOnce = 2;
/** Between two pages everything else gets its turn. */
const pagePauseMs = 1;

/** The sealed bytes (and padding, for placed segments) at the start of the buffer, coded anew. */
async function recode(
  context: EngineContext,
  record: SegmentRecord,
  code: Code,
  buffer: Uint8Array,
  signal: AbortSignal,
): Promise<CodedSegment> {
  const { segmentId, sealedBytes, fragmentBytes } = record;
  if (record.state === "pending") {
    buffer.set(await context.spool.read(segmentId, 0, sealedBytes));
  } else {
    const stripes = { first: 0, count: stripeCount(fragmentBytes) };
    const columns = await gatherColumns(context, record, stripes, { eager: false }, signal);
    const rows = decodeStripes(context.codec, { segmentId, code, fragmentBytes }, stripes, columns);
    let at = 0;
    for (const [row, cells] of rows.entries()) {
      for (const cell of cells) {
        buffer.set(cell.subarray(0, Math.max(0, Math.min(cellLength(fragmentBytes, row), sealedBytes - at))), at);
        at = Math.min(sealedBytes, at + cell.length);
      }
    }
  }
  return encodeSegment(context.codec, { segmentId, sealedBytes, code }, buffer);
}

interface Assignment {
  readonly code: Code;
  readonly holders: readonly string[];
}

/**
 * Who shall hold a segment: those it was given to. One that waits is given to those there are now where it has nobody
 * yet, where one of its holders has left, or where that would make it durable at once and waiting for its own would not.
 */
function assignmentOf(
  context: EngineContext,
  record: SegmentRecord,
  reachable: ReadonlySet<string>,
): Assignment | undefined {
  const given = { code: { k: record.k, n: record.n }, holders: record.holders };
  if (record.state !== "pending") return given;
  const views = holdersByAccount(context.members);
  const canHold = ({ code, holders }: Assignment, placed: readonly number[]): boolean =>
    holders.filter((account, index) => placed.includes(index) || reachable.has(account)).length >=
    acknowledgedFragments(code);
  const isGiven = record.holders.length > 0 && record.holders.every((account) => views.has(account));
  if (isGiven && canHold(given, record.placed)) return given;
  const code = context.policy(views.size + 1);
  const now = { nowMs: context.world.nowMs(), turn: record.segmentId[0] ?? 0 };
  const holders =
    code === undefined ? undefined : chooseHolders(context.members.holders(), context.ownDomain, code, now);
  if (code === undefined || holders === undefined) return isGiven ? given : undefined;
  const anew = { code: { k: code.k, n: code.n }, holders };
  const isSame =
    code.k === record.k && code.n === record.n && holders.every((account, at) => account === record.holders[at]);
  if (isSame) return given;
  return !isGiven || canHold(anew, []) ? anew : given;
}

/** Those that may have a fragment of the former assignment and get none of the new one are told to forget it. */
function withdraw(context: EngineContext, record: SegmentRecord, holders: readonly string[]): void {
  const former = record.placed.flatMap((index) => record.holders[index] ?? []);
  for (const account of former.filter((one) => !holders.includes(one))) {
    context.track(
      removeFrom(context, account, [record.segmentId], context.stopping).catch(() =>
        context.report("fragment-left-behind", { holder: account, segment: toHex(record.segmentId) }),
      ),
    );
  }
}

/** Stores the fragments that are missing and can be stored now. True when anything changed. */
async function placeMissing(context: EngineContext, record: SegmentRecord, signal: AbortSignal): Promise<boolean> {
  const reachable = reachableHolders(context);
  const assignment = assignmentOf(context, record, reachable);
  if (assignment === undefined) return false;
  const { code, holders } = assignment;
  const reassigned = holders !== record.holders;
  const placed = reassigned ? [] : record.placed;
  const targets = holders.flatMap((account, index) =>
    !placed.includes(index) && reachable.has(account) ? [{ account, index }] : [],
  );
  const enough = acknowledgedFragments(code);
  const suffices = record.state !== "pending" || placed.length + targets.length >= enough;
  if ((targets.length === 0 && record.state !== "pending") || !suffices) return false;
  const lease = await context.budget.take(segmentBufferBytes(record.sealedBytes, code), signal);
  try {
    const coded = await recode(context, record, code, lease.buffer, signal);
    signal.throwIfAborted();
    const { segmentId } = record;
    if (context.metadata.segment(segmentId)?.state !== record.state) return true;
    if (!reassigned && !equalConstantTime(coded.segmentRoot, record.segmentRoot)) {
      throw engineFaults.fault("spool-damaged", "the bytes of a segment are not those that were coded before");
    }
    if (reassigned) {
      const { fragmentBytes, segmentRoot } = coded;
      context.metadata.reassign(segmentId, { ...code, fragmentBytes, segmentRoot, holders });
      withdraw(context, record, holders);
    }
    const run = storeFragments(context, coded, targets, targets.length);
    signal.addEventListener("abort", run.cancel, { once: true });
    const stored = await run.settled;
    signal.removeEventListener("abort", run.cancel);
    if (stored.length > 0) context.metadata.markPlaced(segmentId, stored);
    if (record.state === "pending" && placed.length + stored.length >= enough) {
      if (context.metadata.segment(segmentId)?.state === "pending") {
        context.metadata.setSegmentState(segmentId, "placed");
        context.crashPoint("segment-drained");
      }
      await context.spool.remove(segmentId);
    }
    if (stored.length > 0) context.events.placementChanged(segmentId);
    return stored.length > 0 || reassigned;
  } finally {
    lease.release();
  }
}

async function placeAll(
  context: EngineContext,
  records: readonly SegmentRecord[],
  signal: AbortSignal,
): Promise<number> {
  const waiting = [...records];
  let changed = 0;
  const lane = async (): Promise<void> => {
    for (let record = waiting.shift(); record !== undefined && !signal.aborted; record = waiting.shift()) {
      try {
        if (await placeMissing(context, record, signal)) changed++;
      } catch (error) {
        if (!isFault(error)) throw error;
        context.report("segment-not-completed", { segment: toHex(record.segmentId), code: error.code });
      }
    }
  };
  // Every lane has ended before this does, so that nothing is under way any more when the engine has stopped.
  const lanes = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  for (const ended of lanes) if (ended.status === "rejected") throw ended.reason;
  return changed;
}

type Worklist = Exclude<SegmentState, "placed"> | "under-placed";

function isOn(list: Worklist, record: SegmentRecord | undefined): boolean {
  if (list === "under-placed") return record?.state === "placed" && record.placed.length < record.n;
  return record?.state === list;
}

/**
 * Goes through all segments on a list, page by page: those that can get no further now (a holder is away for weeks)
 * must not keep the work from the ones behind them.
 */
async function workThrough(
  context: EngineContext,
  list: Worklist,
  pageLength: number,
  signal: AbortSignal,
  work: (records: readonly SegmentRecord[]) => Promise<void>,
): Promise<void> {
  const { metadata, placing, world } = context;
  for (let skip = 0; !signal.aborted;) {
    const page = metadata.segmentsIn(list, pageLength, skip);
    const settled = page.filter(({ segmentId }) => !placing.has(toHex(segmentId)));
    if (settled.length > 0) await work(settled);
    if (page.length < pageLength) return;
    skip += page.filter(({ segmentId }) => isOn(list, metadata.segment(segmentId))).length;
    await world.sleep(pagePauseMs, signal);
  }
}

/** What these segments are dead by is to outlive this device before anybody frees them. */
async function removeKept(
  context: EngineContext,
  records: readonly SegmentRecord[],
  signal: AbortSignal,
): Promise<void> {
  if (context.isKept !== undefined) {
    // What lies on this device alone is lost with it in any case.
    for (const { segmentId } of records) await context.spool.remove(segmentId);
    if (!(await context.isKept(signal))) return;
  }
  await removeDead(context, records, signal);
}

/** One round of background work. Resolves to whether another round at once may get further. */
export async function upkeepRound(context: EngineContext, signal: AbortSignal): Promise<boolean> {
  let changed = 0;
  const place = async (records: readonly SegmentRecord[]): Promise<void> => {
    changed += await placeAll(context, records, signal);
  };
  await workThrough(context, "dead", removalBatch, signal, (records) => removeKept(context, records, signal));
  await workThrough(context, "pending", pageSegments, signal, place);
  await workThrough(context, "under-placed", pageSegments, signal, place);
  return changed > 0;
}
