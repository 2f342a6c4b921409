/** The upload list in numbers. */
import { isBusy, type UploadItem, type UploadPhase, type UploadQueue } from "./queue.ts";
import { rateOf } from "./rate.ts";

export interface QueueSummary {
  readonly busy: number;
  readonly done: number;
  /** For the person to decide. */
  readonly asking: number;
  readonly failed: number;
  readonly paused: number;
  readonly unfinished: number;
  readonly sizeBytes: number;
  readonly durableBytes: number;
  readonly sentBytes: number;
  readonly bytesPerSecond: number;
}

/** Sizes count what is under way or done since the list was last cleared, not what rests. */
export function summaryOf(queue: UploadQueue, nowMs: number): QueueSummary {
  const count = (...phases: readonly UploadPhase[]): number =>
    queue.items.filter(({ phase }) => phases.includes(phase)).length;
  const counted = queue.items.filter((item) => isBusy(item) || item.phase === "done");
  const sum = (of: (item: UploadItem) => number): number => counted.reduce((total, item) => total + of(item), 0);
  return {
    busy: queue.items.filter(isBusy).length,
    done: count("done"),
    asking: count("conflict"),
    failed: count("failed", "differs"),
    paused: count("paused"),
    unfinished: count("unfinished"),
    sizeBytes: sum(({ sizeBytes }) => sizeBytes),
    durableBytes: sum(({ durableBytes }) => durableBytes),
    sentBytes: sum(({ sentBytes }) => sentBytes),
    bytesPerSecond: sum((item) => rateOf(item.points, nowMs)),
  };
}
