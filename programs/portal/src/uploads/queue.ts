/**
 * The upload list as a state machine: what each upload is doing, and which ones may start. Pure; `uploads.ts` does what
 * it says.
 */
import type { Upload } from "@piccolo/device-api";
import type { Trouble } from "../api/problem.ts";
import { backoffMs } from "../api/backoff.ts";
import { withPoint, type RatePoint } from "./rate.ts";

/** What to do when the name is taken: ask the person, or what the person said. */
export type ConflictPlan = "ask" | "version" | "rename" | "skip";

export type UploadPhase =
  /** For its turn, or for `retryAtMs`. */
  | "waiting"
  | "starting"
  | "sending"
  | "paused"
  /** The name is taken, and the person has to say what to do. */
  | "conflict"
  | "failed"
  | "done"
  /** Begun by an earlier page: the person has to choose the file again. */
  | "unfinished"
  /** Whether the chosen file is the same one is being found out. */
  | "checking"
  /** It is another one. */
  | "differs";

export interface UploadItem {
  /** Known to this page alone. */
  readonly key: string;
  /** Uploads that were added together share a batch. */
  readonly batch: string;
  readonly filename: string;
  readonly parent: string;
  readonly sizeBytes: number;
  readonly phase: UploadPhase;
  readonly onConflict: ConflictPlan;
  /** What the device was told when the upload was announced; the person may have said something else since. */
  readonly announcedPlan?: ConflictPlan | undefined;
  /** The name is taken even for a new version: a folder has it. */
  readonly versionRefused?: boolean | undefined;
  readonly uploadId?: string | undefined;
  readonly sentBytes: number;
  /** What the device has stored for good. */
  readonly durableBytes: number;
  readonly checkedBytes: number;
  readonly points: readonly RatePoint[];
  readonly attempts: number;
  readonly retryAtMs?: number | undefined;
  readonly trouble?: Trouble | undefined;
  readonly node?: string | undefined;
  readonly placement?: "durable" | "pending" | undefined;
}

export interface UploadQueue {
  readonly items: readonly UploadItem[];
}

export type UploadAction =
  | {
      readonly type: "add";
      readonly batch: string;
      readonly uploads: readonly (Pick<UploadItem, "key" | "filename" | "parent" | "sizeBytes"> & {
        readonly onConflict?: ConflictPlan;
      })[];
    }
  | { readonly type: "leftovers"; readonly uploads: readonly Upload[] }
  | { readonly type: "gone"; readonly uploadId: string }
  | { readonly type: "starting"; readonly key: string }
  | { readonly type: "sending"; readonly key: string; readonly uploadId: string; readonly offsetBytes: number }
  | { readonly type: "sent"; readonly key: string; readonly bytes: number; readonly atMs: number }
  | { readonly type: "durable"; readonly uploadId: string; readonly bytes: number }
  | { readonly type: "conflicted"; readonly key: string }
  | {
      readonly type: "choose";
      readonly key: string;
      readonly plan: Exclude<ConflictPlan, "ask">;
      readonly all: boolean;
    }
  | { readonly type: "pause"; readonly key: string }
  | { readonly type: "resume"; readonly key: string }
  | {
      readonly type: "broke";
      readonly key: string;
      readonly trouble: Trouble;
      readonly atMs: number;
      readonly spread: number;
    }
  /** The device no longer knows the upload: from the start. */
  | { readonly type: "forgotten"; readonly key: string }
  | {
      readonly type: "finished";
      readonly key: string;
      readonly node?: string | undefined;
      readonly placement?: "durable" | "pending" | undefined;
    }
  /** What was only on the device is stored by others now. */
  | { readonly type: "placed"; readonly key: string }
  | { readonly type: "check"; readonly key: string }
  | { readonly type: "checked"; readonly key: string; readonly bytes: number }
  | { readonly type: "same"; readonly key: string }
  | { readonly type: "differs"; readonly key: string; readonly detail: string }
  | { readonly type: "remove"; readonly key: string }
  | { readonly type: "resume-failed" }
  | { readonly type: "cancel-all" }
  | { readonly type: "clear-ended" };

