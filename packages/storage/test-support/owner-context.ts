/** What the parts of the owner's engine share, with a world whose time a test moves and holders that answer at will. */
import { SeededWorld } from "@piccolo/world";
import { CrashDisk, MemoryMetadata } from "../src/fakes/index.ts";
import type { EngineContext } from "../src/owner/engine-context.ts";
import { HolderHealth } from "../src/owner/holder-health.ts";
import { MemoryBudget } from "../src/owner/memory-budget.ts";
import { type CodedSegment, encodeSegment, segmentBufferBytes } from "../src/owner/segment-codec.ts";
import { Spool } from "../src/owner/spool.ts";
import { type Code, fixedPolicy } from "../src/policy/index.ts";
import { type HolderClient, type HolderView, transportFaults } from "../src/ports/index.ts";
import { id, pattern } from "../src/suites/suite.ts";
import { hash } from "./small-network.ts";

export const codec = { account: id(32, 77), maskKey: id(32, 78), hash };

/** The account (hex) of a holder. */
export function accountOf(number: number): string {
  return number.toString(16).padStart(64, "0");
}

export function holderView(number: number, rest: Partial<HolderView> = {}): HolderView {
  return {
    account: accountOf(number),
    name: `holder ${number}`,
    deviceKey: id(32, number),
    addresses: [],
    online: true,
    lastSeenMs: 1_800_000_000_000,
    roundTripMs: 1,
    domain: `household ${number}`,
    ...rest,
  };
}

/** A client that reaches nobody; a test gives the methods it wants to see. */
export function deafClient(methods: Partial<HolderClient>): HolderClient {
  const nobody = (): Promise<never> => Promise.reject(transportFaults.fault("peer-unreachable", "nobody is there"));
  return { store: nobody, fetch: nobody, remove: nobody, status: nobody, ...methods };
}

export interface TestContext extends EngineContext {
  readonly world: SeededWorld;
  readonly metadata: MemoryMetadata;
  readonly spoolDisk: CrashDisk;
  readonly reports: string[];
  /** Everything that was handed over to go on in the background. */
  readonly background: Promise<unknown>[];
}

export function makeContext(
  holders: readonly HolderView[],
  client: Partial<HolderClient>,
  rest: Partial<EngineContext> = {},
): TestContext {
  const world = new SeededWorld("owner");
  const spoolDisk = new CrashDisk();
  const reports: string[] = [];
  const background: Promise<unknown>[] = [];
  return {
    codec,
    keys: () => {
      throw new Error("no keys are needed here");
    },
    sealFek: () => {
      throw new Error("no keys are needed here");
    },
    members: { holders: () => holders, onChange: () => () => undefined },
    holderClient: deafClient(client),
    spoolLimitBytes: 64 * 1024 * 1024,
    policy: fixedPolicy({ k: 2, n: 4 }),
    ownDomain: "home",
    memoryLimitBytes: 64 * 1024 * 1024,
    events: { committed: () => undefined, placementChanged: () => undefined },
    crashPoint: () => undefined,
    report: (event, facts) => reports.push(`${event} ${JSON.stringify(facts)}`),
    spool: new Spool(spoolDisk, 64 * 1024 * 1024),
    budget: new MemoryBudget(64 * 1024 * 1024),
    health: new HolderHealth(world),
    readAhead: new MemoryBudget(64 * 1024 * 1024),
    track: (work) => void background.push(work),
    placing: new Set(),
    confirmedRemovals: new Map(),
    nextTurn: () => 0,
    stopping: new AbortController().signal,
    wake: () => undefined,
    ...rest,
    world,
    metadata: new MemoryMetadata(),
    spoolDisk,
    reports,
    background,
  };
}

/** A segment of patterned bytes, coded. */
export function codedSegment(number: number, code: Code, sealedBytes = 1_000): CodedSegment {
  const buffer = new Uint8Array(segmentBufferBytes(sealedBytes, code));
  buffer.set(pattern(sealedBytes, number));
  return encodeSegment(codec, { segmentId: id(16, number), sealedBytes, code }, buffer);
}

/** Moves the world's time on until the promise settles; at most so far. */
export async function within<T>(world: SeededWorld, ms: number, promise: Promise<T>): Promise<T> {
  let settled = false;
  const mark = (): void => {
    settled = true;
  };
  promise.then(mark, mark);
  const endMs = world.monotonicMs() + ms;
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    if (settled) return promise;
    if (world.monotonicMs() >= endMs) throw new Error(`it did not happen within ${ms} ms`);
    await world.advance(Math.min(10, endMs - world.monotonicMs()));
  }
}

export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
