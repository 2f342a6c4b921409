/** Finds out whether a chosen file is the one an unfinished upload began with, before a byte of it is sent. */
import type { Upload } from "@piccolo/device-api";
import { device } from "../api/device.ts";
import { bytesInWords } from "../wording/bytes.ts";
import type { HashReply, HashRequest } from "./hash-worker.ts";
import { planCheck, type SegmentRange } from "./resume-plan.ts";

export type Verdict = { readonly same: true } | { readonly same: false; readonly detail: string };

/** Rejects when the file cannot be read or the signal aborts. */
function hashSegments(
  worker: Worker,
  file: File,
  segments: readonly SegmentRange[],
  signal: AbortSignal,
  onRead: (bytes: number) => void,
): Promise<readonly string[]> {
  const listening = new AbortController();
  const until = { signal: listening.signal };
  const hashes = new Promise<readonly string[]>((resolve, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason as Error), until);
    worker.addEventListener("error", () => reject(new Error("the hashing worker failed")), until);
    worker.addEventListener(
      "message",
      ({ data }: MessageEvent<HashReply>) => {
        if (data.type === "read") onRead(data.bytes);
        else if (data.type === "hashes") resolve(data.hashes);
        else reject(new Error("the file cannot be read"));
      },
      until,
    );
    worker.postMessage({ file, segments } satisfies HashRequest, []);
  });
  return hashes.finally(() => listening.abort());
}

export async function checkSameFile(
  upload: Upload,
  file: File,
  signal: AbortSignal,
  onChecked: (bytes: number) => void,
): Promise<Verdict> {
  if (file.size !== upload.sizeBytes)
    return {
      same: false,
      detail: `This is another file: it has ${bytesInWords(file.size)}, the one begun has ${bytesInWords(upload.sizeBytes)}.`,
    };
  const worker = new Worker(new URL("./hash-worker.ts", import.meta.url), { type: "module" });
  try {
    let before = 0;
    for (const { fromSegment, segments } of planCheck(upload.segmentBytes)) {
      const hashes = await hashSegments(worker, file, segments, signal, (bytes) => onChecked(before + bytes));
      before = segments.at(-1)?.end ?? before;
      const { same } = await device.call(
        "POST /uploads/{id}/check",
        { params: { id: upload.id }, body: { segments: [...hashes], fromSegment } },
        { signal },
      );
      if (!same)
        return {
          same: false,
          detail: "This is another file: its content differs from the one begun. Choose that one.",
        };
    }
    return { same: true };
  } finally {
    worker.terminate();
  }
}
