import type { DeviceCertificate } from "@piccolo/envelope";

/** An account as central knows it. */
export interface Account {
  readonly account: Uint8Array;
  readonly ownerPublicKey: Uint8Array;
  readonly device: DeviceCertificate;
}

/** Who signed a call. */
export interface Caller {
  readonly account: Uint8Array;
  readonly deviceKey: Uint8Array;
}
