import { createCipheriv, createHash } from "node:crypto";
import { Readable } from "node:stream";

const blockBytes = 1 << 20;
const zeros = Buffer.alloc(blockBytes);

/** Bytes that no compressor shrinks and that anybody with the seed can make again, from any offset. */
export function* seededBlocks(seed: string, sizeBytes: number, offsetBytes = 0): Generator<Buffer> {
  const key = createHash("sha256").update(`piccolo seeded content:${seed}`).digest();
  const counter = Buffer.alloc(16);
  // The counter counts 16-byte blocks from the start of its 1 MiB block, so that an offset needs no running start.
  for (let at = offsetBytes - (offsetBytes % blockBytes); at < sizeBytes; at += blockBytes) {
    counter.writeBigUInt64BE(BigInt(at / 16), 8);
    const block = createCipheriv("aes-256-ctr", key, counter).update(zeros);
    const from = Math.max(0, offsetBytes - at);
    const to = Math.min(blockBytes, sizeBytes - at);
    if (from < to) yield block.subarray(from, to);
  }
}

export function seededStream(seed: string, sizeBytes: number, offsetBytes = 0): Readable {
  return Readable.from(seededBlocks(seed, sizeBytes, offsetBytes), {
    objectMode: false,
    highWaterMark: 2 * blockBytes,
  });
}

export function seededDigest(seed: string, sizeBytes: number, from = 0, to = sizeBytes): string {
  const hash = createHash("sha256");
  for (const block of seededBlocks(seed, to, from)) hash.update(block);
  return hash.digest("hex");
}
