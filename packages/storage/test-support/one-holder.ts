/** A holder's store on disks that fail, and fragments to put there. */
import { toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import { CrashDisk, MemoryHolderIndex } from "../src/fakes/index.ts";
import { encodeHeader, fragmentCells, type FragmentKey, fragmentRoot } from "../src/fragment/index.ts";
import { HolderStore, type HolderStoreOptions } from "../src/holder/index.ts";
import { id, pattern } from "../src/suites/suite.ts";
import { PoweredDisk } from "./powered-disk.ts";
import { hash } from "./small-network.ts";

export interface TestFragment {
  readonly key: FragmentKey;
  readonly headerBytes: Uint8Array;
  readonly body: Uint8Array;
  /** Hash of the body: a comparison of long bodies that fails takes minutes to show where. */
  readonly digest: string;
  readonly cells: number;
}

export const owner = id(32, 1);

/** Fragment `index` of a 1-of-3 segment whose bytes follow from the numbers. */
export function fragmentOf(
  segment: number,
  { account = owner, index = 0, bytes = 70_000 }: { account?: Uint8Array; index?: number; bytes?: number } = {},
): TestFragment {
  const bodies = [0, 1, 2].map((copy) => pattern(bytes, 3 * segment + copy));
  const roots = bodies.map((copy) => fragmentRoot(fragmentCells(copy).map(hash), bytes, hash));
  const key = { account, segmentId: id(16, segment), index };
  const headerBytes = encodeHeader({ key, k: 1, n: 3, fragmentBytes: bytes, roots });
  const body = bodies[index] ?? new Uint8Array(0);
  return { key, headerBytes, body, digest: toHex(hash(body)), cells: Math.ceil(bytes / 65_536) };
}

/** A disk, and the programs that run on it one after the other, each with an empty index. */
export class OneHolder {
  readonly disk = new CrashDisk();
  readonly reports: string[] = [];
  readonly #options: Partial<HolderStoreOptions>;

  constructor(options: Partial<HolderStoreOptions> = {}) {
    this.#options = options;
  }

  async start(options: Partial<HolderStoreOptions> = {}): Promise<{
    readonly store: HolderStore;
    readonly disk: PoweredDisk;
    readonly index: MemoryHolderIndex;
  }> {
    const disk = new PoweredDisk(this.disk);
    const index = new MemoryHolderIndex();
    const store = new HolderStore({
      disk,
      index,
      hash,
      world: new SeededWorld("one holder"),
      quotaBytes: () => 1e9,
      reserveBytes: 0,
      crashPoint: () => undefined,
      report: (event) => this.reports.push(event),
      ...this.#options,
      ...options,
    });
    await store.open();
    return { store, disk, index };
  }
}
