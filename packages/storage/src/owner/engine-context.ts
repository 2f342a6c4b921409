import type { OwnerKeys } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { RedundancyPolicy } from "../policy/index.ts";
import type { Disk, HolderClient, HolderView, Members, Metadata, NewVersion } from "../ports/index.ts";
import type { EngineEvents } from "./engine-types.ts";
import type { HolderHealth } from "./holder-health.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { CodecContext } from "./segment-codec.ts";
import type { Spool } from "./spool.ts";

/** Where a test or a drill may end the process; each name is a moment at which a power cut must do no harm. */
export const ownerEngineCrashPoints = [
  "segment-sealed",
  "fragments-stored",
  "segment-spooled",
  "before-extent-commit",
  "after-extent-commit",
  "before-replacement",
  "after-replacement",
  "segment-drained",
  "before-fragment-removal",
  "after-fragment-removal",
] as const;
export type OwnerEngineCrashPoint = (typeof ownerEngineCrashPoints)[number];

/** What the engine is made of; the program constructs it once. */
export interface EngineOptions {
  readonly codec: CodecContext;
  /** The owner's keys; throws `locked` while they are not in memory. */
  readonly keys: () => OwnerKeys;
  /** Seals a FEK so that only the owner's keys open it; works without them. */
  readonly sealFek: (fek: Uint8Array, versionId: Uint8Array) => Pick<NewVersion, "wrappedFek" | "fekEpoch">;
  readonly world: World;
  readonly metadata: Metadata;
  readonly members: Members;
  readonly holderClient: HolderClient;
  readonly spoolDisk: Disk;
  readonly spoolLimitBytes: number;
  readonly policy: RedundancyPolicy;
  /** Failure domain of this device: nobody in it gets a fragment. */
  readonly ownDomain: string;
  /** Memory of segments under way, writes and repairs together. */
  readonly memoryLimitBytes: number;
  readonly events: EngineEvents;
  /** Background work, which commits and frees, rests while this is false; always true where it is absent. */
  readonly mayWork?: (() => boolean) | undefined;
  /**
   * Whether what was committed until now would outlive this device, after a bounded wait; always true where it is absent.
   * Fragments are freed only then: a device that came back by an older state would still count on them.
   */
  readonly isKept?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  readonly crashPoint: (name: OwnerEngineCrashPoint) => void;
  /** Failures that somebody else's device caused or that background work meets; never secrets. */
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** The options and the state that the engine's parts share. */
export interface EngineContext extends EngineOptions {
  readonly spool: Spool;
  readonly budget: MemoryBudget;
  readonly health: HolderHealth;
  /** Read-ahead of all reads together. */
  readonly readAhead: MemoryBudget;
  /** Work that goes on after its caller was answered; stopping waits for it. */
  readonly track: (work: Promise<unknown>) => void;
  /** Segments (hex) with store requests of their first placement under way: background work leaves them alone. */
  readonly placing: Set<string>;
  /** Which holders have confirmed the removal of a dead segment's fragments (by segment, hex): they are not asked again. */
  readonly confirmedRemovals: Map<string, Set<number>>;
  /** A number that grows by one with each segment, so that data and parity fall on all holders alike. */
  readonly nextTurn: () => number;
  /** Aborted when the engine stops. */
  readonly stopping: AbortSignal;
  /** Looks for background work soon. */
  readonly wake: () => void;
}

/** The members that work can be given to now. */
export function reachableHolders(context: Pick<EngineContext, "members" | "health">): ReadonlySet<string> {
  const reachable = context.members.holders().filter(({ account, online }) => online && !context.health.rests(account));
  return new Set(reachable.map(({ account }) => account));
}

export function holdersByAccount(members: Members): ReadonlyMap<string, HolderView> {
  return new Map(members.holders().map((holder) => [holder.account, holder]));
}