export const emptyQueue: UploadQueue = { items: [] };
export const sendingMax = 2;
/** A refusal that may pass is tried this often; a device that does not answer is tried for as long as the page lives. */
export const attemptsMax = 8;

/** While nobody is signed in, or the device is locked, one upload asks this often and the others wait behind it. */
const shutWaitMs = 4000;
/** Refusals that say nothing about the upload: it goes on as soon as somebody has signed in or opened the device. */
const shutCodes: ReadonlySet<string> = new Set(["sign-in-required", "locked", "closed", "csrf"]);

/** Phases in which nothing of the upload happens before the person does something. */
const resting: ReadonlySet<UploadPhase> = new Set(["paused", "conflict", "failed", "done", "unfinished", "differs"]);
const underWay: ReadonlySet<UploadPhase> = new Set(["starting", "sending"]);

const fresh = { sentBytes: 0, durableBytes: 0, checkedBytes: 0, points: [], attempts: 0 } as const;

function leftover(upload: Upload): UploadItem {
  return {
    ...fresh,
    key: `unfinished-${upload.id}`,
    batch: "unfinished",
    filename: upload.filename,
    parent: upload.parent,
    sizeBytes: upload.sizeBytes,
    durableBytes: upload.offsetBytes,
    phase: "unfinished",
    onConflict: "ask",
    uploadId: upload.id,
  };
}

function change(queue: UploadQueue, key: string, to: (item: UploadItem) => UploadItem | undefined): UploadQueue {
  return { items: queue.items.flatMap((item) => (item.key === key ? (to(item) ?? []) : [item])) };
}

/** Puts the upload back in line, with nothing left of what stopped it. */
const inLine = (item: UploadItem): UploadItem => ({
  ...item,
  phase: "waiting",
  retryAtMs: undefined,
  trouble: undefined,
  points: [],
});

/** Back in line from the first byte, because the device no longer has the upload. */
const forgotten = (item: UploadItem): UploadItem =>
  inLine({ ...item, uploadId: undefined, sentBytes: 0, durableBytes: 0 });

function conflicted(item: UploadItem): UploadItem | undefined {
  if (item.onConflict === "skip") return undefined;
  // An answer for all that came while the question was on its way has not been tried.
  if (item.announcedPlan !== undefined && item.announcedPlan !== item.onConflict) return forgotten(item);
  return { ...forgotten(item), phase: "conflict", versionRefused: item.onConflict === "version" || undefined };
}

function broken(item: UploadItem, action: Extract<UploadAction, { readonly type: "broke" }>): UploadItem {
  // What the person paused meanwhile stays paused: the break was the pause.
  if (resting.has(item.phase)) return item;
  if (shutCodes.has(action.trouble.code))
    return {
      ...inLine(item),
      retryAtMs: action.atMs + shutWaitMs,
      trouble: action.trouble,
      sentBytes: item.durableBytes,
    };
  const attempts = item.attempts + 1;
  const again = action.trouble.retry && (action.trouble.status === 0 || attempts < attemptsMax);
  return {
    ...item,
    phase: again ? "waiting" : "failed",
    attempts,
    retryAtMs: again ? action.atMs + backoffMs(attempts, action.spread) : undefined,
    trouble: action.trouble,
    sentBytes: item.durableBytes,
    points: [],
  };
}

const isShutOut = ({ phase, trouble }: UploadItem): boolean =>
  phase === "waiting" && trouble !== undefined && shutCodes.has(trouble.code);

/** The device answered someone who is signed in: what waited for that goes on. */
const opened = (queue: UploadQueue): UploadQueue =>
  queue.items.some(isShutOut) ? { items: queue.items.map((item) => (isShutOut(item) ? inLine(item) : item)) } : queue;

