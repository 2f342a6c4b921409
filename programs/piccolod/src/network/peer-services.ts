import { fromHex } from "@piccolo/bytes";
import { createPeerService, RecoverService, WitnessService } from "@piccolo/storage/holder";
import type { PeerHandler, WitnessStore } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { NetworkFeature } from "./types.ts";

export interface PeerServicesOptions {
  readonly network: Pick<NetworkFeature, "memberDevice" | "deviceKeyOf" | "ownerKeyOf" | "membership" | "members">;
  /** Serves what members ask about fragments. */
  readonly fragments: PeerHandler;
  readonly witnessStore: WitnessStore;
  /** The own device key, 32 bytes. */
  readonly deviceKey: Uint8Array;
  /** Bytes of metadata each member may keep here. */
  readonly witnessQuotaBytes: (account: Uint8Array) => number;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** What this device answers: members about fragments and logs, strangers about their own recovery. */
export function createPeerServices(options: PeerServicesOptions): {
  readonly members: PeerHandler;
  readonly strangers: PeerHandler;
} {
  const { network, fragments, witnessStore: store, deviceKey, witnessQuotaBytes, world, report } = options;
  const logs = new WitnessService({
    store,
    memberOf: (key) => network.memberDevice(key),
    deviceKeyOf: (account, deviceEpoch) => network.deviceKeyOf(account, deviceEpoch),
    membership: () => network.membership(),
    quotaBytes: witnessQuotaBytes,
    report,
  });
  const strangers = new RecoverService({
    store,
    deviceKey,
    membership: () => network.membership(),
    ownerKeyOf: (account) => network.ownerKeyOf(account),
    members: () =>
      network.members.holders().map((member) => ({
        account: fromHex(member.account),
        deviceKey: member.deviceKey,
        addresses: member.addresses,
      })),
    world,
    report,
  });
  return { members: createPeerService({ fragments, logs }), strangers };
}
