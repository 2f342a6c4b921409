import assert from "node:assert/strict";
import { equalConstantTime } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { decodeHead, type SignedHead } from "../../log/index.ts";
import { transportFaults } from "../../ports/index.ts";
import { linkAbort, withLimit } from "../abort-link.ts";
import type { MetadataLogOptions } from "./log-context.ts";
import { isOwnHead } from "./read-chain.ts";

const requestLimitMs = 30_000;
const firstPauseMs = 200;
const longestPauseMs = 30_000;
const pageBytes = 4 * 1024 * 1024;

/** What a pipeline tells the log it works for. */
export interface PipelineEvents {
  /** The witness has everything up to here. */
  has(witness: string, sequence: number): void;
  /** The witness says that this device is replaced. */
  fenced(witness: string): void;
  /** A signed head proves that the log was written elsewhere, too. */
  forked(other: SignedHead): void;
  /** The witness needs a checkpoint to go on from. */
  needsCheckpoint(witness: string): void;
}

/** Brings one witness up to date, entry by entry, again and again; how slow it is concerns nobody else. */
export class WitnessPipeline {
  readonly #options: MetadataLogOptions;
  readonly #witness: string;
  readonly #events: PipelineEvents;
  readonly #stopping: AbortController;
  readonly #unlink: () => void;
  #wake = Promise.withResolvers<undefined>();
  #known: number | undefined;
  #pauseMs = 0;

  constructor(options: MetadataLogOptions, witness: string, events: PipelineEvents, stopping: AbortSignal) {
    this.#options = options;
    this.#witness = witness;
    this.#events = events;
    this.#stopping = new AbortController();
    this.#unlink = linkAbort(this.#stopping, stopping);
  }

  /** Highest sequence the witness is known to have; undefined = not asked yet. */
  get known(): number | undefined {
    return this.#known;
  }

  /** There is something to send, or the witness may be back. */
  wake(): void {
    this.#wake.resolve(undefined);
  }

  /** Forgets how long to wait after failures: the witness has just been seen. */
  seen(): void {
    this.#pauseMs = 0;
    this.wake();
  }

  stop(): void {
    this.#stopping.abort(new Error("the pipeline stops"));
    this.#unlink();
    this.wake();
  }

  /** Goes on until stopped. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<undefined>();
      try {
        await this.#bringUpToDate(signal);
        this.#pauseMs = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!isFault(error)) throw error;
        this.#failed(error.code);
      }
      await this.#pause(signal);
    }
  }

  #failed(code: string): void {
    this.#pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, this.#pauseMs * 2));
    this.#options.report("witness-not-reached", { witness: this.#witness, code });
    if (code === "fenced") this.#events.fenced(this.#witness);
    // What it has is asked again: it may have lost its disk, or hold what a replaced device left there.
    if (code === "log-gap" || code === "log-fork") this.#known = undefined;
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { ownLog, world } = this.#options;
    const isDone = this.#known !== undefined && this.#known >= ownLog.position().sequence;
    if (isDone && this.#pauseMs === 0) {
      await this.#wake.promise;
      return;
    }
    if (this.#pauseMs === 0) return;
    const over = new AbortController();
    const unlink = linkAbort(over, signal);
    const slept = world.sleep(this.#pauseMs, over.signal).catch(() => undefined);
    await Promise.race([slept, this.#wake.promise]);
    unlink();
    over.abort();
  }

  #ask<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const late = transportFaults.fault("peer-timeout", "the witness did not answer in time");
    return withLimit(this.#options.world, { ms: requestLimitMs, late }, signal, work);
  }

  async #bringUpToDate(signal: AbortSignal): Promise<void> {
    const { ownLog, witnessClient } = this.#options;
    let next = (this.#known ?? (await this.#whereItStands(signal))) + 1;
    while (next <= ownLog.position().sequence && !signal.aborted) {
      const page = ownLog.entries(next, pageBytes);
      assert.ok(page.length > 0, "the newest entry is kept");
      for (const entry of page) {
        next = entry.sequence + 1;
        // Where a restore was cut off, the entry its snapshot is based on is known by its head alone.
        if (entry.sealed.length === 0) continue;
        await this.#ask((limited) => witnessClient.append(this.#witness, entry, limited), signal);
        this.#options.crashPoint("entry-sent");
        this.#known = entry.sequence;
        this.#events.has(this.#witness, entry.sequence);
      }
    }
  }

  /** The newest own entry the witness has, by its head; what lies beyond belongs to a replaced device or is a fork. */
  async #whereItStands(signal: AbortSignal): Promise<number> {
    const { ownLog, witnessClient, network, identity } = this.#options;
    const answer = await this.#ask((limited) => witnessClient.head(this.#witness, limited), signal);
    if (answer === undefined) return this.#stands(0);
    const signed = decodeHead(answer.head);
    if (!isOwnHead(this.#options, signed, network()?.id)) {
      throw transportFaults.fault("peer-protocol", "the witness showed a head that this device never signed");
    }
    const { sequence, deviceEpoch } = signed.head;
    const position = ownLog.position();
    const [own] = sequence > position.sequence ? [] : ownLog.entries(sequence, 1);
    if (own?.sequence === sequence && equalConstantTime(own.hash, signed.hash)) return this.#stands(sequence);
    // Older than what is kept here: the oldest entry is a checkpoint, which the witness takes over a gap.
    const isBeforeKept = sequence < (ownLog.entries(1, 1)[0]?.sequence ?? 1);
    // Judged by the own device's epoch, since a replacement may not have made an entry yet.
    if (!isBeforeKept && deviceEpoch >= identity.deviceEpoch) {
      this.#events.forked(signed);
      throw transportFaults.fault("peer-protocol", "the witness has another log of this owner's");
    }
    const isBehindCheckpoint = !isBeforeKept && answer.first > (ownLog.entries(1, 1)[0]?.sequence ?? 1);
    if (!isBehindCheckpoint) return this.#stands(0);
    // On the branch that a replaced device left a checkpoint lies beyond: only one of the own branch takes its place.
    this.#known = 0;
    const [checkpoint] = position.checkpoint === 0 ? [] : ownLog.entries(position.checkpoint, 1);
    if (checkpoint !== undefined && checkpoint.deviceEpoch > deviceEpoch) return checkpoint.sequence - 1;
    this.#events.needsCheckpoint(this.#witness);
    return 0;
  }

  #stands(sequence: number): number {
    this.#known = sequence;
    if (sequence > 0) this.#events.has(this.#witness, sequence);
    return sequence;
  }
}
