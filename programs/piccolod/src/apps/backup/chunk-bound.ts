/** Whether a copy is more than one backup can hold, before anything of it is stored. */
import type { SnapshotReader } from "../runtime/snapshot-files.ts";
import { chunkBytes, chunkCount, chunkLength, isEmptyChunk } from "./chunks.ts";

type BoundReader = Pick<SnapshotReader, "sizeBytes" | "isUnused" | "read">;

/** Whether there are more than `most` chunks that are not zeros. `looked`: called for each one that had to be read; ends it by throwing. */
export async function exceedsBound(
  readers: readonly BoundReader[],
  most: number,
  looked: () => void,
): Promise<boolean> {
  let used = 0;
  for (const reader of readers) for (const _ of usedChunks(reader)) used += 1;
  if (used <= most) return false;
  // Some of what is in use may hold zeros, which only reading tells.
  let full = 0;
  for (const reader of readers) {
    for (const index of usedChunks(reader)) {
      const plain = await reader.read(index * chunkBytes, chunkLength(reader.sizeBytes, index));
      if (plain !== undefined && !isEmptyChunk(plain)) full += 1;
      if (full > most) return true;
      looked();
    }
  }
  return false;
}

function* usedChunks(reader: BoundReader): Generator<number> {
  for (let index = 0; index < chunkCount(reader.sizeBytes); index++) {
    if (!reader.isUnused(index * chunkBytes, chunkLength(reader.sizeBytes, index))) yield index;
  }
}
