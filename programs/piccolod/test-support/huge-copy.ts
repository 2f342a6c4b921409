/** A copy of a volume that holds the same bytes everywhere, as large as a test wants it. */
import { chunkBytes } from "../src/apps/backup/chunks.ts";
import type { SnapshotReader } from "../src/apps/runtime/snapshot-files.ts";

const [full, zeros] = [new Uint8Array(chunkBytes).fill(1), new Uint8Array(chunkBytes)];

/** `u`: known to be unused; `0`: used, and holds zeros; `1`: holds something. One letter a chunk; the last goes on. */
export function readerOf(letters: string, chunks = letters.length): SnapshotReader & { readonly reads: number } {
  const letterAt = (at: number): string => letters.at(Math.min(at / chunkBytes, letters.length - 1)) ?? "u";
  return {
    reads: 0,
    sizeBytes: chunks * chunkBytes,
    isUnused: (at) => letterAt(at) === "u",
    async read(this: { reads: number }, at, length) {
      this.reads += 1;
      const letter = letterAt(at);
      return letter === "u" ? undefined : (letter === "1" ? full : zeros).subarray(0, length);
    },
    close: () => Promise.resolve(),
  };
}
