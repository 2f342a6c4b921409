/**
 * Holds something only while somebody sees the page: a browser opens only six connections to a device, and six pages in the
 * background would keep a seventh from loading.
 */
export function whileSeen({ begin, rest }: { readonly begin: () => void; readonly rest: () => void }): () => void {
  const seenOrNot = (): void => (document.visibilityState === "hidden" ? rest() : begin());
  document.addEventListener("visibilitychange", seenOrNot);
  seenOrNot();
  return () => {
    document.removeEventListener("visibilitychange", seenOrNot);
    rest();
  };
}
