import { equalConstantTime, toHex } from "@piccolo/bytes";
import { centralFaults } from "@piccolo/central-api";
import { isFault } from "@piccolo/fault";
import {
  acceptInvitation,
  createNetwork,
  decodeEntry,
  decodeInvitation,
  encodeSignedInvitation,
  type Invitation,
  type NetworkState,
  replay,
} from "@piccolo/membership";
import type { World } from "@piccolo/world";
import type { TaskProgress } from "../tasks/types.ts";
import type { CentralLink } from "./central-link.ts";
import type { MembershipLog } from "./membership-log.ts";
import { networkFaults, type NetworkOwner } from "./types.ts";

const mostTries = 20;
const pauseMs = 150;

/** The log as an invited owner may read it. Throws what central and membership say against the invitation. */
export async function readInvitedLog(
  link: CentralLink,
  invitation: Invitation,
  signal: AbortSignal,
): Promise<{ readonly entries: readonly Uint8Array[]; readonly state: NetworkState }> {
  await link.ready(signal);
  const { networkId } = invitation.signed.statement;
  const shown = { signed: encodeSignedInvitation(invitation.signed), key: invitation.key() };
  const entries = await link.client.readLog(networkId, 0, { signal, invitation: shown });
  return { entries, state: replay(entries, networkId) };
}

/** Parses the text of an invitation; it never appears in what is thrown. */
export function parseInvitation(text: string): { readonly invitation: Invitation; readonly centralUrl: string } {
  return decodeInvitation(text.trim());
}

/**
 * Joins: reads the log, adds the own entry at its end, and keeps both. When another entry came first it is made anew;
 * when the reply to it was lost, the log says that it is in.
 */
export async function joinNetwork(
  parts: {
    readonly link: CentralLink;
    readonly log: MembershipLog;
    readonly owner: NetworkOwner;
    readonly world: World;
    readonly invitation: Invitation;
  },
  progress: TaskProgress,
): Promise<void> {
  const { link, log, owner, world, invitation } = parts;
  const { signal } = progress;
  for (let attempt = 1; attempt <= mostTries; attempt++) {
    progress.report("Reading the network's member list", 1, 3);
    const { entries, state } = await readInvitedLog(link, invitation, signal).catch(async (error: unknown) => {
      if (!isFault(error, "invitation-used")) throw error;
      // It may have been used by us, in a try whose answer was lost.
      return readOwnLog(link, invitation, owner, signal, error);
    });
    if (state.memberByAccount(owner.account) !== undefined) {
      log.extend(0, entries);
      return;
    }
    progress.report("Joining", 2, 3);
    const { device } = link;
    const { name, chain: lineage } = owner;
    const ownerKeys = owner.keys().of(owner.epoch);
    const entry = acceptInvitation({ state, invitation, ownerKeys, device, name, lineage, world });
    try {
      await link.client.append(state.networkId, entry, { signal });
    } catch (error) {
      if (!isFault(error, "head-moved")) throw error;
      await world.sleep(pauseMs * attempt, signal);
      continue;
    }
    log.extend(0, [...entries, entry]);
    progress.report("Joined", 3, 3);
    return;
  }
  throw networkFaults.fault("join-crowded", "others joined at the same moment again and again; try again");
}

async function readOwnLog(
  link: CentralLink,
  invitation: Invitation,
  owner: NetworkOwner,
  signal: AbortSignal,
  refusal: Error,
): Promise<{ readonly entries: readonly Uint8Array[]; readonly state: NetworkState }> {
  const { networkId } = invitation.signed.statement;
  try {
    const entries = await link.client.readLog(networkId, 0, { signal });
    const state = replay(entries, networkId);
    if (state.memberByAccount(owner.account) !== undefined) return { entries, state };
  } catch (error) {
    if (!isFault(error, "not-a-member")) throw error;
  }
  throw refusal;
}

/** Makes a network whose only member is this device's owner. */
export async function foundNetwork(
  parts: {
    readonly link: CentralLink;
    readonly log: MembershipLog;
    readonly owner: NetworkOwner;
    readonly world: World;
    readonly networkName: string;
  },
  progress: TaskProgress,
): Promise<void> {
  const { link, log, owner, world, networkName } = parts;
  const { device } = link;
  const { name, chain: lineage } = owner;
  const entry = createNetwork({ ownerKeys: owner.keys().of(owner.epoch), device, name, networkName, lineage, world });
  progress.report("Announcing the network", 1, 2);
  await link.ready(progress.signal);
  const head = await link.client.found(entry, { signal: progress.signal });
  if (!equalConstantTime(head.networkId, decodeEntry(entry).hash)) {
    throw centralFaults.fault("unexpected-reply", `central answered with another network, ${toHex(head.networkId)}`);
  }
  log.extend(0, [entry]);
  progress.report("Founded", 2, 2);
}
