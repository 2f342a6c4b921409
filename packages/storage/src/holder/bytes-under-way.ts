/** Counts what members have under way at once, each and all together, so that nobody fills this device's memory. */
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
    if (mine + bytes > this.#limits.mostPerMember || this.#all + bytes > this.#limits.mostOfAll) return undefined;
    this.#byMember.set(member, mine + bytes);
    this.#all += bytes;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#all -= bytes;
      const left = (this.#byMember.get(member) ?? 0) - bytes;
      if (left === 0) this.#byMember.delete(member);
      else this.#byMember.set(member, left);
    };
  }
}
