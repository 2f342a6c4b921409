import { toHex } from "@piccolo/bytes";
import { compareBytes } from "./signer.ts";

/** A member of the network, as of a state. */
export interface Member {
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** Ed25519, 32 raw bytes. */
  readonly ownerPublicKey: Uint8Array;
  /** The generation of the owner key, from 1. */
  readonly keyEpoch: number;
  /** Ed25519, 32 raw bytes: the libp2p key of the one device that may act for the member. */
  readonly deviceKey: Uint8Array;
  readonly deviceEpoch: number;
  readonly name: string;
  readonly joinedAtMs: number;
}

/** The newest device of an owner who is or was a member. */
export interface DeviceRecord {
  readonly deviceKey: Uint8Array;
  readonly deviceEpoch: number;
}

/** The newest owner key of an owner who is or was a member. */
export interface OwnerKeyRecord {
  readonly ownerPublicKey: Uint8Array;
  readonly keyEpoch: number;
}

/** How often a member has used what nobody else has to sign. */
export interface OwnChanges {
  readonly devices: number;
  readonly rotations: number;
}

/** What a log says after its newest entry. Nobody changes it: the next entries give another state. */
export interface NetworkState {
  readonly networkId: Uint8Array;
  /** What the founder called the network. */
  readonly name: string;
  readonly entryHashes: readonly Uint8Array[];
  readonly headHash: Uint8Array;
  readonly headTimeMs: number;
  readonly members: ReadonlyMap<string, Member>;
  readonly usedInvitations: ReadonlySet<string>;
  readonly devices: ReadonlyMap<string, DeviceRecord>;
  readonly usedDeviceKeys: ReadonlySet<string>;
  readonly owners: ReadonlyMap<string, OwnerKeyRecord>;
  /** Every owner key ever used, with its account. */
  readonly usedOwnerKeys: ReadonlyMap<string, string>;
  /** What each member has changed alone since they joined. */
  readonly ownChanges: ReadonlyMap<string, OwnChanges>;
  /** Rotations in the lineages of all who joined. */
  readonly joinedRotations: number;
  /** How many entries the log has. */
  readonly length: number;
  /** The member who joined earliest and speaks alone while there are fewer than four. */
  readonly founder: Member;
  memberByAccount(account: Uint8Array): Member | undefined;
  /** Only by the current device of a member; replaced devices and former members find nothing. */
  memberByDeviceKey(deviceKey: Uint8Array): Member | undefined;
}

/** From how many members on two of them are needed to speak for the network. */
export const twoSignersFrom = 4;

/** Whether these accounts together may speak for the network: all members, and the founder or two of them. */
export function signersSuffice(state: NetworkState, accounts: readonly Uint8Array[]): boolean {
  const distinct = new Set(accounts.map((account) => toHex(account)));
  if (Array.from(distinct).some((account) => !state.members.has(account))) return false;
  return state.members.size < twoSignersFrom
    ? accounts.some((account) => compareBytes(account, state.founder.account) === 0)
    : distinct.size >= 2;
}
