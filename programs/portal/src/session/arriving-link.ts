/** The claim link of this page: the one it was loaded with, or one that was opened in it since. */
import { useSyncExternalStore } from "react";
import { parseClaimLink, type ClaimLink } from "./claim-link.ts";

let link: ClaimLink | undefined;
const listeners = new Set<() => void>();

/** The code is a secret: it leaves the address bar and the history before anything else happens. */
function take(fragmentBefore: string): void {
  const found = parseClaimLink(location.hash);
  if (found === undefined) return;
  history.replaceState(null, "", location.pathname + location.search + fragmentBefore);
  link = found;
  for (const listener of listeners) listener();
}

/** To be called once, before anything else reads the address. */
export function watchForClaimLinks(): void {
  take("");
  // A link opened in a tab that shows the portal already loads no page; the person stays at the same place of it.
  window.addEventListener("hashchange", ({ oldURL }) => take(oldURL === "" ? "" : new URL(oldURL).hash));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useClaimLink = (): ClaimLink | undefined => useSyncExternalStore(subscribe, () => link);
