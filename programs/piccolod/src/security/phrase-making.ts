import { equalConstantTime, toUtf8 } from "@piccolo/bytes";
import { newPhrase, parsePhrase, phraseWords } from "@piccolo/envelope";
import { catalogue } from "@piccolo/fault";
import type { World } from "@piccolo/world";

export const phraseFaults = catalogue({
  "phrase-not-confirmed": {
    retry: "never",
    meaning: "The words are not those of the phrase just shown; look at what was written down, and try again.",
  },
  "no-phrase-waiting": {
    retry: "never",
    meaning: "No new phrase waits to be confirmed, or it waited too long; make a new one.",
  },
});

const waitMs = 30 * 60_000;
const mostTries = 5;
const askedWords = 2;

/** What is shown, once. */
export interface ShownPhrase {
  readonly words: readonly string[];
  /** From 1. */
  readonly askedBack: readonly number[];
  readonly expiresAtMs: number;
}

export type PhraseProof =
  | { readonly words: readonly { readonly position: number; readonly word: string }[] }
  | { readonly phrase: string };

interface Waiting<T> {
  readonly locator: Uint8Array;
  readonly asked: ReadonlyMap<number, string>;
  /** On the clock that nobody sets. */
  readonly untilMs: number;
  readonly slot: T;
  tries: number;
}

/**
 * The phrase that was made last, between showing and confirming. Of the phrase itself only the words that are asked back
 * stay, in memory; `slot` is what becomes valid with the confirmation.
 */
export class PhraseMaking<T> {
  readonly #world: World;
  readonly #dropped: (slot: T) => void;
  #waiting: Waiting<T> | undefined;

  /** `dropped` is told of a slot that waited and did not become valid. */
  constructor(world: World, dropped: (slot: T) => void) {
    this.#world = world;
    this.#dropped = dropped;
  }

  /** Makes a phrase and takes the place of one that waits. `seal` gets its text to derive from, and keeps none of it. */
  make(seal: (text: string) => { readonly locator: Uint8Array; readonly slot: T }): ShownPhrase {
    const words = newPhrase(this.#world);
    const { locator, slot } = seal(words.join(" "));
    const askedBack = this.#positions();
    const expiresAtMs = this.#world.nowMs() + waitMs;
    const untilMs = this.#world.monotonicMs() + waitMs;
    const asked = new Map(askedBack.map((position) => [position, words[position - 1] ?? ""]));
    this.drop();
    this.#waiting = { locator, asked, untilMs, slot, tries: 0 };
    return { words, askedBack, expiresAtMs };
  }

  /** The slot of the phrase that waits. */
  peek(): T | undefined {
    return this.#alive()?.slot;
  }

  /** Two different ones, in order. */
  #positions(): readonly number[] {
    const chosen = new Set<number>();
    while (chosen.size < askedWords) {
      const [byte = 0] = this.#world.randomBytes(1);
      // 240 is the largest multiple of 24 below 256: no position is likelier than another.
      if (byte < 240) chosen.add((byte % phraseWords) + 1);
    }
    return [...chosen].sort((a, b) => a - b);
  }

  /**
   * What became valid: the slot of the phrase that waits, or `undefined` where the whole text of the phrase in use was
   * given (`locatorInUse`). Throws `phrase-not-confirmed`, `no-phrase-waiting`, and what `parsePhrase` says.
   */
  confirm(proof: PhraseProof, locatorInUse: Uint8Array | undefined): T | undefined {
    if ("phrase" in proof) {
      const phrase = parsePhrase(proof.phrase);
      const { locator } = phrase;
      phrase.erase();
      const waiting = this.#alive();
      if (waiting !== undefined && equalConstantTime(waiting.locator, locator)) {
        this.#waiting = undefined;
        return waiting.slot;
      }
      if (locatorInUse !== undefined && equalConstantTime(locatorInUse, locator)) return undefined;
      throw notConfirmed();
    }
    const waiting = this.#alive();
    if (waiting === undefined) {
      throw phraseFaults.fault("no-phrase-waiting", "no new phrase waits to be confirmed: make one first");
    }
    waiting.tries++;
    const given = new Map(proof.words.map(({ position, word }) => [position, word.trim().toLowerCase()]));
    const fits = [...waiting.asked].map(([position, word]) => sameText(given.get(position) ?? "", word));
    if (fits.includes(false)) {
      if (waiting.tries >= mostTries) this.drop();
      throw notConfirmed();
    }
    this.#waiting = undefined;
    return waiting.slot;
  }

  /** Forgets what waits. */
  drop(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#dropped(waiting.slot);
  }

  #alive(): Waiting<T> | undefined {
    if (this.#waiting !== undefined && this.#waiting.untilMs < this.#world.monotonicMs()) this.drop();
    return this.#waiting;
  }
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [toUtf8(a), toUtf8(b)];
  return left.length === right.length && equalConstantTime(left, right);
}

function notConfirmed(): Error {
  return phraseFaults.fault("phrase-not-confirmed", "these are not the words of the phrase just shown: look again");
}
