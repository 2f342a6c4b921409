import { equalConstantTime, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { acknowledgedFragments, type Code } from "../policy/index.ts";
import type { SegmentRecord } from "../ports/index.ts";
import { gatherColumns } from "./column-gatherer.ts";
import { type EngineContext, holdersByAccount } from "./engine-context.ts";
import { engineFaults } from "./faults.ts";
import { storeFragments } from "./fragment-store.ts";
import { chooseHolders } from "./placement.ts";
import { cellLength, stripeCount } from "../fragment/index.ts";
import { type CodedSegment, decodeStripes, encodeSegment, segmentBufferBytes } from "./segment-codec.ts";

const batch = 64;
/** Segments are placed a few at a time, so that uploads keep most of the memory and of the network. */
const atOnce = 2;
const removalBatch = 256;

function isReachable(context: EngineContext, account: string): boolean {
  return holdersByAccount(context.members).get(account)?.online === true && !context.health.rests(account);
}

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

/** Who shall hold a segment: those it was given to, or, for one that waits without a code, those there are now. */
function assignmentOf(context: EngineContext, record: SegmentRecord, turn: number): Assignment | undefined {
  const views = holdersByAccount(context.members);
  const valid = record.holders.length > 0 && record.holders.every((account) => views.has(account));
  if (valid || record.state !== "pending") return { code: { k: record.k, n: record.n }, holders: record.holders };
  const code = context.policy(views.size + 1);
  if (code === undefined) return undefined;
  const now = { nowMs: context.world.nowMs(), turn };
  const holders = chooseHolders(context.members.holders(), context.ownDomain, code, now);
  return holders === undefined ? undefined : { code: { k: code.k, n: code.n }, holders };
}

/** Stores the fragments that are missing and can be stored now. True when anything changed. */
async function placeMissing(context: EngineContext, record: SegmentRecord, signal: AbortSignal): Promise<boolean> {
  const assignment = assignmentOf(context, record, record.segmentId[0] ?? 0);
  if (assignment === undefined) return false;
  const { code, holders } = assignment;
  const reassigned = holders !== record.holders;
  const placed = reassigned ? [] : record.placed;
  const targets = holders.flatMap((account, index) =>
    !placed.includes(index) && isReachable(context, account) ? [{ account, index }] : [],
  );
  const enough = acknowledgedFragments(code);
  const suffices = record.state !== "pending" || placed.length + targets.length >= enough;
  if (targets.length === 0 || !suffices) return false;
  const lease = await context.budget.take(segmentBufferBytes(record.sealedBytes, code), signal);
  try {
    const coded = await recode(context, record, code, lease.buffer, signal);
    const { segmentId } = record;
    if (context.metadata.segment(segmentId)?.state !== record.state) return true;
    if (!reassigned && !equalConstantTime(coded.segmentRoot, record.segmentRoot)) {
      throw engineFaults.fault("spool-damaged", "the bytes of a segment are not those that were coded before");
    }
    if (reassigned) {
      const { fragmentBytes, segmentRoot } = coded;
      context.metadata.reassign(segmentId, { ...code, fragmentBytes, segmentRoot, holders });
    }
    const run = storeFragments(
      {
        client: context.holderClient,
        health: context.health,
        world: context.world,
        onFailure: (account, error) =>
          context.report("fragment-not-stored", {
            holder: account,
            segment: toHex(segmentId),
            code: isFault(error) ? error.code : "internal",
          }),
      },
      coded,
      targets,
      targets.length,
    );
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
    return stored.length > 0;
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
  await Promise.all(Array.from({ length: atOnce }, lane));
  return changed;
}

/** Tells holders to remove dead segments; who is offline is told when it is back. */
async function removeDead(
  context: EngineContext,
  records: readonly SegmentRecord[],
  signal: AbortSignal,
): Promise<void> {
  const byHolder = new Map<string, SegmentRecord[]>();
  for (const record of records) {
    await context.spool.remove(record.segmentId);
    for (const account of record.holders) byHolder.set(account, [...(byHolder.get(account) ?? []), record]);
  }
  const members = holdersByAccount(context.members);
  await Promise.all(
    Array.from(byHolder, async ([account, dead]) => {
      if (members.has(account) && !isReachable(context, account)) return;
      for (let at = 0; at < dead.length; at += removalBatch) {
        const part = dead.slice(at, at + removalBatch);
        const ids = part.map(({ segmentId }) => segmentId);
        try {
          // A former member cannot be asked any more; what it still has is ciphertext it loses with its quota.
          if (members.has(account)) {
            context.crashPoint("before-fragment-removal");
            await context.holderClient.remove(account, ids, signal);
            context.crashPoint("after-fragment-removal");
          }
          for (const record of part) context.metadata.markRemoved(record.segmentId, [record.holders.indexOf(account)]);
        } catch (error) {
          if (!isFault(error)) throw error;
          context.health.failed(account);
          context.report("fragment-not-removed", { holder: account, code: error.code });
          return;
        }
      }
    }),
  );
  for (const { segmentId } of records) {
    if (context.metadata.segment(segmentId)?.placed.length === 0) context.metadata.forgetSegment(segmentId);
  }
}

/** One round of background work. Resolves to whether another round at once may get further. */
export async function upkeepRound(context: EngineContext, signal: AbortSignal): Promise<boolean> {
  const settledOnly = (records: readonly SegmentRecord[]): SegmentRecord[] =>
    records.filter(({ segmentId }) => !context.placing.has(toHex(segmentId)));
  const dead = settledOnly(context.metadata.segmentsIn("dead", 4 * removalBatch));
  if (dead.length > 0) await removeDead(context, dead, signal);
  if (signal.aborted) return false;
  let changed = await placeAll(context, settledOnly(context.metadata.segmentsIn("pending", batch)), signal);
  if (signal.aborted) return false;
  changed += await placeAll(context, settledOnly(context.metadata.segmentsIn("under-placed", batch)), signal);
  return changed > 0;
}
