/**
 * Counts what members have under way at once, each and all together, so that nobody fills this device's memory. Whoever
 * takes leaves as much free as they have: a few members who hold on to theirs cannot shut out the others.
 */
export class BytesUnderWay {
  readonly #limits: { readonly mostPerMember: number; readonly mostOfAll: number };
  readonly #byMember = new Map<string, number>();
  #all = 0;

  constructor(limits: { readonly mostPerMember: number; readonly mostOfAll: number }) {
    this.#limits = limits;
  }

  /** Returns the way to give them back, harmless when called again; undefined where they are too many now. */
  reserve(member: string, bytes: number): (() => void) | undefined {
    if (bytes === 0) return () => undefined;
    const mine = this.#byMember.get(member) ?? 0;
    const left = this.#limits.mostOfAll - this.#all - bytes;
    if (mine + bytes > Math.min(this.#limits.mostPerMember, left)) return undefined;
    this.#byMember.set(member, mine + bytes);
    this.#all += bytes;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#all -= bytes;
      const still = (this.#byMember.get(member) ?? 0) - bytes;
      if (still === 0) this.#byMember.delete(member);
      else this.#byMember.set(member, still);
    };
  }
}
