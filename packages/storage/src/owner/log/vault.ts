import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { type CheckpointRun, decodeCheckpoint } from "../../log/index.ts";
import type { VaultClient } from "../../ports/index.ts";
import { linkAbort } from "../abort-link.ts";
import type { MetadataLogOptions } from "./log-context.ts";
import { openEntry } from "./seal-entry.ts";

const firstPauseMs = 1_000;
const longestPauseMs = 300_000;
/** What central has no room for, or too few holders can serve, may be different after so long. */
const unfinishedPauseMs = 600_000;
const pageBytes = 4 * 1024 * 1024;

/**
 * Gives central a copy of everything in the background: the newest checkpoint's segments, read back from their holders
 * one at a time, then the entries from it on. Nothing waits for it, and its failures cost a pause alone.
 */
export class VaultShipping {
  readonly #options: MetadataLogOptions;
  readonly #vault: VaultClient;
  readonly #signal: AbortSignal;
  /** The newest sequence central has, as far as is known. */
  #known: number | undefined;
  /** The checkpoint of which central has all segments, and no others. */
  #wholeAt = 0;

  constructor(options: MetadataLogOptions, vault: VaultClient, signal: AbortSignal) {
    this.#options = options;
    this.#vault = vault;
    this.#signal = signal;
  }

  /** Goes on until stopped. `moved` resolves when there is more to bring. */
  async run(moved: () => Promise<undefined>): Promise<void> {
    const { world, report } = this.#options;
    let pauseMs = firstPauseMs;
    while (!this.#signal.aborted) {
      const next = moved();
      try {
        const isWhole = await this.#ship();
        pauseMs = firstPauseMs;
        await (isWhole ? next : this.#either(next, unfinishedPauseMs));
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!isFault(error)) throw error;
        report("vault-not-reached", { code: error.code });
        this.#known = undefined;
        await world.sleep(pauseMs, this.#signal).catch(() => undefined);
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      }
    }
  }

  async #either(next: Promise<undefined>, ms: number): Promise<void> {
    const over = new AbortController();
    const unlink = linkAbort(over, this.#signal);
    await Promise.race([next, this.#options.world.sleep(ms, over.signal).catch(() => undefined)]);
    unlink();
    over.abort();
  }

  /** False: central has the entries, but not all segments of the newest checkpoint. */
  async #ship(): Promise<boolean> {
    const { ownLog } = this.#options;
    this.#known ??= await this.#vault.newest(this.#signal);
    for (;;) {
      const { checkpoint } = ownLog.position();
      let isWhole = checkpoint === 0 || this.#wholeAt === checkpoint;
      // Segments first: while they come, central still has what the checkpoint before leads to.
      if (!isWhole) isWhole = await this.#putSegments(checkpoint);
      await this.#putEntries(checkpoint);
      if (checkpoint > 0 && this.#wholeAt !== checkpoint) {
        await this.#removeOthers(checkpoint);
        if (!isWhole) isWhole = await this.#putSegments(checkpoint);
        if (isWhole) this.#wholeAt = checkpoint;
      }
      if (ownLog.position().checkpoint === checkpoint) return isWhole;
    }
  }

  /** Up to the next checkpoint, whose segments come before it. */
  async #putEntries(checkpoint: number): Promise<void> {
    const { ownLog } = this.#options;
    // A checkpoint is taken across a gap, and what came before it is not needed.
    let known = Math.max(this.#known ?? 0, checkpoint - 1);
    while (known < ownLog.position().sequence) {
      const page = ownLog.entries(known + 1, pageBytes);
      for (const entry of page) {
        if (entry.kind === "checkpoint" && entry.sequence > checkpoint) return;
        await this.#vault.putEntry(entry, this.#signal);
        known = entry.sequence;
        this.#known = known;
      }
      // What was not sent yet is forgotten once a newer checkpoint takes its place.
      if (page.length === 0) return;
    }
  }

  /** Empty where the checkpoint is forgotten already, since there is a newer one. */
  #runsOf(checkpoint: number): readonly CheckpointRun[] {
    const [entry] = this.#options.ownLog.entries(checkpoint, 1);
    if (entry?.sequence !== checkpoint || entry.sealed.length === 0) return [];
    const { snapshot, tailRuns } = decodeCheckpoint(openEntry(this.#options, entry));
    return [snapshot, ...tailRuns];
  }

  /** Brings what central lacks. False where it has no room, or where holders cannot serve it now. */
  async #putSegments(checkpoint: number): Promise<boolean> {
    const { checkpoints, report, ownLog } = this.#options;
    const runs = this.#runsOf(checkpoint);
    if (runs.every(({ segments }) => segments.length === 0)) return true;
    const there = new Set((await this.#vault.blobs(this.#signal)).map(toHex));
    try {
      for (const run of runs) {
        for (const [ordinal, { segmentId }] of run.segments.entries()) {
          if (there.has(toHex(segmentId))) continue;
          // What a newer checkpoint has made superfluous is not worth its way.
          if (ownLog.position().checkpoint !== checkpoint) return false;
          const bytes = await checkpoints.sealedSegment(run, ordinal, this.#signal);
          await this.#vault.putBlob(segmentId, bytes, this.#signal);
        }
      }
      return true;
    } catch (error) {
      if (!isFault(error, "quota-reached") && !isFault(error, "not-enough-fragments")) throw error;
      report("vault-not-whole", { checkpoint, code: error.code });
      return false;
    }
  }

  async #removeOthers(checkpoint: number): Promise<void> {
    const wanted = new Set(
      this.#runsOf(checkpoint).flatMap(({ segments }) => segments.map(({ segmentId }) => toHex(segmentId))),
    );
    for (const id of await this.#vault.blobs(this.#signal)) {
      if (!wanted.has(toHex(id))) await this.#vault.removeBlob(id, this.#signal);
    }
  }
}
