import type { Clock, Invitation, Member, NetworkView } from "@piccolo/device-api";
import type { DeviceCertificate, KeyRing, OwnerChain } from "@piccolo/envelope";
import { catalogue } from "@piccolo/fault";
import type { NetworkState as MembershipState } from "@piccolo/membership";
import type { MembershipExchange } from "@piccolo/storage/holder";
import type { Members, PeerHandler, PeerTransport, VaultClient } from "@piccolo/storage/ports";
import type { Hello } from "@piccolo/wire";
import type { TaskProgress } from "../tasks/types.ts";

export const networkFaults = catalogue({
  "no-network": { retry: "never", meaning: "The device belongs to no network yet; join or found one first." },
  "in-network": { retry: "never", meaning: "The device belongs to a network already." },
  "no-invitation": { retry: "never", meaning: "No invitation waits on this device; paste the text of one." },
  "unknown-invitation": { retry: "never", meaning: "There is no such invitation, or it was used or has expired." },
  "not-left": {
    retry: "later",
    meaning: "Neither central nor a member answers, so nobody could be told that the owner leaves; try again later.",
  },
  "join-crowded": { retry: "later", meaning: "Others joined at the same moment again and again; try again." },
});

/** The network's part of the network view; what is stored where comes from the storage features. */
export interface NetworkState extends Pick<
  NetworkView,
  "state" | "name" | "networkId" | "waitingInvitation" | "clock" | "centralReachable"
> {
  readonly members: readonly Omit<Member, "holdsBytes">[];
}

/** What the connections ask of membership. */
export interface PeerNetHooks {
  /** Whether a connection with this device may be made: members' devices only. */
  readonly isAllowed: (deviceKey: Uint8Array) => boolean;
  /** Whether it is a member's device, as far as this one knows by now. */
  readonly isMember: (deviceKey: Uint8Array) => boolean;
  /** Multiaddrs of central's relay, as last heard. */
  readonly relays: () => readonly string[];
  /** Serves other members' requests. */
  readonly handler: () => PeerHandler;
}

/** Whose device this is: what a locked device knows of its owner, and the way to the keys while it is unlocked. */
export interface NetworkOwner {
  readonly name: string;
  readonly account: Uint8Array;
  /** Of the current key epoch, as the certificate and the chain; all of them change with a re-key. */
  readonly ownerPublicKey: Uint8Array;
  readonly certificate: DeviceCertificate;
  /** The key epoch they are of. */
  readonly epoch: number;
  /** How the owner key came from the account's first one; undefined while it is the first. */
  readonly chain: OwnerChain | undefined;
  /** Throws `locked`; membership is changed by its owner only. The keys stay the caller's. */
  readonly keys: () => KeyRing;
}

/** The device's membership, and its connections with the other members. */
export interface NetworkFeature {
  state(): NetworkState;
  clock(): Clock;
  /** The other members, as the storage engine sees them. */
  readonly members: Members;
  readonly transport: PeerTransport;
  /** Asks any device over the recovery protocol. */
  readonly recoverTransport: PeerTransport;
  /** Before `start`: the log that a recovery has found, or none, and where devices were reached; nothing else stays. */
  adopt(entries: readonly Uint8Array[], addressesOf: (deviceKey: Uint8Array) => readonly string[]): void;
  /** Takes in what a newer membership log has more; throws what membership says against it. */
  learn(entries: readonly Uint8Array[]): void;
  /** The account (32 bytes) of the member whose current device has this key. */
  memberOf(deviceKey: Uint8Array): Uint8Array | undefined;
  /** The member whose current device has this key, and the epoch of that device. */
  memberDevice(deviceKey: Uint8Array): { readonly account: Uint8Array; readonly deviceEpoch: number } | undefined;
  /** The key of the device that an owner has or had in a device epoch, by the membership log. */
  deviceKeyOf(account: Uint8Array, deviceEpoch: number): Uint8Array | undefined;
  /** The newest owner key of a member. */
  ownerKeyOf(account: Uint8Array): Uint8Array | undefined;
  /** The membership log as members exchange it; undefined while the device is in no network. */
  membership(): MembershipExchange | undefined;
  /** What that log says now; undefined while the device is in no network. */
  membershipState(): MembershipState | undefined;
  /** When another device took this one's place for the account, by the membership log; undefined while it has it. */
  replacedAtMs(account: Uint8Array): number | undefined;
  /** Tells the network of the newest owner key, by the whole chain to it; waits as long as that takes. */
  enterOwnerKey(chain: OwnerChain, signal: AbortSignal): Promise<void>;
  /** Ends the membership; waits until central or a member has taken that in. Throws `locked`. */
  leave(signal: AbortSignal): Promise<void>;
  /** Central's copy of the owner's log; undefined where there is no central. `isOwn` as for `createCentralVault`. */
  vault(isOwn: (sequence: number, hash: Uint8Array) => boolean): VaultClient | undefined;
  /** Answers a member's hello, and learns from it. */
  hello(account: Uint8Array, hello: Hello): Hello;
  /** Joins with the invitation, or with the one handed to the device. */
  join(invitation: string | undefined, progress: TaskProgress): Promise<Record<string, unknown> | undefined>;
  found(name: string, progress: TaskProgress): Promise<Record<string, unknown> | undefined>;
  invitations(): Promise<readonly Invitation[]>;
  invite(): Promise<Invitation>;
  cosign(id: string): Promise<Invitation>;
  /** Begins to look after membership and connections, once the device has an owner. */
  start(owner: NetworkOwner): Promise<void>;
  stop(): Promise<void>;
  /** Called after every change of what `state` says; returns the way to stop. */
  onChange(listener: () => void): () => void;
}
