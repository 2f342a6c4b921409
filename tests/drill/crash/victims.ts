/** Who is killed, in which order, and what is known of each kill. */
import type { DrillContext } from "../drill.ts";
import { processesCalled, signalAll } from "../processes.ts";

export const victims = ["app", "conmon", "podman", "piccolod"] as const;
export type Victim = (typeof victims)[number];

const processNames: Readonly<Record<Exclude<Victim, "piccolod">, string>> = {
  app: "busybox",
  conmon: "conmon",
  podman: "podman",
};

/** Ends one of the parts beside piccolod at once; whether there was one. */
export function killProcesses(victim: Exclude<Victim, "piccolod">): boolean {
  return signalAll(processesCalled(processNames[victim]), "SIGKILL") > 0;
}

/** Longer than a change takes, so that some faults hit what comes right after it. */
const latestMs = 2_500;
/** Well before a change is over, where its midst is what counts. */
const earlyMs = 400;

export interface Turn {
  /** Whom to kill; the next one where nobody of the former is there any more. */
  readonly order: readonly Victim[];
  readonly afterMs: number;
}

/** Deals victims of changes by the seed: each is hit in the midst of one before any is dealt again. */
export class VictimDeck {
  readonly #drill: DrillContext;
  #owed: readonly Victim[] = victims;
  #isFirst = true;

  constructor(drill: DrillContext) {
    this.#drill = drill;
  }

  deal(): Turn {
    const shuffled = this.#drill.sample(victims, victims.length);
    const isOwed = (victim: Victim): boolean => this.#owed.includes(victim);
    return {
      order: [...shuffled.filter(isOwed), ...shuffled.filter((victim) => !isOwed(victim))],
      // Later rounds hit whatever moment it is.
      afterMs: this.#drill.below(this.#isFirst ? earlyMs : latestMs),
    };
  }

  hitInMidst(victim: Victim): void {
    this.#owed = this.#owed.filter((one) => one !== victim);
    if (this.#owed.length > 0) return;
    this.#owed = victims;
    this.#isFirst = false;
  }

  /** Each was hit once at least. */
  get isThrough(): boolean {
    return !this.#isFirst;
  }
}

/** What goes down by itself, beside whom is killed. */
export type Fallen = Victim | "crash-point" | "power";

/** How long all took to be as it shall be, from each kill on; shown by victim in the drill's last line. */
export class Recoveries {
  readonly #drill: DrillContext;
  readonly #all: { readonly fallen: Fallen; readonly tookMs: number }[] = [];

  constructor(drill: DrillContext) {
    this.#drill = drill;
  }

  add(fallen: Fallen, tookMs: number): void {
    this.#all.push({ fallen, tookMs });
    const kinds = [...new Set(this.#all.map((one) => one.fallen))];
    const of = (kind: Fallen): readonly number[] =>
      this.#all.filter((one) => one.fallen === kind).map((one) => one.tookMs);
    this.#drill.note("killed", kinds.map((kind) => `${kind}:${of(kind).length}`).join(","));
    this.#drill.note("slowest", kinds.map((kind) => `${kind}:${seconds(Math.max(...of(kind)))}`).join(","));
  }
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)}s`;