/** Without others of the same upload: one may have been listed as unfinished before the device's reply came. */
const withoutTwins = (queue: UploadQueue, key: string, id: string): UploadQueue => ({
  items: queue.items.filter((item) => item.key === key || item.uploadId !== id),
});

function choose(queue: UploadQueue, action: Extract<UploadAction, { readonly type: "choose" }>): UploadQueue {
  const batch = queue.items.find(({ key }) => key === action.key)?.batch;
  return {
    items: queue.items.flatMap((item) => {
      const meant = item.key === action.key || (action.all && item.batch === batch);
      if (!meant) return [item];
      if (item.versionRefused === true && action.plan === "version") return [item];
      if (item.phase === "conflict")
        return action.plan === "skip" ? [] : [inLine({ ...item, onConflict: action.plan })];
      // Those still to start meet the same answer when they find their name taken.
      return item.uploadId === undefined && item.phase !== "done" ? [{ ...item, onConflict: action.plan }] : [item];
    }),
  };
}

function withLeftovers(queue: UploadQueue, uploads: readonly Upload[]): UploadQueue {
  const known = new Map(uploads.map((upload) => [upload.id, upload]));
  const kept = queue.items.filter(
    ({ phase, uploadId }) => phase !== "unfinished" || (uploadId !== undefined && known.has(uploadId)),
  );
  const mine = new Set(kept.map(({ uploadId }) => uploadId));
  // An active one is being sent by another page.
  const found = uploads.filter(({ id, active }) => !mine.has(id) && !active).map(leftover);
  return found.length === 0 && kept.length === queue.items.length ? queue : { items: [...kept, ...found] };
}

export function reduceQueue(queue: UploadQueue, action: UploadAction): UploadQueue {
  switch (action.type) {
    case "add":
      return {
        items: [
          ...queue.items,
          ...action.uploads.map((upload) => ({
            ...fresh,
            batch: action.batch,
            phase: "waiting" as const,
            ...upload,
            onConflict: upload.onConflict ?? "ask",
          })),
        ],
      };
    case "leftovers":
      return opened(withLeftovers(queue, action.uploads));
    case "gone":
      return {
        items: queue.items.filter(
          ({ uploadId, phase }) => uploadId !== action.uploadId || !["unfinished", "differs"].includes(phase),
        ),
      };
    case "starting":
      return change(queue, action.key, (item) =>
        item.phase === "waiting"
          ? {
              ...item,
              phase: "starting",
              retryAtMs: undefined,
              trouble: undefined,
              announcedPlan: item.uploadId === undefined ? item.onConflict : item.announcedPlan,
            }
          : item,
      );
    case "sending":
      return change(withoutTwins(opened(queue), action.key, action.uploadId), action.key, (item) =>
        underWay.has(item.phase)
          ? {
              ...item,
              phase: "sending",
              uploadId: action.uploadId,
              sentBytes: action.offsetBytes,
              durableBytes: action.offsetBytes,
              // As with what events tell: a page that nobody sees hears of none.
              attempts: action.offsetBytes > item.durableBytes ? 0 : item.attempts,
              points: [],
            }
          : { ...item, uploadId: action.uploadId },
      );
    case "sent":
      return change(queue, action.key, (item) =>
        item.phase === "sending"
          ? {
              ...item,
              sentBytes: action.bytes,
              points: withPoint(item.points, { atMs: action.atMs, bytes: action.bytes }),
            }
          : item,
      );
    case "durable":
      return {
        items: queue.items.map((item) =>
          item.uploadId === action.uploadId && item.phase !== "done"
            ? {
                ...item,
                durableBytes: Math.max(item.durableBytes, action.bytes),
                sentBytes: Math.max(item.sentBytes, action.bytes),
                // Bytes that arrived prove that the line is fine.
                attempts: action.bytes > item.durableBytes ? 0 : item.attempts,
              }
            : item,
        ),
      };
    case "conflicted":
      return change(queue, action.key, conflicted);
    case "choose":
      return choose(queue, action);
    case "pause":
      return change(queue, action.key, (item) =>
        item.phase === "waiting" || underWay.has(item.phase)
          ? {
              ...item,
              phase: "paused",
              retryAtMs: undefined,
              trouble: undefined,
              sentBytes: item.durableBytes,
              points: [],
            }
          : item,
      );
    case "resume":
      return change(opened(queue), action.key, (item) =>
        item.phase === "paused" || item.phase === "failed" || item.phase === "waiting"
          ? inLine({ ...item, attempts: 0 })
          : item,
      );
    case "broke":
      return change(queue, action.key, (item) => broken(item, action));
    case "forgotten":
      return change(queue, action.key, forgotten);
    case "finished":
      return change(queue, action.key, (item) => ({
        ...item,
        phase: "done",
        retryAtMs: undefined,
        sentBytes: item.sizeBytes,
        durableBytes: item.sizeBytes,
        points: [],
        node: action.node,
        placement: action.placement,
      }));
    case "placed":
      return change(queue, action.key, (item) => (item.phase === "done" ? { ...item, placement: "durable" } : item));
    case "check":
      return change(queue, action.key, (item) =>
        item.phase === "unfinished" || item.phase === "differs"
          ? { ...item, phase: "checking", checkedBytes: 0, trouble: undefined }
          : item,
      );
    case "checked":
      return change(queue, action.key, (item) =>
        item.phase === "checking" ? { ...item, checkedBytes: action.bytes } : item,
      );
    case "same":
      return change(queue, action.key, (item) => (item.phase === "checking" ? inLine(item) : item));
    case "differs":
      return change(queue, action.key, (item) => ({
        ...item,
        phase: "differs",
        retryAtMs: undefined,
        trouble: { code: "another-file", detail: action.detail, retry: false, status: 0 },
      }));
    case "remove":
      return change(queue, action.key, () => undefined);
    case "resume-failed":
      return {
        items: queue.items.map((item) => (isRetriable(item) ? inLine({ ...item, attempts: 0 }) : item)),
      };
    case "cancel-all":
      return { items: queue.items.filter((item) => !isCancellable(item)) };
    default:
      return { items: queue.items.filter(({ phase }) => phase !== "done") };
  }
}

