import { toHex } from "@piccolo/bytes";
import { type DeviceCertificate, type OwnerKeys, type Phrase, verifySealedSlot } from "@piccolo/envelope";
import { catalogue, type Fault, isFault } from "@piccolo/fault";
import { applyEntries, entriesUntil, entryToleranceMs, type NetworkState, replaceDevice } from "@piccolo/membership";
import type { World } from "@piccolo/world";
import { type PeerTarget, transportFaults } from "../../ports/index.ts";
import { withLimit } from "../abort-link.ts";
import type { RecoverClient } from "./recover-client.ts";

const answerLimitMs = 20_000;

export const recoverFaults = catalogue({
  "slot-not-found": {
    retry: "later",
    meaning: "No member that could be asked has a slot for this phrase; try other addresses, or check the words.",
  },
  "membership-not-found": {
    retry: "later",
    meaning: "No member that could be asked gave a membership log that holds; try other addresses.",
  },
});

export interface RecoverParts {
  readonly client: RecoverClient;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  /** Called with what each one that could not be asked failed with. */
  readonly failed?: ((error: Fault) => void) | undefined;
}

/** Asks all at once; who fails or takes too long is left out and reported. */
export async function askEach<T, Peer extends PeerTarget>(
  { world, report, failed }: Pick<RecoverParts, "world" | "report" | "failed">,
  peers: readonly Peer[],
  signal: AbortSignal,
  ask: (peer: Peer, signal: AbortSignal) => Promise<T>,
): Promise<readonly { readonly peer: Peer; readonly value: T }[]> {
  const late = transportFaults.fault("peer-timeout", "the member did not answer in time");
  const asked = peers.map(async (peer) => {
    try {
      const value = await withLimit(world, { ms: answerLimitMs, late }, signal, (limited) => ask(peer, limited));
      return [{ peer, value }];
    } catch (error) {
      signal.throwIfAborted();
      if (!isFault(error)) throw error;
      report("member-not-asked", { device: toHex(peer.deviceKey), code: error.code });
      failed?.(error);
      return [];
    }
  });
  return (await Promise.all(asked)).flat();
}

/** The sealed slot with the highest number that any of these members has. Throws `slot-not-found`. */
export async function findNewestSlot(
  parts: RecoverParts,
  peers: readonly PeerTarget[],
  phrase: Phrase,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const found = await askEach(parts, peers, signal, async (peer, limited) => {
    const bytes = await parts.client.findSlot(peer, phrase, limited);
    if (bytes === undefined) return undefined;
    const { number, locator } = verifySealedSlot(bytes);
    return toHex(locator) === toHex(phrase.locator) ? { bytes, number } : undefined;
  });
  const slots = found.flatMap(({ value }) => (value === undefined ? [] : [value])).sort((a, b) => b.number - a.number);
  const [newest] = slots;
  if (newest === undefined) {
    throw recoverFaults.fault("slot-not-found", "none of the members asked has anything for these words");
  }
  return newest.bytes;
}

/** A membership log that holds, entry by entry. */
export interface FoundMembership {
  readonly state: NetworkState;
  readonly entries: readonly Uint8Array[];
}

/** The longest log that holds and has this owner as a member, of all that these members give. */
export async function readNewestMembership(
  parts: RecoverParts,
  peers: readonly PeerTarget[],
  keys: OwnerKeys,
  signal: AbortSignal,
): Promise<FoundMembership> {
  const found = await askEach(parts, peers, signal, (peer, limited) => readWhole(parts, peer, keys, limited));
  const logs = found
    .flatMap(({ value }) => (value?.state.memberByAccount(keys.account) === undefined ? [] : [value]))
    .sort((a, b) => b.entries.length - a.entries.length);
  const [longest] = logs;
  if (longest === undefined) {
    throw recoverFaults.fault("membership-not-found", "none of the members asked gave a log with this owner in it");
  }
  return longest;
}

/**
 * A member's log as a whole, replayed; up to the first entry that is ahead of this device's clock, behind which nobody
 * takes a replacement. A member whose clock is far from this device's is not heard in the first place. Throws what the
 * rules say against it, and what `RecoverClient` does.
 */
export async function readWhole(
  { client, world }: Pick<RecoverParts, "client" | "world">,
  peer: PeerTarget,
  keys: OwnerKeys,
  signal: AbortSignal,
): Promise<FoundMembership | undefined> {
  const entries: Uint8Array[] = [];
  let state: NetworkState | undefined;
  for (;;) {
    const page = await client.readMembership(peer, keys, entries.length, signal);
    const timely = entriesUntil(world.nowMs() + entryToleranceMs, page.entries);
    if (timely.length > 0) state = applyEntries(state, timely);
    entries.push(...timely);
    if (timely.length < page.entries.length || page.entries.length === 0 || entries.length >= page.logLength) break;
  }
  return state === undefined ? undefined : { state, entries };
}

/**
 * Makes this device the owner's: one more entry, delivered to every member that can be reached, which from then on let it
 * in and refuse the old one. Gives the entry and who has it; the others hear of it from those.
 */
export async function announceReplacement(
  parts: RecoverParts,
  {
    state,
    keys,
    device,
  }: { readonly state: NetworkState; readonly keys: OwnerKeys; readonly device: DeviceCertificate },
  peers: readonly PeerTarget[],
  signal: AbortSignal,
): Promise<{ readonly entry: Uint8Array; readonly delivered: readonly PeerTarget[] }> {
  const entry = replaceDevice({ state, ownerKeys: keys, device, world: parts.world });
  const delivered = await askEach(parts, peers, signal, (peer, limited) =>
    parts.client.appendDevice(peer, keys, entry, limited),
  );
  return { entry, delivered: delivered.map(({ peer }) => peer) };
}
