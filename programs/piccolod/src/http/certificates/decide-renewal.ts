/** When a public certificate is asked for again. Pure. */
import type { IssuedCertificate } from "./certificate-issuer.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Authorities bound how often they are asked. */
const firstPauseMs = minuteMs;
const longestPauseMs = dayMs;

export interface RenewalState {
  readonly nowMs: number;
  /** The names it is for now. */
  readonly names: readonly string[];
  readonly held:
    | (Pick<IssuedCertificate, "notBeforeMs" | "notAfterMs"> & { readonly names: readonly string[] })
    | undefined;
  /** Failures since the last success, and when the last one was. */
  readonly failures: number;
  readonly failedAtMs: number;
  /** What the authority asked to wait for. */
  readonly retryAfterMs: number | undefined;
  /** 0 to 1, the same for one device: not all of them ask in the same minute. */
  readonly spread: number;
}

/** The moment of the next try, which may be past; undefined where there is no name to ask for. */
export function decideRenewal(state: RenewalState): number | undefined {
  const { nowMs, names, held, failures, failedAtMs, retryAfterMs, spread } = state;
  if (names.length === 0) return undefined;
  const wantedAtMs = wantedAt(names, held, nowMs, spread);
  if (failures === 0) return wantedAtMs;
  const pauseMs = Math.max(retryAfterMs ?? 0, Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 20)));
  return Math.max(wantedAtMs, failedAtMs + pauseMs);
}

/** After two thirds of its life; at once where it is for other names, or not for now. */
function wantedAt(names: readonly string[], held: RenewalState["held"], nowMs: number, spread: number): number {
  if (held === undefined || held.names.toSorted().join() !== names.toSorted().join()) return nowMs;
  if (nowMs < held.notBeforeMs || nowMs >= held.notAfterMs) return nowMs;
  const lifeMs = held.notAfterMs - held.notBeforeMs;
  return held.notBeforeMs + lifeMs * (0.6 + 0.1 * spread);
}
