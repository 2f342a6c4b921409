/** The lists of keys a release gives to firmware: docs/spec/firmware-enrolment.md, and for `db` while keys are replaced docs/spec/release-keys.md. */
import { encodeSignatureLists, releaseKeyOwner } from "@piccolo/attest";
import { readCertificate } from "../keys/read-key.ts";
import { endsOf } from "../keys/successions.ts";
import { listSigners, placesOf, type SecureBootRole } from "../keys/roles.ts";
import { signBytes, signingKeyOf } from "../keys/signing-key.ts";
import { encodeSignedVariable, openSignedVariable, variableToSign } from "./signed-variable.ts";

export interface KeyList {
  readonly name: SecureBootRole;
  /** The sets whose keys of the role are in the list, in its order. */
  readonly of: readonly string[];
  /** The set whose key signs it: firmware has that one already. */
  readonly signedBy: string;
  /** Firmware takes a list over an older one only. */
  readonly epochS: number;
}

/** A signed list as the firmware takes it, seen to be what its signer signed. */
export async function signedKeyList({ name, of, signedBy, epochS }: KeyList): Promise<Uint8Array> {
  const certificates = of.map((keys) => new Uint8Array(readCertificate(placesOf(keys, name).publicHalf).raw));
  const list = { name, epochS, content: encodeSignatureLists(releaseKeyOwner, certificates) };
  const signer = readCertificate(placesOf(signedBy, listSigners[name]).publicHalf);
  const signature = await signBytes(signingKeyOf(signedBy, listSigners[name]), variableToSign(list));
  const signed = encodeSignedVariable(list, signer.raw, signature);
  openSignedVariable(name, signed, signer);
  return signed;
}

export interface ReplacedKeys {
  readonly keys: string;
  /** The set that signs beside it; firmware takes the lists from its KEK, which is that of all. */
  readonly former: string;
  /** Sets that were replaced before, the oldest first. */
  readonly enrolled: readonly string[];
  readonly epochS: number;
}

/**
 * The lists of certificates that the devices of a release with new keys give to their firmware, by file name: for each set that one may
 * have been installed with, all that followed it. `docs/spec/release-keys.md`, rule 11.
 */
export async function keyListsOf({
  keys,
  former,
  enrolled,
  epochS,
}: ReplacedKeys): Promise<ReadonlyMap<string, Uint8Array>> {
  const lists = new Map<string, Uint8Array>();
  for (const before of endsOf([...enrolled, former])) {
    const of = [...before, keys];
    const name = of.length === 2 ? "db.auth" : `db-${of.length}.auth`;
    lists.set(name, await signedKeyList({ name: "db", of, signedBy: former, epochS }));
  }
  return lists;
}
