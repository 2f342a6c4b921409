import assert from "node:assert/strict";
import { isFault } from "@piccolo/fault";
import {
  type CheckpointRun,
  decodeCheckpoint,
  decodeHead,
  encodeCheckpoint,
  encodeEntries,
  type LogHead,
} from "../../log/index.ts";
import type { StoredEntry } from "../../ports/index.ts";
import { linkAbort } from "../abort-link.ts";
import { engineFaults } from "../faults.ts";
import type { MetadataLogOptions } from "./log-context.ts";
import { openEntry, sealEntry } from "./seal-entry.ts";

/** So much of deltas since the last checkpoint make a new one due. */
const dueBytes = 8 * 1024 * 1024;
const dueEntries = 2_000;
/** Entries made while a snapshot is stored go into the checkpoint itself up to this; more are stored like the snapshot. */
const inlineTailBytes = 512 * 1024;
/** After so many rounds of new entries the checkpoint is given up for now. */
const tailRunsMax = 8;
const pageBytes = 4 * 1024 * 1024;
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;
/** A holder that cannot be told for so long loses what it has with its quota, or with its membership. */
const tellForMs = 7 * 86_400_000;

/** What making a checkpoint needs of the log it belongs to. */
export interface CheckpointingHooks {
  /** Turns everything that waits into entries; false where none can be made now. */
  makeDeltas(): boolean;
  /** An entry was made. */
  made(): void;
  entryParts(): Parameters<typeof sealEntry>[0] | undefined;
}

/** Decides when to fold the deltas, makes checkpoints, and removes what former ones stored. */
export class Checkpointing {
  readonly #options: MetadataLogOptions;
  readonly #stopping: AbortSignal;
  readonly #hooks: CheckpointingHooks;
  #wake = Promise.withResolvers<undefined>();
  #making: Promise<void> | undefined;
  #wanted = false;
  #bytes = 0;
  #entries = 0;

  constructor(options: MetadataLogOptions, stopping: AbortSignal, hooks: CheckpointingHooks) {
    this.#options = options;
    this.#stopping = stopping;
    this.#hooks = hooks;
    stopping.addEventListener("abort", () => this.#wake.resolve(undefined), { once: true });
  }

  /** A delta was made. */
  grown({ head, sealed }: StoredEntry): void {
    this.#bytes += head.length + sealed.length;
    this.#entries++;
    if (this.#isDue()) this.#wake.resolve(undefined);
  }

  /** More is witnessed than before: perhaps the newest checkpoint. */
  witnessed(): void {
    const { checkpoint, witnessed } = this.#options.ownLog.position();
    if (checkpoint > 0 && witnessed >= checkpoint) this.#wake.resolve(undefined);
  }

  want(): void {
    this.#wanted = true;
    this.#wake.resolve(undefined);
  }

  #isDue(): boolean {
    return this.#wanted || this.#bytes >= dueBytes || this.#entries >= dueEntries || this.#isUnderFormerKey();
  }

  /** What a restore begins with is still sealed under the key of an earlier epoch, which is to be forgotten. */
  #isUnderFormerKey(): boolean {
    const { ownLog, keyEpoch } = this.#options;
    const { sequence, checkpoint } = ownLog.position();
    const [first] = sequence === 0 ? [] : ownLog.entries(Math.max(1, checkpoint), 1);
    return first !== undefined && decodeHead(first.head).head.keyEpoch < keyEpoch();
  }

