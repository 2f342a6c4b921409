/**
 * Aborts the controller, with the signal's reason, when any of the signals is aborted. Returns the way to end that:
 * signals outlive what listens to them (one upload has many segments, the engine's own signal lasts for ever), so
 * whoever is done must stop listening.
 */
export function linkAbort(controller: AbortController, ...signals: readonly AbortSignal[]): () => void {
  const links = signals.map((signal) => {
    const onAbort = (): void => controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    return () => signal.removeEventListener("abort", onAbort);
  });
  return () => {
    for (const unlink of links) unlink();
  };
}
