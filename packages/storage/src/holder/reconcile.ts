import { equalConstantTime, fromHex, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { type FragmentHash, fragmentRoot } from "../fragment/index.ts";
import type { Disk, HeldFragment, HolderIndex } from "../ports/index.ts";
import { fragmentsFolder, readPreamble, pathOf } from "./fragment-file.ts";

interface Holdings {
  readonly disk: Disk;
  readonly index: HolderIndex;
  readonly hash: FragmentHash;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** The index entry of a file, as far as its preamble tells; undefined: it is no fragment of that name. */
async function entryOf(
  { disk, hash, world }: Holdings,
  account: Uint8Array,
  segmentId: Uint8Array,
  sizeBytes: number,
): Promise<HeldFragment | undefined> {
  try {
    const { header, leaves, bodyOffset } = await readPreamble(disk, pathOf(account, segmentId), sizeBytes);
    const root = header.roots[header.key.index];
    const isWhole =
      sizeBytes === bodyOffset + header.fragmentBytes &&
      equalConstantTime(header.key.account, account) &&
      equalConstantTime(header.key.segmentId, segmentId) &&
      root !== undefined &&
      equalConstantTime(fragmentRoot(leaves, header.fragmentBytes, hash), root);
    return isWhole ? { key: header.key, root, sizeBytes, storedAtMs: world.nowMs() } : undefined;
  } catch (error) {
    if (isFault(error, "malformed")) return undefined;
    throw error;
  }
}

/** Brings one file and its entry in line. True where the fragment is there afterwards. */
async function reconcileFile(holdings: Holdings, account: Uint8Array, name: string): Promise<boolean> {
  const { disk, index, report } = holdings;
  const segmentId = fromHex(name);
  const path = pathOf(account, segmentId);
  try {
    const sizeBytes = await disk.sizeBytes(path);
    if (index.get(account, segmentId)?.sizeBytes === sizeBytes) return true;
    const entry = await entryOf(holdings, account, segmentId, sizeBytes);
    if (entry !== undefined) {
      index.put(entry);
      return true;
    }
    report("held-fragment-damaged", { segment: name });
    await disk.remove(path);
  } catch (error) {
    if (!isFault(error)) throw error;
    // That the disk fails to read it is no reason to remove it: it may be readable again.
    report("held-fragment-unreadable", { segment: name });
  }
  return false;
}

/** Brings the index in line with the files, which are the truth, and removes what a crash left half-written. */
export async function reconcile(holdings: Holdings): Promise<void> {
  const { disk, index, report } = holdings;
  await disk.makeFolder(fragmentsFolder);
  const seen = new Set<string>();
  for (const owner of await disk.list(fragmentsFolder)) {
    if (!/^[0-9a-f]{64}$/.test(owner)) continue;
    const account = fromHex(owner);
    for (const name of await disk.list(`${fragmentsFolder}/${owner}`)) {
      const path = `${fragmentsFolder}/${owner}/${name}`;
      if (!/^[0-9a-f]{32}$/.test(name)) await disk.remove(path);
      else if (await reconcileFile(holdings, account, name)) seen.add(path);
    }
  }
  const missing = Array.from(index.all()).filter(({ key }) => !seen.has(pathOf(key.account, key.segmentId)));
  for (const { key } of missing) {
    report("held-fragment-missing", { segment: toHex(key.segmentId) });
    index.delete(key.account, key.segmentId);
  }
}
