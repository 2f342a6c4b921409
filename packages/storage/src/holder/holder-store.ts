import { concat, equalConstantTime, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { refusalFaults } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import {
  cellBytes,
  cellCount,
  cellLength,
  decodeHeader,
  type FragmentHash,
  type FragmentHeader,
  type FragmentKey,
} from "../fragment/index.ts";
import {
  type CellRange,
  countedFragmentBytes,
  type Disk,
  diskFaults,
  type HeldFragment,
  type HolderIndex,
} from "../ports/index.ts";
import { FolderSyncs } from "./folder-syncs.ts";
import {
  encodePreamble,
  folderOf,
  incomingPrefix,
  pathOf,
  type Preamble,
  provenLeaves,
  readPreamble,
} from "./fragment-file.ts";
import { reconcile } from "./reconcile.ts";

export const holderCrashPointNames = [
  "fragment-written",
  "fragment-renamed",
  "fragment-synced",
  "fragment-indexed",
  "fragment-unindexed",
  "fragment-removed",
] as const;
export type HolderCrashPoint = (typeof holderCrashPointNames)[number];

export interface HolderStoreOptions {
  readonly disk: Disk;
  readonly index: HolderIndex;
  readonly hash: FragmentHash;
  readonly world: World;
  /** Bytes each owner may keep here, as `countedFragmentBytes` counts them. */
  readonly quotaBytes: (account: Uint8Array) => number;
  /** Bytes that stay free on the disk whatever the quotas say. */
  readonly reserveBytes: number;
  readonly crashPoint: (name: HolderCrashPoint) => void;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/**
 * Other members' fragments on this device: one file each, and an index that says what there is. The files are the
 * truth; whatever order a crash leaves them in, opening brings the index in line with them.
 */
export class HolderStore {
  readonly #options: HolderStoreOptions;
  readonly #syncs: FolderSyncs;
  readonly #folders = new Set<string>();
  /** Requests about one fragment run one after the other. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** Folders with removals that are not known to be durable, and the number of the last one. */
  readonly #unsynced = new Map<string, number>();
  #removals = 0;
  #reservedBytes = new Map<string, number>();
  #incoming = 0;

  constructor(options: HolderStoreOptions) {
    this.#options = options;
    this.#syncs = new FolderSyncs(options.disk);
  }

  /** Brings the index in line with the files, and removes what a crash left half-written. */
  async open(): Promise<void> {
    await reconcile(this.#options);
  }

  /** To the asker a damaged file is a failure of this device: the request itself was not malformed. */
  async #servedPreamble(path: string, sizeBytes: number): Promise<Preamble> {
    try {
      return await readPreamble(this.#options.disk, path, sizeBytes);
    } catch (cause) {
      if (!isFault(cause, "malformed")) throw cause;
      throw diskFaults.fault("disk-error", "a fragment's file is damaged; look at the device's disk", { cause });
    }
  }

  /** Whether so many bytes more, as they count, would go over the owner's quota now. */
  #refuseWhenFull(account: Uint8Array, moreBytes: number): void {
    const { index, quotaBytes } = this.#options;
    const reserved = this.#reservedBytes.get(toHex(account)) ?? 0;
    if (index.countedBytes(account) + reserved + moreBytes > quotaBytes(account)) {
      throw refusalFaults.fault("full", "the quota of this owner is used up");
    }
  }

  /**
   * Checks the body against the root in the header and keeps it; resolves once file and folder are fsynced. The same
   * fragment again is no error. Throws `wrong-root`, `conflict`, `full`, `malformed`.
   */
  async store(headerBytes: Uint8Array, pieces: readonly Uint8Array[]): Promise<void> {
    const { index, hash, report } = this.#options;
    const header = decodeHeader(headerBytes);
    const { account, segmentId } = header.key;
    const [only] = pieces;
    const body = only !== undefined && pieces.length === 1 ? only : concat(...pieces);
    const leaves = provenLeaves(header, body, hash);
    const fragment = header.roots[header.key.index];
    if (leaves === undefined || fragment === undefined) {
      throw refusalFaults.fault("wrong-root", "the bytes do not give the root in the header");
    }
    const preamble = encodePreamble(headerBytes, leaves);
    await this.#alone(account, segmentId, async () => {
      const known = index.get(account, segmentId);
      if (known !== undefined) {
        if (known.key.index !== header.key.index || !equalConstantTime(known.root, fragment)) {
          throw refusalFaults.fault("conflict", "another fragment lies here under this segment id");
        }
        if (await this.#isOnDisk(known, preamble, body)) return;
        // The file was lost or damaged, or the segment was coded anew for more holders: what came now is right.
        report("held-fragment-replaced", { segment: toHex(segmentId) });
      }
      await this.#write(preamble, body, { key: header.key, root: fragment }, known);
    });
  }

  /** Whether the file is what would be written now: the index does not know what the disk has lost. */
  async #isOnDisk({ key, sizeBytes }: HeldFragment, preamble: Uint8Array, body: Uint8Array): Promise<boolean> {
    const { disk } = this.#options;
    if (sizeBytes !== preamble.length + body.length) return false;
    try {
      const kept = await disk.read(pathOf(key.account, key.segmentId), 0, sizeBytes);
      return (
        equalConstantTime(kept.subarray(0, preamble.length), preamble) &&
        equalConstantTime(kept.subarray(preamble.length), body)
      );
    } catch (error) {
      if (isFault(error)) return false;
      throw error;
    }
  }

  async #write(
    preamble: Uint8Array,
    body: Uint8Array,
    { key, root }: Pick<HeldFragment, "key" | "root">,
    replaced: HeldFragment | undefined,
  ): Promise<void> {
    const { disk, index, world, crashPoint, reserveBytes } = this.#options;
    const { account, segmentId } = key;
    const sizeBytes = preamble.length + body.length;
    const counted = countedFragmentBytes(sizeBytes);
    this.#refuseWhenFull(account, counted - (replaced === undefined ? 0 : countedFragmentBytes(replaced.sizeBytes)));
    const owner = toHex(account);
    this.#reservedBytes.set(owner, (this.#reservedBytes.get(owner) ?? 0) + counted);
    const folder = folderOf(account);
    const temporary = `${folder}/${incomingPrefix}${this.#incoming++}`;
    try {
      // What is being written at the same time counts as if nothing of it were on the disk yet.
      const underWay = [...this.#reservedBytes.values()].reduce((sum, bytes) => sum + bytes, 0);
      if ((await disk.freeBytes()) < underWay + reserveBytes) {
        throw refusalFaults.fault("full", "the holder's disk is full");
      }
      if (!this.#folders.has(folder)) {
        await disk.makeFolder(folder);
        this.#folders.add(folder);
      }
      await disk.createFile(temporary, [preamble, body]);
      crashPoint("fragment-written");
      await disk.rename(temporary, pathOf(account, segmentId));
      crashPoint("fragment-renamed");
      await this.#syncs.sync(folder);
      crashPoint("fragment-synced");
      index.put({ key, root, sizeBytes, storedAtMs: world.nowMs() });
      crashPoint("fragment-indexed");
    } catch (error) {
      // The folder may be what is missing, so it is looked for again.
      this.#folders.delete(folder);
      await disk.remove(temporary).catch(() => undefined);
      if (isFault(error, "disk-full")) throw refusalFaults.fault("full", "the holder's disk is full", { cause: error });
      throw error;
    } finally {
      const left = (this.#reservedBytes.get(owner) ?? 0) - counted;
      if (left === 0) this.#reservedBytes.delete(owner);
      else this.#reservedBytes.set(owner, left);
    }
  }

  /** Cells with all that proves them. Throws `unknown-fragment`, `malformed` for cells beyond the end, `disk-error`. */
  async fetch(
    key: FragmentKey,
    { firstCell, cellCount: count }: CellRange,
  ): Promise<{ readonly headerBytes: Uint8Array; readonly leaves: readonly Uint8Array[]; readonly body: Uint8Array }> {
    const { disk, index } = this.#options;
    const held = index.get(key.account, key.segmentId);
    if (held === undefined || held.key.index !== key.index) {
      throw refusalFaults.fault("unknown-fragment", "this fragment is not here");
    }
    const path = pathOf(key.account, key.segmentId);
    try {
      const { header, headerBytes, leaves, bodyOffset } = await this.#servedPreamble(path, held.sizeBytes);
      if (header.key.index !== key.index) throw this.#correct(held, header);
      const cells = cellCount(header.fragmentBytes);
      if (firstCell + count > cells) throw refusalFaults.fault("malformed", `the fragment has ${cells} cells`);
      const start = firstCell * cellBytes;
      const end = (firstCell + count - 1) * cellBytes + cellLength(header.fragmentBytes, firstCell + count - 1);
      return { headerBytes, leaves, body: await disk.read(path, bodyOffset + start, end - start) };
    } catch (error) {
      if (!isFault(error, "not-found")) throw error;
      // The file was lost behind our back; the owner hears it and rebuilds the fragment.
      index.delete(key.account, key.segmentId);
      throw refusalFaults.fault("unknown-fragment", "this fragment is not here any more", { cause: error });
    }
  }

  /** A power cut may leave the index behind its files: the file is right. Gives the refusal of what was asked for. */
  #correct(held: HeldFragment, header: FragmentHeader): Error {
    const fragment = header.roots[header.key.index];
    if (fragment !== undefined) this.#options.index.put({ ...held, key: header.key, root: fragment });
    return refusalFaults.fault("unknown-fragment", "this fragment is not here");
  }

  /** Removes an owner's fragments of these segments; resolves with how many there were, once that is durable. */
  async remove(account: Uint8Array, segmentIds: readonly Uint8Array[]): Promise<number> {
    const { disk, index, crashPoint } = this.#options;
    const folder = folderOf(account);
    const removed = await Promise.all(
      segmentIds.map((segmentId) =>
        this.#alone(account, segmentId, async () => {
          const known = index.get(account, segmentId);
          if (known === undefined) return false;
          index.delete(account, segmentId);
          crashPoint("fragment-unindexed");
          this.#unsynced.set(folder, ++this.#removals);
          try {
            await disk.remove(pathOf(account, segmentId));
          } catch (error) {
            // It is still there, so it still counts, and the owner can ask again.
            index.put(known);
            throw error;
          }
          return true;
        }),
      ),
    );
    // Also where this request removed nothing: an earlier one may not have got as far as the fsync.
    const unsynced = this.#unsynced.get(folder);
    if (unsynced !== undefined) {
      await this.#syncs.sync(folder);
      // A removal made while the fsync ran needs one of its own.
      if (this.#unsynced.get(folder) === unsynced) this.#unsynced.delete(folder);
      crashPoint("fragment-removed");
    }
    return removed.filter(Boolean).length;
  }

  list(account: Uint8Array, after: Uint8Array | undefined, limit: number): readonly HeldFragment[] {
    return this.#options.index.list(account, after, limit);
  }

  has({ account, segmentId, index }: FragmentKey): boolean {
    return this.#options.index.get(account, segmentId)?.key.index === index;
  }

  usedBytes(account?: Uint8Array): number {
    return this.#options.index.usedBytes(account);
  }

  /** What of the quota that takes. */
  countedBytes(account?: Uint8Array): number {
    return this.#options.index.countedBytes(account);
  }

  async #alone<T>(account: Uint8Array, segmentId: Uint8Array, work: () => Promise<T>): Promise<T> {
    const name = pathOf(account, segmentId);
    const before = this.#busy.get(name);
    const mine = (before ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#busy.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(name) === mine) this.#busy.delete(name);
    }
  }
}
