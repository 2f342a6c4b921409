/** What adapters of a port owe whoever aborts: the promise, or the signal's reason as soon as it is aborted. */
export async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Whichever lost the race may still reject; nobody waits for it any more.
    promise.catch(() => undefined);
    aborted.promise.catch(() => undefined);
  }
}
