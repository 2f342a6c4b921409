import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { encodeDelta, maxEntryPlainBytes, quorumOf, type SignedHead, witnessedSequence } from "../../log/index.ts";
import type { StoredEntry } from "../../ports/index.ts";
import { linkAbort } from "../abort-link.ts";
import { askHeads, decideStart } from "./own-head.ts";
import { Checkpointing } from "./checkpointing.ts";
import type { LogNetwork, MetadataLogOptions } from "./log-context.ts";
import { catchUp, needsRestore, restore } from "./restore.ts";
import { sealEntry } from "./seal-entry.ts";
import { VaultShipping } from "./vault.ts";
import { type PipelineEvents, WitnessPipeline } from "./witness-pipeline.ts";

/** What waits when an entry is made goes into it up to this; the rest goes into the next ones. */
const deltaBytes = 1024 * 1024;
/** With no quorum in reach entries are made all the same, at this pace, so that the witnesses there are get them. */
const paceMs = 2_000;
/** What nobody waits for lingers so long before it is made into an entry: often more comes that goes into the same. */
const lingerMs = 100;
const flushLimitMs = 15_000;
const firstCheckMs = 500;
const longestCheckMs = 15_000;

export type MetadataLogState = "checking" | "ready" | "behind-catching-up" | "forked" | "fenced" | "no-quorum";

export type FlushResult =
  | { readonly witnessed: true }
  | { readonly witnessed: false; readonly reason: MetadataLogState | "late" | "stopped" };

/** Where the log stands, for people. */
export interface MetadataLogView {
  readonly state: MetadataLogState;
  readonly sequence: number;
  readonly witnessedSequence: number;
  readonly checkpointSequence: number;
  /** Since when something is not witnessed; 0 = everything is. */
  readonly ageMs: number;
  readonly waitingChanges: boolean;
  readonly witnesses: readonly {
    readonly account: string;
    readonly online: boolean;
    /** Undefined = not heard yet. */
    readonly sequence: number | undefined;
  }[];
  /** How many of them have to have an entry. */
  readonly quorum: number;
}

/** The owner's side of the metadata log: makes entries of what is committed and brings them to the witnesses. */
export interface MetadataLog {
  /** Asks the witnesses for the own head, then works until stopped. Nothing may be committed before `ready`. */
  start(): void;
  stop(): Promise<void>;
  readonly state: MetadataLogState;
  readonly ready: boolean;
  /** Called after every change of the state. Returns the way to stop. */
  onChange(listener: () => void): () => void;
  /** Resolves once what was committed before the call is with a quorum, or after a bounded wait. */
  flush(signal: AbortSignal): Promise<FlushResult>;
  /** Makes a checkpoint now, e.g. after a change of the schema. Throws `too-few-holders` and what storing throws. */
  checkpoint(signal: AbortSignal): Promise<void>;
  view(): MetadataLogView;
}

interface Waiter {
  /** The entry that holds what waits for it; undefined = not made yet. */
  target: number | undefined;
  readonly resolve: (result: FlushResult) => void;
}

class ShippedLog implements MetadataLog {
  readonly #options: MetadataLogOptions;
  readonly #stopping = new AbortController();
  readonly #pipelines = new Map<string, WitnessPipeline>();
  readonly #fencedBy = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #waiters = new Set<Waiter>();
  readonly #checkpointing: Checkpointing;
  readonly #work = new Set<Promise<unknown>>();
  #unsubscribe: (() => void)[] = [];
  #state: MetadataLogState = "checking";
  #membersMoved = Promise.withResolvers<undefined>();
  #vaultMoved: () => void = () => undefined;
  #unwitnessedSinceMs = 0;
  #madeAtMs = -Infinity;
  #paced = false;
  #lingering = false;

