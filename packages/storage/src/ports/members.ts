/** Another member of the network, as placement sees it. */
export interface HolderView {
  /** Account id, 32 bytes as lower-case hex: holders are named by their member, since a device can be replaced. */
  readonly account: string;
  readonly name: string;
  readonly deviceKey: Uint8Array;
  readonly addresses: readonly string[];
  readonly online: boolean;
  /** Milliseconds since the Unix epoch; 0 = never seen. */
  readonly lastSeenMs: number;
  /** Recent round trip, for choosing the fastest; Infinity = not measured. */
  readonly roundTripMs: number;
  /** Failure domain label (network prefix, household); equal labels share a fate. */
  readonly domain: string;
}

/** The members other than the owner, kept current by the program. */
export interface Members {
  holders(): readonly HolderView[];
  /** Called after every change of what `holders` says; returns the way to stop. */
  onChange(listener: () => void): () => void;
}
