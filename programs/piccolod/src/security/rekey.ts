import type { KeyRing } from "@piccolo/envelope";
import { catalogue, isFault } from "@piccolo/fault";
import type { TaskProgress } from "../tasks/types.ts";

export const rekeyFaults = catalogue({
  "rekey-running": {
    retry: "later",
    meaning: "A re-key has begun and is not over; unlock the device and wait until it has ended.",
  },
  "too-many-rekeys": {
    retry: "never",
    meaning: "This account has changed its keys as often as it can; start over with a new one.",
  },
});

export interface WrappedKeyRow {
  readonly versionId: Uint8Array;
  readonly wrapped: Uint8Array;
}

/** Where the wrapped file keys lie. */
export interface WrappedKeys {
  /** Like `page`, but only those of files made while the device was locked, which only the owner's file key opens. */
  sealedWhileLocked(after: Uint8Array, limit: number): readonly WrappedKeyRow[];
  /** Up to `limit` rows behind the version id, in their order; an empty id begins. */
  page(after: Uint8Array, limit: number): readonly WrappedKeyRow[];
  /** All in one commit. A row that is gone, or has another wrapped key than `before`, is left as it is. */
  replace(rows: readonly (WrappedKeyRow & { readonly before: Uint8Array })[]): void;
}

export type RekeyCrashPoint =
  | "before-rekey-slots"
  | "after-rekey-slots"
  | "before-rekey-page"
  | "after-rekey-page"
  | "before-rekey-entry"
  | "after-rekey-entry"
  | "before-rekey-identity"
  | "after-rekey-identity"
  | "before-rekey-checkpoint"
  | "after-rekey-checkpoint"
  | "before-rekey-end"
  | "after-rekey-end";

const pageRows = 500;

/**
 * Wraps every file key under the current epoch, a page a commit. It can be cut off at any moment and begun anew: what is
 * wrapped already is passed over, and new files are made under the current epoch from the start.
 */
export async function rewrapAll(
  parts: {
    readonly keys: () => KeyRing;
    readonly rows: WrappedKeys;
    readonly crashPoint: (name: RekeyCrashPoint) => void;
  },
  { signal, report }: TaskProgress,
): Promise<void> {
  const { keys, rows, crashPoint } = parts;
  let done = 0;
  let after = new Uint8Array(0);
  for (;;) {
    signal.throwIfAborted();
    const page = rows.page(after, pageRows);
    const last = page.at(-1);
    if (last === undefined) return;
    const ring = keys();
    const changed = page.flatMap(({ versionId, wrapped: before }) => {
      const wrapped = ring.rewrapFek(before, versionId);
      return wrapped === undefined ? [] : [{ versionId, wrapped, before }];
    });
    crashPoint("before-rekey-page");
    if (changed.length > 0) rows.replace(changed);
    crashPoint("after-rekey-page");
    done += page.length;
    after = new Uint8Array(last.versionId);
    report("Wrapping the files' keys anew", done);
    // Others have their turn between two pages.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * Wraps anew what was sealed while the device was locked, so that only the owner's key for keys opens it. One that does not
 * open is left as it is and keeps nothing else back; who reads its file is told. Throws what `keys` throws.
 */
export async function rewrapLocked(keys: () => KeyRing, rows: WrappedKeys, signal: AbortSignal): Promise<void> {
  let after = new Uint8Array(0);
  for (;;) {
    signal.throwIfAborted();
    const page = rows.sealedWhileLocked(after, pageRows);
    const last = page.at(-1);
    if (last === undefined) return;
    const ring = keys();
    rows.replace(page.flatMap((row) => rewrapOne(ring, row)));
    after = new Uint8Array(last.versionId);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function rewrapOne(ring: KeyRing, { versionId, wrapped: before }: WrappedKeyRow) {
  try {
    const wrapped = ring.rewrapFek(before, versionId);
    return wrapped === undefined ? [] : [{ versionId, wrapped, before }];
  } catch (error) {
    if (!isFault(error)) throw error;
    return [];
  }
}
