import { chmod, lchown, lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { IdMove } from "../../apps/runtime/app-storage.ts";
import { idRangeSize } from "../../apps/runtime/container-spec.ts";

const modeBits = 0o7777;

/**
 * Gives everything in the folder, and the folder itself, that belongs to an id of one range to the same id of the other.
 * What belongs to neither stays; the two never overlap, so that who is cut off begins again. Links are not followed.
 */
export async function moveOwners(folder: string, range: IdMove): Promise<void> {
  const moved = (id: number): number =>
    id >= range.from && id < range.from + idRangeSize ? id - range.from + range.to : id;
  const folders = [folder];
  await moveOne(folder, moved);
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for await (const entry of await opendir(next)) {
      const path = join(next, entry.name);
      await moveOne(path, moved);
      if (entry.isDirectory()) folders.push(path);
    }
  }
}

async function moveOne(path: string, moved: (id: number) => number): Promise<void> {
  const stat = await lstat(path);
  const { uid, gid, mode } = stat;
  if (moved(uid) === uid && moved(gid) === gid) return;
  await lchown(path, moved(uid), moved(gid));
  // A change of owner takes bits of the mode away.
  if (!stat.isSymbolicLink()) await chmod(path, mode & modeBits);
}
