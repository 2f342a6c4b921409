/** What the log of a network is now. */
export interface Head {
  readonly networkId: Uint8Array;
  readonly length: number;
  readonly headHash: Uint8Array;
}

export interface Page {
  readonly from: number;
  readonly length: number;
  readonly entries: readonly Uint8Array[];
}
