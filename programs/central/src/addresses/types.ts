/** Where a member's current device said that it listens. */
export interface PeerAddresses {
  readonly account: Uint8Array;
  readonly deviceKey: Uint8Array;
  readonly multiaddrs: readonly string[];
  readonly updatedAtMs: number;
  readonly expiresAtMs: number;
}
