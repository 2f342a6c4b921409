import { useEffect, useSyncExternalStore } from "react";
import { isBusy } from "./queue.ts";
import type { Uploads } from "./uploads.ts";

export const useBusyUploads = (uploads: Uploads): number =>
  useSyncExternalStore(uploads.subscribe, () => uploads.snapshot().items.filter(isBusy).length);

/** Leaving the page stops the uploads, also those that wait behind a lock or a sign-in: the browser asks first. */
export function useUploadsWarning(uploads: Uploads): void {
  const isAtWork = useBusyUploads(uploads) > 0;
  useEffect(() => {
    if (!isAtWork) return undefined;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [isAtWork]);
}
