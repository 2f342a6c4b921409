import type { World } from "@piccolo/world";

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

/** Gives the work a signal that is aborted with the given one, or with `late` when it takes longer than it may. */
export async function withLimit<T>(
  world: World,
  limit: { readonly ms: number; readonly late: Error },
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const done = new AbortController();
  const unlink = linkAbort(abort, signal);
  world.sleep(limit.ms, done.signal).then(
    () => abort.abort(limit.late),
    () => undefined,
  );
  try {
    return await work(abort.signal);
  } finally {
    unlink();
    done.abort();
  }
}
