/** Uploads in sentences. */
import { bytesInWords, percentInWords, progressInWords, rateInWords } from "../wording/bytes.ts";
import { durationInWords, timeLeftInWords } from "../wording/time.ts";
import type { UploadItem } from "./queue.ts";
import { rateOf } from "./rate.ts";
import type { QueueSummary } from "./summary.ts";

const files = (count: number): string => `${count} ${count === 1 ? "file" : "files"}`;

/** The panel's headline. */
export function summaryInWords(summary: QueueSummary): string {
  if (summary.asking > 0) return `${files(summary.asking)} already there`;
  if (summary.busy > 0) return `Uploading ${files(summary.busy)}`;
  if (summary.failed > 0) return `${files(summary.failed)} not uploaded`;
  if (summary.unfinished > 0) return `${files(summary.unfinished)} unfinished`;
  if (summary.paused > 0) return `${files(summary.paused)} paused`;
  return `${files(summary.done)} uploaded`;
}

/** How the whole goes: `42 %, about 3 minutes left`. */
export function summaryDetail(summary: QueueSummary): string {
  if (summary.busy === 0) return "";
  const left = timeLeftInWords(summary.sizeBytes - summary.durableBytes, summary.bytesPerSecond);
  const percent = percentInWords(summary.durableBytes, summary.sizeBytes);
  return left === "" ? percent : `${percent}, ${left}`;
}

/** The second line of a row. */
export function itemInWords(item: UploadItem, nowMs: number): string {
  const progress = progressInWords(item.durableBytes, item.sizeBytes);
  switch (item.phase) {
    case "waiting":
      if (item.retryAtMs === undefined) return "Waiting for its turn";
      return item.retryAtMs > nowMs
        ? `${item.trouble?.detail ?? ""} Next try in ${durationInWords(item.retryAtMs - nowMs)}.`.trim()
        : "Trying again…";
    case "starting":
      return "Starting…";
    case "sending":
      return sendingInWords(item, progress, nowMs);
    case "paused":
      return item.durableBytes === 0 ? "Paused" : `Paused at ${progress}`;
    case "conflict":
      return item.versionRefused === true
        ? "A folder has this name, so the file cannot become its new version."
        : "Something of this name is already there.";
    case "failed":
    case "differs":
      return item.trouble?.detail ?? "It did not work.";
    case "done":
      return item.placement === "pending"
        ? `${bytesInWords(item.sizeBytes)}, still only on this device`
        : `${bytesInWords(item.sizeBytes)}, stored safely`;
    case "unfinished":
      return item.durableBytes === 0
        ? `${bytesInWords(item.sizeBytes)}, not begun. Choose the file again to send it.`
        : `${progress} are here. Choose the same file again to go on.`;
    default:
      return `Checking that it is the same file, ${percentInWords(item.checkedBytes, item.durableBytes)}`;
  }
}

function sendingInWords(item: UploadItem, progress: string, nowMs: number): string {
  // Everything is sent, and the device still hands it on.
  if (item.sentBytes >= item.sizeBytes) return "Storing on other devices…";
  const rate = rateOf(item.points, nowMs);
  const left = timeLeftInWords(item.sizeBytes - item.durableBytes, rate);
  return [progress, rate > 0 ? rateInWords(rate) : "", left].filter((part) => part !== "").join(", ");
}
