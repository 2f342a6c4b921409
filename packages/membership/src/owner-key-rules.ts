import { toHex } from "@piccolo/bytes";
import { accountId, firstEpoch, type OwnerRotation, verifyRotation } from "@piccolo/envelope";
import type { MemberRecord } from "./entry-codec.ts";
import { membershipFaults } from "./faults.ts";
import { compareBytes } from "./signer.ts";
import type { NetworkState, OwnerKeyRecord } from "./state.ts";

/** What an entry says of an owner's keys, its rules checked. */
export interface OwnerKeys {
  readonly newest: OwnerKeyRecord;
  /** All that the entry brings, oldest first. */
  readonly keys: readonly Uint8Array[];
}

function rotated(message: string): Error {
  return membershipFaults.fault("owner-key-rotated", message);
}

function inUse(): Error {
  return membershipFaults.fault("owner-key-in-use", "the owner key was used in this network before");
}

/** Each rotation signed by the key before it and by its own. No key comes twice, so that none returns after it leaked. */
function checkRotations(account: Uint8Array, old: OwnerKeyRecord, rotations: readonly OwnerRotation[]): void {
  const seen = new Set([toHex(old.ownerPublicKey)]);
  let known = { account, epoch: old.keyEpoch, ownerPublicKey: old.ownerPublicKey };
  for (const rotation of rotations) {
    const name = toHex(rotation.ownerPublicKey);
    if (seen.has(name)) throw inUse();
    seen.add(name);
    if (!verifyRotation(known, rotation)) {
      throw membershipFaults.fault("membership-signature", `the rotation to key epoch ${rotation.epoch} does not fit`);
    }
    known = { account, epoch: rotation.epoch, ownerPublicKey: rotation.ownerPublicKey };
  }
}

/** The owner keys of who becomes a member; of who was one before, not older ones and not another branch of them. */
export function checkJoiningKeys(state: NetworkState | undefined, record: MemberRecord): OwnerKeys {
  const { account, ownerPublicKey, lineage } = record;
  const first = lineage?.firstOwnerPublicKey ?? ownerPublicKey;
  if (compareBytes(accountId(first), account) !== 0) {
    throw membershipFaults.fault("account-mismatch", "the account id is not the hash of the first owner key");
  }
  const rotations = lineage?.rotations ?? [];
  const keys = [first, ...rotations.map((rotation) => rotation.ownerPublicKey)];
  const name = toHex(account);
  const known = state?.owners.get(name);
  const claimed = known === undefined ? undefined : keys[known.keyEpoch - firstEpoch];
  if (known !== undefined && (claimed === undefined || compareBytes(claimed, known.ownerPublicKey) !== 0)) {
    throw rotated(`the newest owner key of ${record.name} is another one, of key epoch ${known.keyEpoch}`);
  }
  if (keys.some((key) => (state?.usedOwnerKeys.get(toHex(key)) ?? name) !== name)) throw inUse();
  checkRotations(account, { ownerPublicKey: first, keyEpoch: firstEpoch }, rotations);
  return { newest: { ownerPublicKey, keyEpoch: keys.length - 1 + firstEpoch }, keys };
}

/** The newer owner keys of a member. The first rotation is the one after the key that the log knows. */
export function checkNewerKeys(
  state: NetworkState,
  member: OwnerKeyRecord & { readonly account: Uint8Array },
  rotations: readonly OwnerRotation[],
): OwnerKeys {
  const [first] = rotations;
  const last = rotations.at(-1);
  if (first === undefined || last === undefined || first.epoch <= member.keyEpoch) {
    throw rotated(`key epoch ${first?.epoch ?? 0} was reached before; the newest is ${member.keyEpoch}`);
  }
  if (first.epoch > member.keyEpoch + 1) {
    const missing = `${member.keyEpoch + 1} to ${first.epoch - 1}`;
    throw membershipFaults.fault("owner-key-gap", `the rotations to key epochs ${missing} are missing`);
  }
  const keys = rotations.map(({ ownerPublicKey }) => ownerPublicKey);
  if (keys.some((key) => state.usedOwnerKeys.has(toHex(key)))) throw inUse();
  checkRotations(member.account, member, rotations);
  return { newest: { ownerPublicKey: last.ownerPublicKey, keyEpoch: last.epoch }, keys };
}
