import { equalConstantTime, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { type FragmentKey, segmentRoot } from "../fragment/index.ts";
import type { CellRange, FetchedCells, SegmentRecord } from "../ports/index.ts";
import { type EngineContext, holdersByAccount } from "./engine-context.ts";
import { engineFaults } from "./faults.ts";
import { readOrder } from "./placement.ts";
import type { FetchedColumn } from "./segment-codec.ts";

/** After so long without the k-th answer one more holder is asked. */
const hedgeAfterMs = 400;
const fetchLimitMs = 30_000;
const busyTries = 4;
const busyPauseMs = 150;

/** What gathering needs of the engine. */
export type GatheringContext = Pick<
  EngineContext,
  "codec" | "holderClient" | "health" | "members" | "world" | "report"
>;

/** Made once: a reason made anew for every block would take its stack each time. */
const gathered = new Error("the columns are there");

/** Stripes of a segment: [first, first + count). */
export interface Stripes {
  readonly first: number;
  readonly count: number;
}

/** A busy holder has said that it lives, and is asked again soon; meanwhile others may be asked as well. */
async function fetchPatiently(
  { holderClient, world }: GatheringContext,
  account: string,
  key: FragmentKey,
  range: CellRange,
  signal: AbortSignal,
): Promise<FetchedCells> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await holderClient.fetch(account, key, range, signal);
    } catch (error) {
      if (!isFault(error, "busy") || attempt === busyTries) throw error;
      await world.sleep(busyPauseMs * attempt, signal);
    }
  }
}

async function fetchColumn(
  context: GatheringContext,
  record: SegmentRecord,
  index: number,
  stripes: Stripes,
  signal: AbortSignal,
): Promise<FetchedColumn> {
  const account = record.holders[index];
  if (account === undefined) throw engineFaults.fault("not-enough-fragments", "nobody is meant to hold the fragment");
  const key = { account: context.codec.account, segmentId: record.segmentId, index };
  const range = { firstCell: stripes.first, cellCount: stripes.count };
  try {
    const { header, cells, release } = await fetchPatiently(context, account, key, range, signal);
    const { k, n, fragmentBytes, roots } = header;
    const root = segmentRoot({ ...key, k, n, fragmentBytes, roots }, context.codec.hash);
    if (!equalConstantTime(root, record.segmentRoot)) {
      throw engineFaults.fault("not-enough-fragments", "a holder sent a fragment of another segment");
    }
    context.health.succeeded(account);
    return { index, cells, release };
  } catch (error) {
    if (!signal.aborted) {
      context.health.failed(account);
      context.report("fragment-not-fetched", {
        holder: account,
        segment: toHex(record.segmentId),
        code: isFault(error) ? error.code : "internal",
      });
    }
    throw error;
  }
}

/** Placed fragments first; behind them those that a holder may have although it was never heard to say so. */
function askingOrder(context: GatheringContext, record: SegmentRecord): number[] {
  const views = holdersByAccount(context.members);
  const sources = record.holders.map((account, index) => {
    const view = views.get(account);
    return {
      index,
      online: view?.online ?? false,
      roundTripMs: view?.roundTripMs ?? Infinity,
      resting: context.health.rests(account),
      placed: record.placed.includes(index),
    };
  });
  return [
    ...readOrder(
      sources.filter(({ placed }) => placed),
      record.k,
    ),
    ...readOrder(
      sources.filter(({ placed, online }) => !placed && online),
      record.k,
    ),
  ];
}

/**
 * Fetches the given stripes of any k fragments, each checked against the segment root. Asks the k best holders, with
 * `eager` one more at once, and another whenever one fails or is late. Throws `not-enough-fragments` with how many are
 * missing, or the signal's reason.
 */
export async function gatherColumns(
  context: GatheringContext,
  record: SegmentRecord,
  stripes: Stripes,
  options: { readonly eager: boolean },
  signal: AbortSignal,
): Promise<readonly FetchedColumn[]> {
  signal.throwIfAborted();
  const { k } = record;
  const order = askingOrder(context, record);
  const abort = new AbortController();
  const columns: FetchedColumn[] = [];
  const done = Promise.withResolvers<undefined>();
  // Whoever still waits when the caller gives up hears its reason; nobody does once the columns are there.
  done.promise.catch(() => undefined);
  const onAbort = (): void => {
    abort.abort(signal.reason);
    done.reject(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  let asked = 0;
  /** Since when each fragment that has not come yet has been asked for. */
  const running = new Map<number, number>();
  const missing = (): Error => {
    const lacking = k - columns.length;
    return engineFaults.fault(
      "not-enough-fragments",
      `${lacking} more ${lacking === 1 ? "device has" : "devices have"} to come back online before this can be read: ${columns.length} of the ${k} needed answered`,
      { details: { missing: lacking, needed: k, segment: toHex(record.segmentId) } },
    );
  };
  const ask = (): boolean => {
    const index = order[asked];
    if (index === undefined) return false;
    asked++;
    running.set(index, context.world.monotonicMs());
    fetchColumn(context, record, index, stripes, abort.signal).then(
      (column) => {
        running.delete(index);
        if (columns.length < k) columns.push(column);
        else column.release?.();
        if (columns.length === k) done.resolve(undefined);
        else if (running.size === 0) done.reject(missing());
      },
      () => {
        running.delete(index);
        if (columns.length < k && !ask() && running.size === 0) done.reject(missing());
      },
    );
    return true;
  };
  const hedge = async (): Promise<void> => {
    const startMs = context.world.monotonicMs();
    while (!abort.signal.aborted) {
      await context.world.sleep(hedgeAfterMs, abort.signal);
      ask();
      if (context.world.monotonicMs() - startMs > fetchLimitMs) done.reject(missing());
    }
  };
  try {
    for (let at = 0; at < k + (options.eager ? 1 : 0); at++) ask();
    if (running.size === 0) throw missing();
    hedge().catch(() => undefined);
    await done.promise;
    // Who was overtaken only after a hedge is passed over for a while, else every block would wait for it anew.
    for (const [index, sinceMs] of running) {
      const account = record.holders[index];
      const isLate = context.world.monotonicMs() - sinceMs >= hedgeAfterMs;
      if (isLate && account !== undefined) context.health.failed(account);
    }
    return columns;
  } finally {
    signal.removeEventListener("abort", onAbort);
    abort.abort(gathered);
  }
}
