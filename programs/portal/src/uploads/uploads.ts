/** Runs the upload list: sends what may start, hears what became durable, and keeps the files the person chose. */
import { DeviceRefusal } from "@piccolo/device-api/client";
import { device } from "../api/device.ts";
import { isTurnedAway, troubleOf, type Trouble } from "../api/problem.ts";
import { checkSameFile } from "./check-same-file.ts";
import { createPlacementQuestion } from "./placement-question.ts";
import {
  emptyQueue,
  isCancellable,
  isUnderWay,
  nextDueMs,
  reduceQueue,
  startable,
  type ConflictPlan,
  type UploadAction,
  type UploadItem,
  type UploadQueue,
} from "./queue.ts";
import * as transfer from "./transfer.ts";

export interface NewUpload {
  readonly file: File;
  readonly parent: string;
  /** Where it differs from the file's own name. */
  readonly filename?: string;
  readonly onConflict?: ConflictPlan;
}

export interface Uploads {
  readonly snapshot: () => UploadQueue;
  readonly subscribe: (listener: () => void) => () => void;
  readonly dispatch: (action: UploadAction) => void;
  readonly add: (uploads: readonly NewUpload[]) => void;
  /** Takes an upload from the list, and from the device if it had begun. */
  readonly discard: (key: string) => void;
  /** The same for everything this page still has to send. */
  readonly cancelAll: () => void;
  /** The person says that this is the file of an unfinished upload. */
  readonly continueWith: (key: string, file: File) => void;
  /** Asks whether others store by now what was only on the device. */
  readonly askPlacement: () => void;
  /** Reads what earlier pages left behind. */
  readonly findLeftovers: () => void;
}

const unreadable: Trouble = {
  code: "file-unreadable",
  detail: "The file on this computer was changed, moved or deleted meanwhile. Choose it again.",
  retry: false,
  status: 0,
};

const codeOf = (error: unknown): string => (error instanceof DeviceRefusal ? error.problem.code : "");
const statusOf = (error: unknown): number => (error instanceof DeviceRefusal ? error.problem.status : 0);

/** A browser reports a file that changed on disk as a broken line; a read tells the two apart. */
async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

const leftoverWaitMs = 3000;

/** What the device is asked for an upload. */
type UploadRequests = Pick<typeof transfer, "createUpload" | "discardUpload" | "readState" | "sendRest">;

