/**
 * What becomes of a release that was tried and did not get its place (docs/spec/probation.md, P9): it is remembered while it is being
 * tried, and told of once the release before runs again, until the owner has seen it or a later one is found good.
 */
import { fromUtf8, toUtf8 } from "@piccolo/bytes";
import type { FailedRelease } from "@piccolo/device-api";
import { z } from "zod";
import type { DurableFolder } from "../adapters/state-folder.ts";
import type { BootChoice } from "./boot-control.ts";

const name = "release-trials";
const bytesMax = 4_096;

const version = z.string().regex(/^[\w.+~-]{1,64}$/);
const number = z.int().min(1).max(9_999_999_999);
const timeMs = z.number().min(0).max(8.64e15);

/** Why a release on probation gave its place back. Of one that did not live nothing of this is known. */
const GaveUp = z.enum(["portal-silent", "volume-closed", "no-network"]);
export type GaveUp = z.infer<typeof GaveUp>;

const Trial = z.strictObject({ number, version, sinceMs: timeMs, gaveUp: GaveUp.optional() });

const Kept = z.strictObject({
  /** The release that was on probation last. */
  trial: Trial.optional(),
  /** The one that is told of, or was until the owner had seen it. */
  failed: z
    .strictObject({
      number,
      version: version.optional(),
      triedSinceMs: timeMs.optional(),
      foundAtMs: timeMs,
      why: z.enum([...GaveUp.options, "unknown"]),
      dismissed: z.boolean(),
    })
    .optional(),
});
export type KeptTrials = z.infer<typeof Kept>;

export interface TrialQuestion {
  readonly kept: KeptTrials;
  readonly choice: BootChoice;
  /** Version of the running release. */
  readonly version: string;
  readonly nowMs: number;
}

const numberOf = (entry: string): number => Number(/^piccolo-(\d+)\.efi$/.exec(entry)?.[1] ?? 0);

/** What is to be kept from now on. Where the boot loader does not say what it started, nothing changes. */
export function decideTrials({ kept, choice, version: running, nowMs }: TrialQuestion): KeptTrials {
  const booted = choice.entries.find(({ id }) => id === choice.booted);
  if (booted === undefined) return kept;
  const own = numberOf(booted.id);
  const { trial, failed } = kept;
  if (booted.state !== "good") {
    const isSame = trial?.number === own && trial.version === running;
    return { ...kept, trial: isSame ? trial : { number: own, version: running, sinceMs: nowMs } };
  }
  const later = choice.entries
    .filter(({ state }) => state === "bad")
    .map(({ id }) => numberOf(id))
    .filter((bad) => bad > own);
  const newest = Math.max(0, ...later);
  const isFresh = trial !== undefined && trial.number === newest;
  if (newest > 0 && (isFresh || failed === undefined || newest > failed.number)) {
    const tried = isFresh
      ? { version: trial.version, triedSinceMs: trial.sinceMs, why: trial.gaveUp ?? ("unknown" as const) }
      : { why: "unknown" as const };
    return { failed: { number: newest, ...tried, foundAtMs: nowMs, dismissed: false } };
  }
  // What the owner has seen is forgotten with its boot image: put on the disk once more, it is a trial like any other.
  const isOver = failed !== undefined && (failed.number <= own || (failed.dismissed && !later.includes(failed.number)));
  return {
    ...(trial === undefined || trial.number <= own ? {} : { trial }),
    ...(failed === undefined || isOver ? {} : { failed }),
  };
}

/**
 * Lies outside the volume, since the release in question may be unable to open it. Nobody proves it: whoever changes it has the owner
 * told of a trial that was none, or not of one that was, and nothing is decided by it.
 */
export class ReleaseTrials {
  readonly #folder: DurableFolder;
  readonly #listeners = new Set<() => void>();

  constructor(folder: DurableFolder) {
    this.#folder = folder;
  }

  /** The release the owner is to be told of. */
  get failed(): FailedRelease | undefined {
    const { failed } = this.#read();
    if (failed === undefined || failed.dismissed) return undefined;
    const { dismissed: _dismissed, version: its, triedSinceMs, ...rest } = failed;
    return {
      ...rest,
      ...(its === undefined ? {} : { version: its }),
      ...(triedSinceMs === undefined ? {} : { triedSinceMs }),
    };
  }

  /** To be called at each start, and once the running release was found good. Repeatable. Throws what the disk throws. */
  look(question: Omit<TrialQuestion, "kept">): void {
    this.#write(decideTrials({ kept: this.#read(), ...question }));
  }

  /** The release on probation gives its place back. */
  gaveUp(why: GaveUp): void {
    const { trial, ...rest } = this.#read();
    if (trial !== undefined) this.#write({ ...rest, trial: { ...trial, gaveUp: why } });
  }

  /** The owner has seen it. Repeatable; another one than that of this number stays. */
  dismiss(seen: number): void {
    const { failed, ...rest } = this.#read();
    if (failed?.number === seen) this.#write({ ...rest, failed: { ...failed, dismissed: true } });
  }

  /** Gives back what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #read(): KeptTrials {
    try {
      const content = this.#folder.read(name, bytesMax);
      return content === undefined ? {} : Kept.parse(JSON.parse(fromUtf8(content)));
    } catch {
      return {};
    }
  }

  /** Written where it says something new only. */
  #write(kept: KeptTrials): void {
    const content = toUtf8(JSON.stringify(Kept.parse(kept)));
    if (Buffer.compare(content, toUtf8(JSON.stringify(this.#read()))) === 0) return;
    this.#folder.write(name, content);
    for (const listener of this.#listeners) listener();
  }
}
