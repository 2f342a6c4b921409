/**
 * Gives the running release its place, or its place to the release before, and then tidies up: the one who asks `decideProbation` and
 * does what it says. Each step may be cut off; the next start begins again at what is left.
 */
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { isOperatingFailure } from "../operating-failure.ts";
import type { BootChoice, BootControl } from "./boot-control.ts";
import type { Collection } from "./collect.ts";
import type { LastGoodStart } from "./last-good-start.ts";
import { decideProbation, looksGood, provingMs, saysNothingCode, type VolumeOutcome } from "./probation.ts";
import type { ReleaseTrials } from "./release-trials.ts";

export interface ReleaseKeeperOptions {
  readonly world: Pick<World, "nowMs" | "monotonicMs" | "sleep">;
  /** Of the running release. */
  readonly version: string;
  readonly boot: BootControl;
  /** Removes what is needed no more, and says what that was. */
  readonly collect: () => Promise<Collection>;
  readonly lastGoodStart: LastGoodStart;
  readonly trials: ReleaseTrials;
  readonly answers: () => Promise<boolean>;
  /** Undefined while the device is between two volumes, as in a reset. */
  readonly volume: () => VolumeOutcome | undefined;
  /** Whether the device has an address of a network now. */
  readonly hasWayOut: () => boolean;
  /** Starts the machine again. */
  readonly restart: () => Promise<void>;
  /** What no older release may open any more; called with the volume open, in a release that was found good. */
  readonly raiseMinimum: () => Promise<void>;
  readonly report: (level: "info" | "warn", event: string, facts: Readonly<Record<string, unknown>>) => void;
}

const lookMs = 5_000;
/** What fails is tried again so often, this far apart. */
const againMs = 30_000;
export const attemptsMax = 20;

export class ReleaseKeeper {
  readonly #options: ReleaseKeeperOptions;

  constructor(options: ReleaseKeeperOptions) {
    this.#options = options;
  }

  /**
   * Ends when all is done, or by the signal. What goes wrong is reported: the device runs whatever becomes of this. What may pass is
   * tried again after a while, since a release without its place loses it at the next start.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    const startedMs = world.monotonicMs();
    try {
      for (let attempt = 1; await this.#failsForNow(startedMs, signal, attempt < attemptsMax); attempt++) {
        await world.sleep(againMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Whether it is to be tried again. */
  async #failsForNow(startedMs: number, signal: AbortSignal, mayTryAgain: boolean): Promise<boolean> {
    try {
      if (await this.#settle(startedMs, signal)) {
        await this.#tidy(signal);
        await this.#watchNetwork(signal);
      }
      return false;
    } catch (error) {
      if (signal.aborted) return false;
      // A disk that fails here is no reason to end a device that works.
      if (!isOperatingFailure(error)) throw error;
      const again = mayTryAgain && isFault(error) && error.retry === "later";
      const code = isFault(error) ? { code: error.code } : {};
      this.#options.report("warn", "release-not-kept", { error: error.message, ...code, again });
      return again;
    }
  }

  /** Whether the running release has its place, once that is known. */
  async #settle(startedMs: number, signal: AbortSignal): Promise<boolean> {
    const { world, boot, lastGoodStart, restart, report } = this.#options;
    // The boot partition is mounted to be read, and nobody else writes to it.
    const choice = await boot.choice();
    // Before anything is tidied up: an entry that was used up is what tells of a release that gave its place back.
    this.#look(choice);
    let provingSinceMs: number | undefined;
    let said: string | undefined;
    for (; ; await world.sleep(lookMs, signal)) {
      const { answers, volume } = await this.#seen();
      const hasWayOut = this.#options.hasWayOut();
      if (volume === undefined) continue;
      const nowMs = world.monotonicMs();
      const before = lastGoodStart.read();
      provingSinceMs = looksGood({ answers, volume, hasWayOut, before }) ? (provingSinceMs ?? nowMs) : undefined;
      const provenMs = provingSinceMs === undefined ? undefined : nowMs - provingSinceMs;
      const sinceStartMs = nowMs - startedMs;
      const plan = decideProbation({ choice, answers, volume, hasWayOut, before, provenMs, sinceStartMs });
      const why = "why" in plan ? plan.why : plan.do;
      if (why !== said) report("info", "release-probation", { plan: plan.do, why });
      said = why;
      if (plan.do === "give-up") {
        report("warn", "release-given-up", { why, entry: choice.booted });
        this.#keep(() => this.#options.trials.gaveUp(plan.why));
        await restart();
        return false;
      }
      if (plan.do === "bless") {
        await boot.bless(plan.entry);
        report("info", "release-blessed", { entry: plan.entry });
        const blessed = { state: "good", tries: undefined } as const;
        const entries = choice.entries.map((entry) => (entry.id === plan.entry ? { ...entry, ...blessed } : entry));
        this.#look({ ...choice, entries });
      }
      if (plan.do !== "bless" && (plan.do !== "rest" || sinceStartMs < provingMs)) continue;
      this.#remember(volume);
      return true;
    }
  }

  #look(choice: BootChoice): void {
    const { trials, version, world } = this.#options;
    this.#keep(() => trials.look({ choice, version, nowMs: world.nowMs() }));
  }

  /** What the next release on probation is held against. Without it that one has less to go by, and no more happens. */
  #remember(volume: VolumeOutcome): void {
    if (volume.state === "closed" && volume.codes[0] === saysNothingCode) return;
    const { lastGoodStart, hasWayOut } = this.#options;
    this.#keep(() => lastGoodStart.write({ ...volume, hadWayOut: hasWayOut() }));
  }

  /** A network that comes late, or is plugged in, is one that the next release has to find as well. */
  async #watchNetwork(signal: AbortSignal): Promise<void> {
    const { world, hasWayOut, volume } = this.#options;
    while (!hasWayOut()) await world.sleep(lookMs, signal);
    const now = volume();
    if (now !== undefined) this.#remember(now);
  }

  /** Notes that are not kept are missed later, and stop nothing. */
  #keep(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#options.report("warn", "start-not-remembered", { error: String(error) });
    }
  }

  async #seen(): Promise<{ readonly answers: boolean; readonly volume: VolumeOutcome | undefined }> {
    return { answers: await this.#options.answers(), volume: this.#options.volume() };
  }

  /** Only with the volume open: what a closed device might still need is not removed. */
  async #tidy(signal: AbortSignal): Promise<void> {
    const { collect, world, volume, raiseMinimum, report } = this.#options;
    while (volume()?.state !== "open") await world.sleep(lookMs, signal);
    this.#remember({ state: "open" });
    const { images, deployments } = await collect();
    if (images.length + deployments.length > 0) report("info", "releases-removed", { images, deployments });
    await raiseMinimum();
  }
}
