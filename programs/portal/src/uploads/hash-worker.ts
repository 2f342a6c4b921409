/** Hashes parts of a file beside the page, so that the page stays quick. */
import { createBLAKE3 } from "hash-wasm";
import type { SegmentRange } from "./resume-plan.ts";

export interface HashRequest {
  readonly file: Blob;
  readonly segments: readonly SegmentRange[];
}

export type HashReply =
  /** Progress, in bytes of this request. */
  | { readonly type: "read"; readonly bytes: number }
  | { readonly type: "hashes"; readonly hashes: readonly string[] }
  | { readonly type: "unreadable" };

const pieceBytes = 1 << 20;

async function hash({ file, segments }: HashRequest, reply: (message: HashReply) => void): Promise<void> {
  const hasher = await createBLAKE3();
  const hashes: string[] = [];
  let bytes = 0;
  for (const { start, end } of segments) {
    hasher.init();
    for (let at = start; at < end; at += pieceBytes) {
      const piece = await file.slice(at, Math.min(end, at + pieceBytes)).arrayBuffer();
      hasher.update(new Uint8Array(piece));
      bytes += piece.byteLength;
    }
    reply({ type: "read", bytes });
    hashes.push(hasher.digest("hex"));
  }
  reply({ type: "hashes", hashes });
}

addEventListener("message", (message: MessageEvent<HashRequest>) => {
  const reply = (answer: HashReply): void => postMessage(answer);
  hash(message.data, reply).catch(() => reply({ type: "unreadable" }));
});
