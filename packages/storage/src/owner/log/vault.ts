import { isFault } from "@piccolo/fault";
import type { VaultClient } from "../../ports/index.ts";
import type { MetadataLogOptions } from "./log-context.ts";

const firstPauseMs = 1_000;
const longestPauseMs = 300_000;
const pageBytes = 4 * 1024 * 1024;

/** Gives central a copy of all entries in the background. Nothing waits for it, and its failures cost a pause alone. */
export async function shipToVault(
  { ownLog, world, report }: MetadataLogOptions,
  vault: VaultClient,
  moved: () => Promise<undefined>,
  signal: AbortSignal,
): Promise<void> {
  let known: number | undefined;
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    const next = moved();
    try {
      known ??= await vault.newest(signal);
      while (known < ownLog.position().sequence && !signal.aborted) {
        for (const entry of ownLog.entries(known + 1, pageBytes)) {
          await vault.putEntry(entry, signal);
          known = entry.sequence;
        }
      }
      pauseMs = firstPauseMs;
      await next;
    } catch (error) {
      if (signal.aborted) return;
      if (!isFault(error)) throw error;
      report("vault-not-reached", { code: error.code });
      known = undefined;
      await world.sleep(pauseMs, signal).catch(() => undefined);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  }
}
