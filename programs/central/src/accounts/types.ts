import type { DeviceCertificate, OwnerChain } from "@piccolo/envelope";

/** An account as central knows it. */
export interface Account {
  readonly account: Uint8Array;
  readonly ownerPublicKey: Uint8Array;
  /** Of the owner key, from 1. */
  readonly keyEpoch: number;
  readonly device: DeviceCertificate;
}

/** An account as a caller claims it. */
export interface ClaimedAccount extends Account {
  /** Leads to `ownerPublicKey`; undefined where that is the account's first owner key. */
  readonly chain: OwnerChain | undefined;
}

/** A key that spoke for an account once. */
export interface FormerKey {
  readonly account: Uint8Array;
  readonly kind: "owner" | "device";
  readonly replacedMs: number;
}

/** Who signed a call. */
export interface Caller {
  readonly account: Uint8Array;
  /** Of the account's device, whether or not it signed. */
  readonly deviceKey: Uint8Array;
  readonly deviceEpoch: number;
  /** Whether the owner key signed, which no device has while it is locked. */
  readonly isOwner: boolean;
}