export function createUploads(onTurnedAway: () => void, requests: UploadRequests = transfer): Uploads {
  let queue = emptyQueue;
  let timer: number | undefined;
  let leftoverTimer: number | undefined;
  let lastKey = 0;
  const files = new Map<string, File>();
  const running = new Map<string, AbortController>();
  const listeners = new Set<() => void>();

  const itemOf = (key: string): UploadItem | undefined => queue.items.find((item) => item.key === key);

  function dispatch(action: UploadAction): void {
    queue = reduceQueue(queue, action);
    announce();
  }

  function announce(): void {
    follow();
    for (const listener of listeners) listener();
  }

  /** Brings what runs in line with what the list says. */
  function follow(): void {
    for (const [key, controller] of running) {
      const item = itemOf(key);
      if (item === undefined || !(isUnderWay(item) || item.phase === "checking")) controller.abort();
    }
    for (const key of files.keys()) if (itemOf(key) === undefined) files.delete(key);
    const now = Date.now();
    for (const key of startable(queue, now)) {
      // What was paused and resumed at once has to let go of the device first.
      if (running.has(key)) continue;
      queue = reduceQueue(queue, { type: "starting", key });
      void start(key);
    }
    window.clearTimeout(timer);
    const due = nextDueMs(queue);
    if (due !== undefined && due > now) timer = window.setTimeout(announce, due - now);
  }

  async function start(key: string): Promise<void> {
    const item = itemOf(key);
    const file = files.get(key);
    if (item === undefined || file === undefined) return;
    const controller = new AbortController();
    running.set(key, controller);
    try {
      await send(item, file, controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) await broke(key, file, error);
    } finally {
      running.delete(key);
      announce();
    }
  }

  async function send(item: UploadItem, file: File, signal: AbortSignal): Promise<void> {
    const { key } = item;
    let { uploadId } = item;
    let state: transfer.TransferEnd;
    if (uploadId === undefined) {
      const created = await requests.createUpload({
        filename: item.filename,
        parent: item.parent,
        sizeBytes: file.size,
        mediaType: file.type,
        modifiedMs: file.lastModified,
        onConflict: item.onConflict === "version" || item.onConflict === "rename" ? item.onConflict : "refuse",
      });
      uploadId = created.uploadId;
      state = created;
      if (itemOf(key) === undefined) {
        void requests.discardUpload(uploadId).catch(() => undefined);
        return;
      }
    } else state = await requests.readState(uploadId, signal);
    const { offsetBytes } = state;
    dispatch({ type: "sending", key, uploadId, offsetBytes });
    // An empty file is complete as soon as it is announced.
    if (state.node === undefined)
      state = await requests.sendRest(uploadId, file, offsetBytes, signal, (bytes) =>
        dispatch({ type: "sent", key, bytes, atMs: Date.now() }),
      );
    dispatch({ type: "finished", key, node: state.node, placement: state.placement });
  }

  async function broke(key: string, file: File, error: unknown): Promise<void> {
    const uploadId = itemOf(key)?.uploadId;
    const code = codeOf(error);
    // A session that began in another tab has another token: who is signed in has to be asked, too.
    if (isTurnedAway(error) || code === "csrf") onTurnedAway();
    if (code === "name-taken") {
      // A name may be taken while the file is on its way; what to do about it is fixed when an upload begins.
      if (uploadId !== undefined) void requests.discardUpload(uploadId).catch(() => undefined);
      dispatch({ type: "conflicted", key });
      return;
    }
    if (code === "upload-not-found" || (uploadId !== undefined && [404, 410].includes(statusOf(error)))) {
      dispatch({ type: "forgotten", key });
      return;
    }
    const unread = code === "device-unreachable" && !(await isReadable(file));
    const trouble = unread ? unreadable : troubleOf(error);
    dispatch({
      type: "broke",
      key,
      // Another offset than the device's: asking for it again settles that.
      trouble: code === "upload-offset-differs" ? { ...trouble, retry: true } : trouble,
      atMs: Date.now(),
      spread: Math.random(),
    });
  }

  async function check(key: string, file: File): Promise<void> {
    const controller = new AbortController();
    running.set(key, controller);
    try {
      const { uploads } = await device.call("GET /uploads", {}, { signal: controller.signal });
      const upload = uploads.find(({ id }) => id === itemOf(key)?.uploadId);
      if (upload === undefined) {
        // The device forgot it meanwhile. The person has chosen the file, so it is sent from the start.
        files.set(key, file);
        dispatch({ type: "forgotten", key });
        return;
      }
      const verdict = await checkSameFile(upload, file, controller.signal, (bytes) =>
        dispatch({ type: "checked", key, bytes }),
      );
      if (verdict.same) {
        files.set(key, file);
        dispatch({ type: "same", key });
      } else dispatch({ type: "differs", key, detail: verdict.detail });
    } catch (error) {
      if (isTurnedAway(error)) onTurnedAway();
      if (!controller.signal.aborted)
        dispatch({
          type: "differs",
          key,
          detail: (await isReadable(file)) ? troubleOf(error).detail : unreadable.detail,
        });
    } finally {
      running.delete(key);
      announce();
    }
  }

  const askPlacement = createPlacementQuestion({
    pending: () =>
      queue.items.flatMap(({ key, phase, placement, node }) =>
        phase === "done" && placement === "pending" && node !== undefined ? [{ key, node }] : [],
      ),
    read: async (id) => (await device.call("GET /files/{id}", { params: { id } })).placement,
    placed: (key) => dispatch({ type: "placed", key }),
    concernsOne: (error) => [404, 409, 410].includes(statusOf(error)) && !isTurnedAway(error),
  });

  function findLeftovers(): void {
    window.clearTimeout(leftoverTimer);
    device
      .call("GET /uploads", {})
      .then(({ uploads }) => {
        dispatch({ type: "leftovers", uploads });
        const mine = new Set(queue.items.map(({ uploadId }) => uploadId));
        // The page before this one may still seem to be sending: the device notices its end a moment later.
        if (uploads.some(({ id, active }) => active && !mine.has(id)))
          leftoverTimer = window.setTimeout(findLeftovers, leftoverWaitMs);
      })
      .catch((error: unknown) => {
        if (isTurnedAway(error)) onTurnedAway();
      });
  }

  return {
    snapshot: () => queue,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    dispatch,
    add: (uploads) => {
      if (uploads.length === 0) return;
      const keyed = uploads.map((upload) => {
        lastKey += 1;
        return { ...upload, key: `upload-${lastKey}` };
      });
      for (const { key, file } of keyed) files.set(key, file);
      dispatch({
        type: "add",
        batch: `batch-${lastKey}`,
        uploads: keyed.map(({ key, file, parent, filename, onConflict }) => ({
          key,
          parent,
          filename: filename ?? file.name,
          sizeBytes: file.size,
          ...(onConflict === undefined ? {} : { onConflict }),
        })),
      });
    },
    discard: (key) => {
      const uploadId = itemOf(key)?.uploadId;
      const done = itemOf(key)?.phase === "done";
      dispatch({ type: "remove", key });
      // Where this fails, the device forgets the upload by itself when it expires.
      if (uploadId !== undefined && !done) void requests.discardUpload(uploadId).catch(() => undefined);
    },
    cancelAll: () => {
      const begun = queue.items.filter(isCancellable).flatMap(({ uploadId }) => uploadId ?? []);
      dispatch({ type: "cancel-all" });
      for (const uploadId of begun) void requests.discardUpload(uploadId).catch(() => undefined);
    },
    continueWith: (key, file) => {
      dispatch({ type: "check", key });
      void check(key, file);
    },
    askPlacement: () => {
      void askPlacement();
    },
    findLeftovers,
  };
}
