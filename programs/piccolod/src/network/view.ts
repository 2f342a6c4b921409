import type { NetworkView } from "@piccolo/device-api";
import type { Redundancy } from "@piccolo/storage/policy";
import type { World } from "@piccolo/world";
import type { NetworkState } from "./types.ts";

export interface ViewParts {
  readonly network: NetworkState;
  /** Account of this device's owner, hex; empty before the claim. */
  readonly self: string;
  /** What the policy gives a network of this size; undefined where nothing can be made durable. */
  readonly redundancy: Redundancy | undefined;
  readonly spool: { readonly usedBytes: number; readonly limitBytes: number };
  readonly held: NetworkView["held"];
  /** Undefined before the claim. */
  readonly waitingChanges: boolean | undefined;
  /** Bytes each account (hex) holds for this device's owner. */
  readonly bytesByHolder: ReadonlyMap<string, number>;
}

/** Why content waits on this device, for people; empty where none does. */
function spoolReason({ network, redundancy, spool }: ViewParts): string {
  if (spool.usedBytes === 0) return "";
  if (network.state !== "member") return "This device is in no network yet.";
  if (redundancy === undefined) return "The network has too few members to keep files safe.";
  const online = network.members.filter((member) => member.online && !member.self).length;
  if (online < redundancy.s) {
    const there = online === 1 ? "1 other device is" : `${online} other devices are`;
    return `${there} online, and ${redundancy.s} ${redundancy.s === 1 ? "is" : "are"} needed.`;
  }
  return "Files are on their way to the other devices.";
}

/** The network as seen from here, from what the features know. */
export function networkView(parts: ViewParts): NetworkView {
  const { network, self, redundancy, spool, held, bytesByHolder, waitingChanges } = parts;
  const { members, waitingInvitation, ...rest } = network;
  return {
    ...rest,
    self,
    members: members.map((member) => ({ ...member, holdsBytes: bytesByHolder.get(member.account) ?? 0 })),
    ...(waitingInvitation === undefined ? {} : { waitingInvitation }),
    ...(redundancy === undefined
      ? {}
      : {
          policy: {
            k: redundancy.k,
            n: redundancy.n,
            survives: redundancy.n - redundancy.k,
            ninesPerYear: redundancy.ninesPerYear,
            expansion: redundancy.expansion,
          },
        }),
    spool: { ...spool, reason: spoolReason(parts) },
    held,
    ...(waitingChanges === undefined ? {} : { waitingChanges }),
  };
}

/** Computes again only after twenty times as long as it took: what is cheap stays fresh, what is dear stays rare. */
export function seldom<T>(world: World, compute: () => T): () => T {
  let last: { readonly value: T; readonly againMs: number } | undefined;
  return () => {
    const startMs = world.monotonicMs();
    if (last !== undefined && startMs < last.againMs) return last.value;
    const value = compute();
    const endMs = world.monotonicMs();
    last = { value, againMs: endMs + 20 * (endMs - startMs) };
    return value;
  };
}