  constructor(options: MetadataLogOptions) {
    this.#options = options;
    this.#checkpointing = new Checkpointing(options, this.#stopping.signal, {
      makeDeltas: () => this.#makeAll(),
      made: () => this.#made(),
      entryParts: () => this.#entryParts(),
    });
  }

  get state(): MetadataLogState {
    return this.#state;
  }

  get ready(): boolean {
    return this.#state === "ready";
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    const { onMembersChange, ownLog } = this.#options;
    this.#unsubscribe = [onMembersChange(() => this.#membersChanged()), ownLog.onCommit(() => this.#committed())];
    this.#track(this.#begin());
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the metadata log stops"));
    for (const stop of this.#unsubscribe) stop();
    for (const pipeline of this.#pipelines.values()) pipeline.stop();
    this.#settleWaiters("stopped");
    this.#membersMoved.resolve(undefined);
    this.#vaultMoved();
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  /** Faults end where they arise; anything else is a bug and ends the process, unless the log is stopped. */
  #track(work: Promise<unknown>): void {
    const ended = work.catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) throw error;
    });
    this.#work.add(ended);
    void ended.finally(() => this.#work.delete(ended));
  }

  #set(state: MetadataLogState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
    if (state === "forked" || state === "fenced") {
      this.#options.report("metadata-log-stopped", { state });
      for (const pipeline of this.#pipelines.values()) pipeline.stop();
      this.#pipelines.clear();
      this.#settleWaiters(state);
    }
  }

  #membersChanged(): void {
    this.#membersMoved.resolve(undefined);
    this.#membersMoved = Promise.withResolvers<undefined>();
    if (this.#options.isReplaced()) {
      this.#set("fenced");
      return;
    }
    if (this.ready) {
      this.#matchPipelines();
      this.#advance();
    }
  }

  /** The own head check, again and again until a quorum has answered. */
  async #begin(): Promise<void> {
    const { signal } = this.#stopping;
    let pauseMs = firstCheckMs;
    while (!signal.aborted) {
      const moved = this.#membersMoved.promise;
      if (this.#state === "fenced") return;
      try {
        if (await this.#check(signal)) return;
      } catch (error) {
        if (signal.aborted) return;
        if (isFault(error, "log-forked")) this.#set("forked");
        if (!isFault(error)) throw error;
        if (this.#state === "forked") return;
        this.#options.report("own-head-not-checked", { code: error.code });
        this.#set("no-quorum");
      }
      await this.#wait(moved, pauseMs, signal);
      pauseMs = Math.min(longestCheckMs, pauseMs * 2);
    }
  }

  async #wait(moved: Promise<undefined>, ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const unlink = linkAbort(over, signal);
    await Promise.race([this.#options.world.sleep(ms, over.signal).catch(() => undefined), moved]);
    unlink();
    over.abort();
  }

  /** Whether the check is over, for good or bad. */
  async #check(signal: AbortSignal): Promise<boolean> {
    const { ownLog, isReplaced, isAccepted } = this.#options;
    if (isReplaced()) {
      this.#set("fenced");
      return true;
    }
    const answers = await askHeads(this.#options, this.#options.witnesses(), signal);
    const decision = decideStart(this.#options, answers);
    switch (decision.type) {
      case "fenced":
      case "forked":
        this.#set(decision.type);
        return true;
      case "not-enough-answers":
        if (isAccepted?.() === true) {
          this.#go();
          return true;
        }
        this.#set("no-quorum");
        return false;
      case "behind": {
        this.#set("behind-catching-up");
        const { target, from } = decision;
        try {
          // Changes that wait here were made of an older state: their place in the log is taken. And where the target's
          // checkpoint has made entries superfluous that are missing here, nobody has them any more.
          const isTooFar = target.head.checkpoint > ownLog.position().sequence + 1;
          if (ownLog.waiting || isTooFar) await restore(this.#options, ownLog, target, from, signal);
          else await catchUp(this.#options, ownLog, target, from, signal);
        } catch (error) {
          if (!needsRestore(error)) throw error;
          await restore(this.#options, ownLog, target, from, signal);
        }
        return false;
      }
      case "in-step":
        this.#go();
        return true;
      default:
        return decision satisfies never;
    }
  }

  #go(): void {
    const { vault } = this.#options;
    // First the witnesses that count, then the word that it goes on: who hears it may ask at once.
    this.#matchPipelines();
    this.#set("ready");
    this.#advance();
    this.#track(this.#checkpointing.run());
    if (vault !== undefined) {
      const moved = (): Promise<undefined> => {
        const next = Promise.withResolvers<undefined>();
        this.#vaultMoved = () => next.resolve(undefined);
        return next.promise;
      };
      this.#track(new VaultShipping(this.#options, vault, this.#stopping.signal).run(moved));
    }
  }

  #matchPipelines(): void {
    const { witnesses } = this.#options;
    const wanted = new Map(witnesses().map((witness) => [witness.account, witness]));
    for (const [account, pipeline] of this.#pipelines) {
      if (wanted.has(account)) continue;
      pipeline.stop();
      this.#pipelines.delete(account);
    }
    const events: PipelineEvents = {
      has: () => this.#advance(),
      fenced: (witness) => this.#fenced(witness),
      forked: (other) => this.#forked(other),
      needsCheckpoint: () => this.#checkpointing.want(),
    };
    for (const { account, online } of wanted.values()) {
      const known = this.#pipelines.get(account);
      if (known !== undefined) {
        if (online) known.seen();
        continue;
      }
      const pipeline = new WitnessPipeline(this.#options, account, events, this.#stopping.signal);
      this.#pipelines.set(account, pipeline);
      this.#track(pipeline.run());
    }
  }

  #fenced(witness: string): void {
    this.#fencedBy.add(witness);
    const { faulty } = quorumOf(this.#pipelines.size);
    if (this.#fencedBy.size > faulty) this.#set("fenced");
  }

  #forked(other: SignedHead): void {
    this.#options.report("metadata-log-forked", { sequence: other.head.sequence, hash: toHex(other.hash) });
    this.#set("forked");
  }

  /** Looks what a quorum has, and makes the next entry when the last one is through; on a full disk, again later. */
  #advance(): void {
    if (!this.ready) return;
    try {
      this.#step();
    } catch (error) {
      if (!isFault(error, "disk-full")) throw error;
      this.#options.report("metadata-log-disk-full", { message: error.message });
      this.#advanceLater(paceMs);
    }
  }

  #step(): void {
    const { ownLog, network } = this.#options;
    const position = ownLog.position();
    const known = Array.from(this.#pipelines.values(), (pipeline) => pipeline.known ?? 0);
    const reached = Math.min(position.sequence, witnessedSequence(known, quorumOf(this.#pipelines.size)));
    if (reached > position.witnessed) {
      this.#options.crashPoint("before-witnessed");
      ownLog.markWitnessed(reached);
      this.#options.crashPoint("after-witnessed");
      this.#checkpointing.witnessed();
      this.#vaultMoved();
    }
    const isThrough = ownLog.position().witnessed >= position.sequence;
    if (isThrough && !ownLog.waiting) this.#unwitnessedSinceMs = 0;
    this.#resolveWaiters(network());
    const isWanted = this.#waiters.size > 0 || !this.#lingering;
    if (isWanted && ownLog.waiting && network() !== undefined) this.#makeNext(isThrough);
  }

  #makeNext(isThrough: boolean): void {
    const { world } = this.#options;
    const waitedMs = world.monotonicMs() - this.#madeAtMs;
    if (isThrough || waitedMs >= paceMs) {
      this.#makeOne();
      this.#made();
    } else {
      this.#advanceLater(paceMs - waitedMs);
    }
  }

  #advanceLater(afterMs: number): void {
    if (this.#paced) return;
    this.#paced = true;
    const paced = this.#options.world.sleep(afterMs, this.#stopping.signal).then(
      () => {
        this.#paced = false;
        this.#advance();
      },
      () => undefined,
    );
    this.#track(paced);
  }

  /** Something was committed. Whatever else is committed in this turn goes into the same entry. */
  #committed(): void {
    const { world } = this.#options;
    if (this.#unwitnessedSinceMs === 0) this.#unwitnessedSinceMs = world.nowMs();
    if (this.#waiters.size > 0) {
      this.#track(Promise.resolve().then(() => this.#advance()));
      return;
    }
    if (this.#lingering) return;
    this.#lingering = true;
    const over = world.sleep(lingerMs, this.#stopping.signal).then(
      () => {
        this.#lingering = false;
        this.#advance();
      },
      () => undefined,
    );
    this.#track(over);
  }

  #entryParts(): Parameters<typeof sealEntry>[0] | undefined {
    const { identity, keyEpoch, metadataKey, ownLog, world, network } = this.#options;
    const there = network();
    const key = metadataKey(keyEpoch());
    if (there === undefined || key === undefined) return undefined;
    const { schemaVersion } = ownLog;
    const position = ownLog.position();
    return { identity, network: there, metadataKey: key, keyEpoch: keyEpoch(), schemaVersion, position, world };
  }

  #makeOne(): StoredEntry | undefined {
    const { ownLog, crashPoint, world } = this.#options;
    const parts = this.#entryParts();
    if (parts === undefined) return undefined;
    const entry = ownLog.append(Math.min(deltaBytes, maxEntryPlainBytes), ({ payload, digest }) =>
      sealEntry(parts, "delta", encodeDelta({ digest, changes: payload })),
    );
    this.#madeAtMs = world.monotonicMs();
    if (entry !== undefined) {
      crashPoint("entry-made");
      this.#checkpointing.grown(entry);
    }
    return entry;
  }

  /** Everything that waits becomes entries at once; false where none can be made now. */
  #makeAll(): boolean {
    const { ownLog } = this.#options;
    while (ownLog.waiting) if (this.#makeOne() === undefined) return false;
    return true;
  }

  /** Entries were made: who waited for them learns which, and the witnesses get them. */
  #made(): void {
    const { ownLog } = this.#options;
    const { sequence } = ownLog.position();
    if (!ownLog.waiting) for (const waiter of this.#waiters) waiter.target ??= sequence;
    for (const pipeline of this.#pipelines.values()) pipeline.wake();
    if (this.#pipelines.size === 0) this.#advance();
  }

  #resolveWaiters(network: LogNetwork | undefined): void {
    const { ownLog } = this.#options;
    const { witnessed } = ownLog.position();
    for (const waiter of this.#waiters) {
      // In no network nobody can witness anything, and what is committed waits for one.
      if (network !== undefined && (waiter.target === undefined || waiter.target > witnessed)) continue;
      waiter.resolve({ witnessed: true });
    }
  }

  #settleWaiters(reason: Extract<FlushResult, { witnessed: false }>["reason"]): void {
    for (const waiter of this.#waiters) waiter.resolve({ witnessed: false, reason });
  }

  async flush(signal: AbortSignal): Promise<FlushResult> {
    signal.throwIfAborted();
    if (this.#stopping.signal.aborted) return { witnessed: false, reason: "stopped" };
    if (!this.ready) return { witnessed: false, reason: this.#state };
    const { ownLog, world } = this.#options;
    const result = Promise.withResolvers<FlushResult>();
    const target = ownLog.waiting ? undefined : ownLog.position().sequence;
    const waiter: Waiter = { target, resolve: result.resolve };
    this.#waiters.add(waiter);
    const over = new AbortController();
    const unlink = linkAbort(over, signal);
    const onAbort = (): void => result.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    world.sleep(flushLimitMs, over.signal).then(
      () => result.resolve({ witnessed: false, reason: "late" }),
      () => undefined,
    );
    try {
      this.#advance();
      return await result.promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener("abort", onAbort);
      unlink();
      over.abort();
    }
  }

  checkpoint(signal: AbortSignal): Promise<void> {
    return this.#checkpointing.make(signal);
  }

  view(): MetadataLogView {
    const { ownLog, witnesses, world } = this.#options;
    const { sequence, witnessed, checkpoint } = ownLog.position();
    const since = this.#unwitnessedSinceMs;
    const views = witnesses();
    return {
      state: this.#state,
      sequence,
      witnessedSequence: witnessed,
      checkpointSequence: checkpoint,
      ageMs: since === 0 ? 0 : Math.max(0, world.nowMs() - since),
      waitingChanges: ownLog.waiting,
      witnesses: views.map(({ account, online }) => ({
        account,
        online,
        sequence: this.#pipelines.get(account)?.known,
      })),
      quorum: quorumOf(views.length).quorum,
    };
  }
}

export function createMetadataLog(options: MetadataLogOptions): MetadataLog {
  return new ShippedLog(options);
}
