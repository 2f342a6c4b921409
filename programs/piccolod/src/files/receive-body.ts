import { extentPlainBytes, type VersionWriter } from "@piccolo/storage/owner";
import type { Blake3 } from "../adapters/fragment-hash.ts";

export interface Reception {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly blake3: Blake3;
  readonly tooLong: () => Error;
  /** Called before the segment that ends there can be committed, so that no committed segment lacks its hash. */
  readonly segmentEnds: (endBytes: number, hash: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes a request's body to a version. Segments end where the engine ends them: after each `extentPlainBytes` from where
 * this writer began, and where the body ends. When the client goes away, what was not committed is given up.
 */
export async function receiveBody(
  writer: VersionWriter,
  body: AsyncIterable<Uint8Array>,
  reception: Reception,
): Promise<void> {
  const { offsetBytes, sizeBytes, blake3, tooLong, segmentEnds, signal } = reception;
  let position = offsetBytes;
  let segmentStart = offsetBytes;
  let hash = blake3.stream();
  const endSegment = (): void => {
    segmentEnds(position, hash.digest());
    segmentStart = position;
    hash = blake3.stream();
  };
  try {
    for await (const bytes of body) {
      signal.throwIfAborted();
      if (position + bytes.length > sizeBytes) throw tooLong();
      let rest = bytes;
      while (rest.length > 0) {
        const piece = rest.subarray(0, segmentStart + extentPlainBytes - position);
        hash.update(piece);
        position += piece.length;
        rest = rest.subarray(piece.length);
        if (position - segmentStart === extentPlainBytes) endSegment();
        await writer.write(piece);
      }
    }
    signal.throwIfAborted();
    if (position > segmentStart) endSegment();
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
