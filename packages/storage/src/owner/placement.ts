import type { HolderView } from "../ports/index.ts";

/** Not seen for so long, a member gets no new fragments; shorter absences are left to the background work. */
export const offlineStopPlacingMs = 4 * 3_600_000;

/**
 * Who is meant to hold the n fragments of a new segment, in the order of their indexes; undefined when the network has
 * not enough members in separate failure domains. Pure: `turn` (e.g. a number that grows by one) rotates the order, so that data and
 * parity fragments fall on everybody alike.
 *
 * Every member of a small network holds a fragment of everything (n = N-1), also one that is away for the moment. In a
 * larger one, those long away are passed over.
 */
export function chooseHolders(
  holders: readonly HolderView[],
  ownDomain: string,
  code: { readonly k: number; readonly n: number },
  now: { readonly nowMs: number; readonly turn: number },
): readonly string[] | undefined {
  const apart = holders.filter(({ domain }) => domain !== ownDomain);
  const present = apart.filter(({ online, lastSeenMs }) => online || now.nowMs - lastSeenMs < offlineStopPlacingMs);
  return chooseFrom(present, code, now.turn) ?? chooseFrom(apart, code, now.turn);
}

function chooseFrom(
  holders: readonly HolderView[],
  code: { readonly k: number; readonly n: number },
  turn: number,
): readonly string[] | undefined {
  const candidates = holders.toSorted((a, b) => (a.account < b.account ? -1 : 1));
  const mostPerDomain = Math.max(1, Math.floor((code.n - code.k) / 2));
  const perDomain = new Map<string, number>();
  const chosen: string[] = [];
  for (let at = 0; at < candidates.length && chosen.length < code.n; at++) {
    const holder = candidates[(at + turn) % candidates.length];
    if (holder === undefined) continue;
    const taken = perDomain.get(holder.domain) ?? 0;
    if (taken >= mostPerDomain) continue;
    perDomain.set(holder.domain, taken + 1);
    chosen.push(holder.account);
  }
  return chosen.length === code.n ? chosen : undefined;
}

/** What is known of a holder when a read chooses whom to ask. */
export interface ReadSource {
  readonly index: number;
  readonly online: boolean;
  readonly roundTripMs: number;
  /** In its pause after a failure. */
  readonly resting: boolean;
}

/** Round trips within one step count as equal; then data fragments come first, since they need no decoding. */
const roundTripStepMs = 25;

/** The fragments of a segment in the order in which they should be asked for. Offline holders come last: they may be back. */
export function readOrder(sources: readonly ReadSource[], k: number): readonly number[] {
  const rank = ({ online, roundTripMs, resting, index }: ReadSource): number => {
    const away = online ? 0 : 1e9;
    const rest = resting ? 1e6 : 0;
    const step = Number.isFinite(roundTripMs) ? Math.floor(roundTripMs / roundTripStepMs) : 8;
    return away + rest + step * 1_000 + (index < k ? 0 : 500) + index;
  };
  return sources.toSorted((a, b) => rank(a) - rank(b)).map(({ index }) => index);
}
