import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { transportFaults } from "../ports/index.ts";
import type { EngineContext } from "./engine-context.ts";
import type { CodedSegment } from "./segment-codec.ts";

/** A single fragment may take so long before its holder is given up for now. */
const storeLimitMs = 60_000;
const busyTries = 4;
const busyPauseMs = 150;
/** A holder that was given up as too slow is left alone for so long at least. */
const slowRestMs = 10_000;

/** The reason of an abort that is the holder's own fault. */
const tooSlow = transportFaults.fault("peer-timeout", "the holder did not take the fragment in time");

export interface StoreTarget {
  readonly index: number;
  readonly account: string;
}

export interface StoreRun {
  /** Resolves with the indexes stored so far when `enough` are, or when nothing is left to wait for. */
  readonly enough: Promise<readonly number[]>;
  /** Resolves with all indexes stored, once every request has ended. Never rejects. */
  readonly settled: Promise<readonly number[]>;
  /** Ends the requests that still run; their holders may or may not have the fragment. */
  readonly cancel: () => void;
  /** The same, and counts it as a failure of the holders that did not answer: the next segments pass them over. */
  readonly giveUp: () => void;
}

/** What storing needs of the engine. */
export type StoringContext = Pick<EngineContext, "holderClient" | "health" | "world" | "report">;

async function storeOne(
  context: StoringContext,
  segment: CodedSegment,
  target: StoreTarget,
  signal: AbortSignal,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      await context.holderClient.store(
        target.account,
        segment.header(target.index),
        segment.body(target.index),
        signal,
      );
      context.health.succeeded(target.account);
      return true;
    } catch (error) {
      if (signal.aborted) return ended(context, segment, target, signal);
      if (isFault(error, "busy") && attempt < busyTries) {
        // A busy holder has said that it lives; asking again soon is what it expects.
        await context.world.sleep(busyPauseMs * attempt, signal).catch(() => undefined);
        if (signal.aborted) return ended(context, segment, target, signal);
        continue;
      }
      if (isFault(error, "conflict")) {
        // An earlier coding of this segment lies there, which only its owner, us, can have put and may replace.
        if (attempt < busyTries && (await removeOne(context, segment, target, signal))) continue;
      }
      context.health.failed(target.account);
      reportFailure(context, segment, target, error);
      return false;
    }
  }
}

function reportFailure(
  context: StoringContext,
  { segmentId }: CodedSegment,
  { account }: StoreTarget,
  error: unknown,
): void {
  const code = isFault(error) ? error.code : "internal";
  context.report("fragment-not-stored", { holder: account, segment: toHex(segmentId), code });
}

function ended(context: StoringContext, segment: CodedSegment, target: StoreTarget, signal: AbortSignal): false {
  if (signal.reason === tooSlow) {
    context.health.failed(target.account, slowRestMs);
    reportFailure(context, segment, target, tooSlow);
  }
  return false;
}

async function removeOne(
  context: StoringContext,
  segment: CodedSegment,
  target: StoreTarget,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await context.holderClient.remove(target.account, [segment.segmentId], signal);
    return true;
  } catch {
    return false;
  }
}

/** Sends fragments to their holders, all at once; each holder gets one. */
export function storeFragments(
  context: StoringContext,
  segment: CodedSegment,
  targets: readonly StoreTarget[],
  enoughCount: number,
): StoreRun {
  const abort = new AbortController();
  const stored: number[] = [];
  const reached = Promise.withResolvers<readonly number[]>();
  const limit = new AbortController();
  const requests = targets.map(async (target) => {
    if (await storeOne(context, segment, target, abort.signal)) stored.push(target.index);
    if (stored.length >= enoughCount) reached.resolve([...stored]);
  });
  const settled = Promise.all(requests).then(() => {
    limit.abort();
    reached.resolve([...stored]);
    return stored;
  });
  context.world.sleep(storeLimitMs, limit.signal).then(
    () => abort.abort(tooSlow),
    () => undefined,
  );
  return {
    enough: reached.promise,
    settled,
    cancel: () => abort.abort(),
    giveUp: () => abort.abort(tooSlow),
  };
}