/** Uploads that may start now, in the order they were added. */
export function startable(queue: UploadQueue, nowMs: number): readonly string[] {
  const shutOut = queue.items.filter(isShutOut);
  if (shutOut.some(({ retryAtMs }) => (retryAtMs ?? 0) > nowMs)) return [];
  const room = (shutOut.length > 0 ? 1 : sendingMax) - queue.items.filter(({ phase }) => underWay.has(phase)).length;
  return queue.items
    .filter(({ phase, retryAtMs }) => phase === "waiting" && (retryAtMs ?? 0) <= nowMs)
    .slice(0, Math.max(0, room))
    .map(({ key }) => key);
}

/** When the next upload that waits for a new attempt is due. */
export function nextDueMs(queue: UploadQueue): number | undefined {
  const shutOut = queue.items.filter(isShutOut);
  if (shutOut.length > 0) return Math.max(...shutOut.map(({ retryAtMs }) => retryAtMs ?? 0));
  const due = queue.items.flatMap(({ phase, retryAtMs }) => (phase === "waiting" ? (retryAtMs ?? []) : []));
  return due.length === 0 ? undefined : Math.min(...due);
}

export const isUnderWay = (item: UploadItem): boolean => underWay.has(item.phase);
/** What failed and may be sent again without the person choosing the file anew. */
export const isRetriable = ({ phase, trouble }: UploadItem): boolean =>
  phase === "failed" && trouble?.code !== "file-unreadable";
/** What this page still has to send, whether it moves or rests. */
export const isCancellable = ({ phase }: UploadItem): boolean =>
  underWay.has(phase) || ["waiting", "paused", "conflict", "failed"].includes(phase);
export const isBusy = (item: UploadItem): boolean => !resting.has(item.phase);
