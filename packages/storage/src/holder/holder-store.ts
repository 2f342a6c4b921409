import { concat, equalConstantTime, fromHex, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { refusalFaults } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import {
  cellBytes,
  cellCount,
  cellLength,
  type FragmentHash,
  type FragmentKey,
  fragmentRoot,
} from "../fragment/index.ts";
import { decodeHeader } from "../fragment/index.ts";
import { type CellRange, type Disk, diskFaults, type HeldFragment, type HolderIndex } from "../ports/index.ts";
import { FolderSyncs } from "./folder-syncs.ts";
import {
  decodePreamble,
  encodePreamble,
  type Preamble,
  preambleLength,
  provenLeaves,
  usualPreambleBytes,
} from "./fragment-file.ts";

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
  /** Bytes each owner may keep here. */
  readonly quotaBytes: (account: Uint8Array) => number;
  /** Bytes that stay free on the disk whatever the quotas say. */
  readonly reserveBytes: number;
  readonly crashPoint: (name: HolderCrashPoint) => void;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

const root = "fragments";
const incoming = "incoming-";

function folderOf(account: Uint8Array): string {
  return `${root}/${toHex(account)}`;
}

function pathOf(account: Uint8Array, segmentId: Uint8Array): string {
  return `${folderOf(account)}/${toHex(segmentId)}`;
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
    const { disk, index, report } = this.#options;
    await disk.makeFolder(root);
    const seen = new Set<string>();
    for (const owner of await disk.list(root)) {
      if (!/^[0-9a-f]{64}$/.test(owner)) continue;
      const account = fromHex(owner);
      for (const name of await disk.list(`${root}/${owner}`)) {
        const path = `${root}/${owner}/${name}`;
        if (!/^[0-9a-f]{32}$/.test(name)) {
          await disk.remove(path);
          continue;
        }
        const segmentId = fromHex(name);
        const sizeBytes = await disk.sizeBytes(path);
        if (index.get(account, segmentId)?.sizeBytes !== sizeBytes) {
          const entry = await this.#entryOf(path, account, segmentId, sizeBytes);
          if (entry === "unreadable") {
            report("held-fragment-unreadable", { segment: name });
            continue;
          }
          if (entry === "damaged") {
            report("held-fragment-damaged", { segment: name });
            await disk.remove(path);
            continue;
          }
          index.put(entry);
        }
        seen.add(path);
      }
    }
    const missing = Array.from(index.all()).filter(({ key }) => !seen.has(pathOf(key.account, key.segmentId)));
    for (const { key } of missing) {
      report("held-fragment-missing", { segment: toHex(key.segmentId) });
      index.delete(key.account, key.segmentId);
    }
  }

  /** What a file says it is. One that the disk fails to read is no reason to remove it: it may be readable again. */
  async #entryOf(
    path: string,
    account: Uint8Array,
    segmentId: Uint8Array,
    sizeBytes: number,
  ): Promise<HeldFragment | "damaged" | "unreadable"> {
    try {
      const { header, leaves, bodyOffset } = await this.#preamble(path, sizeBytes);
      const fragment = header.roots[header.key.index];
      const isWhole =
        sizeBytes === bodyOffset + header.fragmentBytes &&
        equalConstantTime(header.key.account, account) &&
        equalConstantTime(header.key.segmentId, segmentId) &&
        fragment !== undefined &&
        equalConstantTime(fragmentRoot(leaves, header.fragmentBytes, this.#options.hash), fragment);
      if (!isWhole) return "damaged";
      return { key: header.key, root: fragment, sizeBytes, storedAtMs: this.#options.world.nowMs() };
    } catch (error) {
      if (isFault(error, "malformed")) return "damaged";
      if (isFault(error)) return "unreadable";
      throw error;
    }
  }

  async #preamble(path: string, sizeBytes: number): Promise<Preamble> {
    const { disk } = this.#options;
    const start = await disk.read(path, 0, Math.min(usualPreambleBytes, sizeBytes));
    const length = preambleLength(start);
    return decodePreamble(length <= start.length ? start : await disk.read(path, 0, Math.min(length, sizeBytes)));
  }

  /** To the asker a damaged file is a failure of this device: the request itself was not malformed. */
  async #servedPreamble(path: string, sizeBytes: number): Promise<Preamble> {
    try {
      return await this.#preamble(path, sizeBytes);
    } catch (cause) {
      if (!isFault(cause, "malformed")) throw cause;
      throw diskFaults.fault("disk-error", "a fragment's file is damaged; look at the device's disk", { cause });
    }
  }

  /** Whether a fragment of so many bytes would go over the owner's quota now. */
  #refuseWhenFull(account: Uint8Array, sizeBytes: number): void {
    const { index, quotaBytes } = this.#options;
    const reserved = this.#reservedBytes.get(toHex(account)) ?? 0;
    if (index.usedBytes(account) + reserved + sizeBytes > quotaBytes(account)) {
      throw refusalFaults.fault("full", "the quota of this owner is used up");
    }
  }

  /**
   * Checks the body against the root in the header and keeps it; resolves once file and folder are fsynced. The same
   * fragment again is no error. Throws `wrong-root`, `conflict`, `full`, `malformed`.
   */
  async store(headerBytes: Uint8Array, pieces: readonly Uint8Array[]): Promise<void> {
    const { index, hash } = this.#options;
    const header = decodeHeader(headerBytes);
    const { account, segmentId } = header.key;
    const [only] = pieces;
    const body = only !== undefined && pieces.length === 1 ? only : concat(...pieces);
    const leaves = provenLeaves(header, body, hash);
    const fragment = header.roots[header.key.index];
    if (leaves === undefined || fragment === undefined) {
      throw refusalFaults.fault("wrong-root", "the bytes do not give the root in the header");
    }
    await this.#alone(account, segmentId, async () => {
      const known = index.get(account, segmentId);
      if (known !== undefined) {
        if (known.key.index === header.key.index && equalConstantTime(known.root, fragment)) return;
        throw refusalFaults.fault("conflict", "another fragment lies here under this segment id");
      }
      await this.#write(headerBytes, leaves, body, header.key, fragment);
    });
  }

  async #write(
    headerBytes: Uint8Array,
    leaves: readonly Uint8Array[],
    body: Uint8Array,
    key: FragmentKey,
    fragment: Uint8Array,
  ): Promise<void> {
    const { disk, index, world, crashPoint, reserveBytes } = this.#options;
    const { account, segmentId } = key;
    const preamble = encodePreamble(headerBytes, leaves);
    const sizeBytes = preamble.length + body.length;
    this.#refuseWhenFull(account, sizeBytes);
    const owner = toHex(account);
    this.#reservedBytes.set(owner, (this.#reservedBytes.get(owner) ?? 0) + sizeBytes);
    const folder = folderOf(account);
    const temporary = `${folder}/${incoming}${this.#incoming++}`;
    try {
      if ((await disk.freeBytes()) < sizeBytes + reserveBytes) {
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
      index.put({ key, root: fragment, sizeBytes, storedAtMs: world.nowMs() });
      crashPoint("fragment-indexed");
    } catch (error) {
      await disk.remove(temporary).catch(() => undefined);
      if (isFault(error, "disk-full")) throw refusalFaults.fault("full", "the holder's disk is full", { cause: error });
      throw error;
    } finally {
      this.#reservedBytes.set(owner, (this.#reservedBytes.get(owner) ?? 0) - sizeBytes);
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
