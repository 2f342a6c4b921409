/** Where a file is and what it survives, from what is recorded and who is there. Pure. */
import type { Placement } from "@piccolo/device-api";
import type { VersionPlacement } from "@piccolo/storage/owner";
import type { Redundancy } from "@piccolo/storage/policy";
import type { HolderView } from "@piccolo/storage/ports";

/** Who was seen within this time is taken to come back. */
export const brieflyAwayMs = 3 * 24 * 3_600_000;

export interface PlacementParts {
  readonly versionId: string;
  readonly version: VersionPlacement;
  readonly holders: readonly HolderView[];
  /** What new segments would get, for a file that has none. */
  readonly current: { readonly k: number; readonly n: number } | undefined;
  readonly redundancyOf: (code: { readonly k: number; readonly n: number }) => Redundancy;
  readonly nowMs: number;
}

export function placementView(parts: PlacementParts): Placement {
  const { versionId, version, nowMs, current, redundancyOf } = parts;
  const byAccount = new Map(parts.holders.map((holder) => [holder.account, holder]));
  const isOnline = (account: string): boolean => byAccount.get(account)?.online === true;
  const isThere = (account: string): boolean => {
    const holder = byAccount.get(account);
    return holder !== undefined && (holder.online || nowMs - holder.lastSeenMs < brieflyAwayMs);
  };

  const held = new Map<string, { fragments: number; bytes: number }>();
  let survives: number | undefined;
  let weakest = current;
  let missingNow = 0;
  for (const segment of version.segments) {
    const accounts = segment.placed.map((index) => segment.holders[index] ?? "");
    for (const account of accounts) {
      const sum = held.get(account) ?? { fragments: 0, bytes: 0 };
      held.set(account, { fragments: sum.fragments + 1, bytes: sum.bytes + segment.fragmentBytes });
    }
    const isPending = segment.state === "pending";
    // What lies on this device alone survives no loss, and is readable as long as the device is.
    const left = isPending ? 0 : accounts.filter(isThere).length - segment.k;
    if (survives === undefined || left < survives) {
      survives = left;
      weakest = { k: segment.k, n: segment.n };
    }
    if (!isPending) missingNow = Math.max(missingNow, segment.k - accounts.filter(isOnline).length);
  }

  const code = weakest ?? { k: 1, n: 1 };
  const redundancy = redundancyOf(code);
  return {
    versionId,
    sizeBytes: version.plainBytes,
    k: code.k,
    n: code.n,
    survives: Math.max(0, survives ?? code.n - code.k),
    expansion: redundancy.expansion,
    ninesPerYear: redundancy.ninesPerYear,
    pendingBytes: version.pendingBytes,
    segments: version.segments.length,
    holders: parts.holders.map(({ account, name, online }) => ({
      account,
      name,
      online,
      fragments: held.get(account)?.fragments ?? 0,
      bytes: held.get(account)?.bytes ?? 0,
    })),
    missingNow: Math.max(0, missingNow),
    readableNow: missingNow <= 0,
  };
}