  /** Goes on until stopped. */
  async run(): Promise<void> {
    this.#measure();
    let pauseMs = firstPauseMs;
    while (!this.#stopping.aborted) {
      this.#wake = Promise.withResolvers<undefined>();
      const { promise: woken } = this.#wake;
      let failed = false;
      try {
        if (this.#isDue()) await this.make(this.#stopping);
        failed = !(await this.#removeFormer());
      } catch (error) {
        if (this.#stopping.aborted) return;
        if (!isFault(error)) throw error;
        this.#options.report("checkpoint-not-made", { code: error.code });
        failed = true;
      }
      if (!failed) {
        pauseMs = firstPauseMs;
        await woken;
        continue;
      }
      await this.#options.world.sleep(pauseMs, this.#stopping).catch(() => undefined);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  }

  /** What lies behind the last checkpoint at start, and whether the schema has changed since. */
  #measure(): void {
    const { ownLog } = this.#options;
    const { sequence, checkpoint } = ownLog.position();
    let last: StoredEntry | undefined;
    for (let next = checkpoint + 1; next <= sequence;) {
      const page = ownLog.entries(next, pageBytes);
      for (const entry of page) this.grown(entry);
      last = page.at(-1);
      if (last === undefined) break;
      next = last.sequence + 1;
    }
    last ??= ownLog.entries(sequence, 1)[0];
    const isOther = last !== undefined && decodeHead(last.head).head.schemaVersion !== ownLog.schemaVersion;
    if (isOther || ownLog.checkpointDue) this.want();
  }

  /** Makes one now; whoever asks while one is made shares it. */
  make(signal: AbortSignal): Promise<void> {
    this.#making ??= this.#make(signal).finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #make(signal: AbortSignal): Promise<void> {
    const { checkpoints } = this.#options;
    const abort = new AbortController();
    const unlink = linkAbort(abort, signal, this.#stopping);
    /** Empty again as soon as an entry points to it. */
    const stored: CheckpointRun[] = [];
    try {
      await this.#storeAndAppend(stored, abort.signal);
    } catch (error) {
      if (stored.length > 0) await checkpoints.remove(stored, this.#stopping).catch(() => undefined);
      throw error;
    } finally {
      unlink();
    }
  }

  async #storeAndAppend(stored: CheckpointRun[], signal: AbortSignal): Promise<void> {
    const { ownLog, checkpoints, crashPoint } = this.#options;
    this.#makeDeltas();
    const { sequence: baseSequence } = ownLog.position();
    const [base] = baseSequence === 0 ? [] : ownLog.entries(baseSequence, 1);
    const snapshot = ownLog.snapshot();
    let run: CheckpointRun;
    try {
      run = await checkpoints.store(snapshot.pieces(), signal);
    } finally {
      snapshot.close();
    }
    stored.push(run);
    crashPoint("checkpoint-stored");
    let next = baseSequence + 1;
    for (;;) {
      this.#makeDeltas();
      const tail = this.#entriesFrom(next);
      const tailBytes = tail.reduce((sum, { head, sealed }) => sum + head.length + sealed.length, 0);
      const last = tail.at(-1);
      if (tailBytes <= inlineTailBytes || last === undefined) {
        // In one turn with the deltas before it, so that nothing waits when the checkpoint is made.
        this.#append({ ...run, digest: snapshot.digest }, base, stored.slice(1), tail, () => stored.splice(0));
        return;
      }
      if (stored.length > tailRunsMax) {
        throw engineFaults.fault("too-few-holders", "entries are made faster than a checkpoint can be stored");
      }
      stored.push(await checkpoints.store([encodeEntries(tail)], signal));
      next = last.sequence + 1;
    }
  }

  #makeDeltas(): void {
    if (this.#hooks.makeDeltas()) return;
    throw engineFaults.fault("too-few-holders", "a checkpoint takes a network and the metadata key");
  }

  #entriesFrom(from: number): StoredEntry[] {
    const { ownLog } = this.#options;
    const entries: StoredEntry[] = [];
    for (let next = from; ;) {
      const page = ownLog.entries(next, pageBytes);
      entries.push(...page);
      const last = page.at(-1);
      if (last === undefined || last.sequence === ownLog.position().sequence) return entries;
      next = last.sequence + 1;
    }
  }

  #append(
    snapshot: Parameters<typeof encodeCheckpoint>[0]["snapshot"],
    base: StoredEntry | undefined,
    tailRuns: readonly CheckpointRun[],
    tail: readonly StoredEntry[],
    pointed: () => void,
  ): void {
    const { ownLog, crashPoint } = this.#options;
    const parts = this.#hooks.entryParts();
    assert.ok(parts !== undefined, "what made the deltas makes the checkpoint");
    ownLog.appendCheckpoint((digest) =>
      sealEntry(parts, "checkpoint", encodeCheckpoint({ digest, snapshot, base: base?.head, tailRuns, tail })),
    );
    pointed();
    this.#wanted = false;
    this.#bytes = 0;
    this.#entries = 0;
    crashPoint("checkpoint-made");
    this.#hooks.made();
  }

  /**
   * Once a quorum has the newest checkpoint, nothing before it is needed: the holders of former ones are told, and the
   * entries are forgotten. False: some holders have to be told later.
   */
  async #removeFormer(): Promise<boolean> {
    const { ownLog, checkpoints, crashPoint, world } = this.#options;
    const { checkpoint, witnessed } = ownLog.position();
    if (checkpoint === 0 || witnessed < checkpoint) return true;
    const former = this.#formerCheckpoints(checkpoint);
    for (const { runs, head } of former) {
      crashPoint("before-checkpoint-removal");
      const untold = await checkpoints.remove(runs, this.#stopping);
      if (untold.length > 0 && Math.abs(world.nowMs() - head.timeMs) < tellForMs) return false;
    }
    ownLog.forgetBefore(checkpoint);
    crashPoint("after-checkpoint-removal");
    return true;
  }

  #formerCheckpoints(newest: number): { readonly runs: readonly CheckpointRun[]; readonly head: LogHead }[] {
    const { ownLog } = this.#options;
    const found: { readonly runs: readonly CheckpointRun[]; readonly head: LogHead }[] = [];
    for (let next = 1; next < newest;) {
      const page = ownLog.entries(next, pageBytes);
      for (const entry of page) {
        const isFormer = entry.kind === "checkpoint" && entry.sequence < newest;
        // Of an entry that a snapshot was based on the head alone may be here; a payload would name what to remove.
        if (!isFormer || entry.sealed.length === 0) continue;
        const { snapshot, tailRuns } = decodeCheckpoint(openEntry(this.#options, entry));
        found.push({ runs: [snapshot, ...tailRuns], head: decodeHead(entry.head).head });
      }
      const last = page.at(-1);
      if (last === undefined) break;
      next = last.sequence + 1;
    }
    return found;
  }
}
