import { ByteWriter } from "@piccolo/bytes";
import { ed25519KeyBytes } from "./ed25519.ts";
import type { OwnerKeys } from "./owner-keys.ts";
import { definePurpose, type Statement, verifyStatement } from "./statement.ts";

// The certificate speaks about the account in whatever network it is, and the first one is needed to make a network.
const deviceCertificate = definePurpose("device-certificate", "none");

/** An owner's word that a device is theirs for a device epoch. */
export interface DeviceCertificate {
  /** Ed25519, 32 raw bytes: the device's libp2p key. */
  readonly deviceKey: Uint8Array;
  /** From 1, raised by every replacement. */
  readonly deviceEpoch: number;
  /** 64 bytes by the owner key. */
  readonly signature: Uint8Array;
}

function statement(account: Uint8Array, deviceKey: Uint8Array, deviceEpoch: number): Statement {
  const body = new ByteWriter().u32(deviceEpoch).fixed(deviceKey, ed25519KeyBytes).finish();
  return { purpose: deviceCertificate, network: undefined, account, body };
}

export function certifyDevice(ownerKeys: OwnerKeys, deviceKey: Uint8Array, deviceEpoch: number): DeviceCertificate {
  const signature = ownerKeys.sign(statement(ownerKeys.account, deviceKey, deviceEpoch));
  return { deviceKey: new Uint8Array(deviceKey), deviceEpoch, signature };
}

/** Whether the owner key signed this certificate for this account. */
export function verifyDeviceCertificate(
  owner: { readonly account: Uint8Array; readonly ownerPublicKey: Uint8Array },
  { deviceKey, deviceEpoch, signature }: DeviceCertificate,
): boolean {
  return verifyStatement(owner.ownerPublicKey, statement(owner.account, deviceKey, deviceEpoch), signature);
}
