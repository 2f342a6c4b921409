import { toHex } from "@piccolo/bytes";
import { countedFragmentBytes, type HeldFragment, type HolderIndex } from "../ports/index.ts";

/** The index of held fragments as a map. */
export class MemoryHolderIndex implements HolderIndex {
  readonly #owners = new Map<string, Map<string, HeldFragment>>();

  put(entry: HeldFragment): void {
    const account = toHex(entry.key.account);
    const segments = this.#owners.get(account) ?? new Map<string, HeldFragment>();
    this.#owners.set(account, segments);
    segments.set(toHex(entry.key.segmentId), entry);
  }

  get(account: Uint8Array, segmentId: Uint8Array): HeldFragment | undefined {
    return this.#owners.get(toHex(account))?.get(toHex(segmentId));
  }

  delete(account: Uint8Array, segmentId: Uint8Array): void {
    this.#owners.get(toHex(account))?.delete(toHex(segmentId));
  }

  list(account: Uint8Array, afterSegmentId: Uint8Array | undefined, limit: number): readonly HeldFragment[] {
    const after = afterSegmentId === undefined ? "" : toHex(afterSegmentId);
    return [...(this.#owners.get(toHex(account)) ?? [])]
      .filter(([segmentId]) => segmentId > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([, entry]) => entry);
  }

  all(): Iterable<HeldFragment> {
    return [...this.#owners.values()].flatMap((segments) => [...segments.values()]);
  }

  usedBytes(account?: Uint8Array): number {
    return this.#sum(account, (sizeBytes) => sizeBytes);
  }

  countedBytes(account?: Uint8Array): number {
    return this.#sum(account, countedFragmentBytes);
  }

  #sum(account: Uint8Array | undefined, of: (sizeBytes: number) => number): number {
    const owners = account === undefined ? [...this.#owners.values()] : [this.#owners.get(toHex(account))];
    let sum = 0;
    for (const segments of owners) for (const entry of segments?.values() ?? []) sum += of(entry.sizeBytes);
    return sum;
  }
}
