import { accountId, isAcceptablePublicKey, verifyDeviceCertificate } from "@piccolo/envelope";
import { centralFaults } from "@piccolo/central-api";
import type { Account } from "./types.ts";

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What a registration claims, checked by itself. Throws `account-mismatch` and `certificate-refused`. */
export function checkRegistration(claimed: Account): void {
  if (!equal(accountId(claimed.ownerPublicKey), claimed.account)) {
    throw centralFaults.fault("account-mismatch", "the account id is not the hash of the owner key");
  }
  if (!isAcceptablePublicKey(claimed.device.deviceKey) || !verifyDeviceCertificate(claimed, claimed.device)) {
    throw centralFaults.fault("certificate-refused", "the owner did not sign this device's certificate");
  }
}

/**
 * Whether a checked registration changes what is known; a replacing device comes with a higher device epoch. Throws
 * `device-fenced`, and `device-key-in-use` where `keyOwner`, the account the device key is registered for, is another.
 */
export function decideRegistration(
  known: Account | undefined,
  claimed: Account,
  keyOwner: Uint8Array | undefined,
): "store" | "nothing" {
  if (keyOwner !== undefined && !equal(keyOwner, claimed.account)) {
    throw centralFaults.fault("device-key-in-use", "the device key is registered for another account");
  }
  if (known === undefined) return "store";
  const { device } = claimed;
  if (device.deviceEpoch === known.device.deviceEpoch && equal(device.deviceKey, known.device.deviceKey)) {
    return "nothing";
  }
  if (device.deviceEpoch <= known.device.deviceEpoch) {
    throw centralFaults.fault(
      "device-fenced",
      `device epoch ${known.device.deviceEpoch} is registered for this account; a replacing device needs a higher one`,
      { details: { registeredEpoch: known.device.deviceEpoch } },
    );
  }
  return "store";
}
