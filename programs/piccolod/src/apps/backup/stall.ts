import type { World } from "@piccolo/world";

/** Runs work that has to show a sign of life now and then; without one for so long it is ended with the error. */
export async function endingWhenStalled<T>(
  world: World,
  { afterMs, error }: { readonly afterMs: number; readonly error: () => Error },
  outer: AbortSignal,
  work: (signal: AbortSignal, alive: () => void) => Promise<T>,
): Promise<T> {
  const stalled = new AbortController();
  const over = new AbortController();
  let lastMs = world.monotonicMs();
  const watch = async (): Promise<void> => {
    for (;;) {
      const leftMs = lastMs + afterMs - world.monotonicMs();
      if (leftMs <= 0) {
        stalled.abort(error());
        return;
      }
      await world.sleep(leftMs, over.signal);
    }
  };
  const watching = watch().catch(() => undefined);
  const signal = AbortSignal.any([outer, stalled.signal]);
  // Work that stalled may not hear of its end either, and then nobody waits for it.
  const given = Promise.withResolvers<never>();
  const giveUp = (): void => given.reject(stalled.signal.reason as Error);
  stalled.signal.addEventListener("abort", giveUp, { once: true });
  try {
    outer.throwIfAborted();
    return await Promise.race([
      work(signal, () => {
        lastMs = world.monotonicMs();
      }),
      given.promise,
    ]);
  } finally {
    stalled.signal.removeEventListener("abort", giveUp);
    over.abort(new Error("it has ended"));
    await watching;
  }
}
