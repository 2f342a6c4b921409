import {
  accountId,
  firstEpoch,
  isAcceptablePublicKey,
  type OwnerChain,
  verifyDeviceCertificate,
  verifyRotationChain,
} from "@piccolo/envelope";
import { centralFaults } from "@piccolo/central-api";
import type { Account, ClaimedAccount, FormerKey } from "./types.ts";

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/**
 * What a registration claims, checked by itself; a chain gives the key epoch. Throws `account-mismatch`,
 * `broken-rotation` and `certificate-refused`.
 */
export function checkRegistration(claimed: Omit<ClaimedAccount, "keyEpoch">): ClaimedAccount {
  const { account, ownerPublicKey, chain, device } = claimed;
  if (chain === undefined && !equal(accountId(ownerPublicKey), account)) {
    throw centralFaults.fault("account-mismatch", "the account id is not the hash of the owner key");
  }
  const newest = chain === undefined ? { epoch: firstEpoch, ownerPublicKey } : verifyRotationChain(account, chain);
  if (!equal(newest.ownerPublicKey, ownerPublicKey)) {
    throw centralFaults.fault("account-mismatch", "the owner key is not the newest of its chain");
  }
  if (!isAcceptablePublicKey(device.deviceKey) || !verifyDeviceCertificate(claimed, device)) {
    throw centralFaults.fault("certificate-refused", "the owner did not sign this device's certificate");
  }
  return { ...claimed, keyEpoch: newest.epoch };
}

/** The owner key of an epoch by a chain, or of the first one where there is none. */
function keyAt(
  claimed: { readonly ownerPublicKey: Uint8Array; readonly chain: OwnerChain | undefined },
  epoch: number,
) {
  const { ownerPublicKey, chain } = claimed;
  if (epoch === firstEpoch) return chain?.firstOwnerPublicKey ?? ownerPublicKey;
  return chain?.rotations[epoch - firstEpoch - 1]?.ownerPublicKey;
}

/**
 * Whether a verified owner key is newer than the known one. Of two chains that part, the one known first counts. Throws
 * `owner-key-rotated`.
 */
export function decideOwnerKey(
  known: Account,
  claimed: { readonly ownerPublicKey: Uint8Array; readonly keyEpoch: number; readonly chain: OwnerChain | undefined },
): "newer" | "same" {
  const same = keyAt(claimed, known.keyEpoch);
  if (same === undefined || !equal(same, known.ownerPublicKey)) {
    throw centralFaults.fault(
      "owner-key-rotated",
      `the account has another owner key, of key epoch ${known.keyEpoch}: sign with it`,
      { details: { keyEpoch: known.keyEpoch } },
    );
  }
  return claimed.keyEpoch > known.keyEpoch ? "newer" : "same";
}

/** What a device hears whose place another one has taken. */
export function deviceReplaced(known: Account, replacedMs: number): Error {
  const since = new Date(replacedMs).toISOString();
  return centralFaults.fault(
    "device-replaced",
    `another device has replaced this one at ${since}: if it was not the owner, use the recovery phrase to stop it`,
    { details: { replacedAtMs: replacedMs, deviceEpoch: known.device.deviceEpoch } },
  );
}

/**
 * Whether a checked registration changes what is known; a replacing device comes with a higher device epoch. `former` is
 * what the claimed device key was once, `keyOwner` the account it is registered for. Throws `device-fenced`,
 * `device-replaced`, `owner-key-rotated`, and `device-key-in-use` where the key is or was another account's.
 */
export function decideRegistration(
  known: Account | undefined,
  claimed: ClaimedAccount,
  keyOwner: Uint8Array | undefined,
  former?: FormerKey,
): "store" | "nothing" {
  const usedBy = keyOwner ?? former?.account;
  if (usedBy !== undefined && !equal(usedBy, claimed.account)) {
    throw centralFaults.fault("device-key-in-use", "the device key is registered for another account");
  }
  if (known === undefined) return "store";
  const { device } = claimed;
  // A device that was replaced hears just that, whatever else has changed meanwhile.
  if (former !== undefined) throw deviceReplaced(known, former.replacedMs);
  const ownerKey = decideOwnerKey(known, claimed);
  if (device.deviceEpoch === known.device.deviceEpoch && equal(device.deviceKey, known.device.deviceKey)) {
    return ownerKey === "newer" ? "store" : "nothing";
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
