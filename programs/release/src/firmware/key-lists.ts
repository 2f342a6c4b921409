/** The lists of keys a release gives to firmware: docs/spec/firmware-enrolment.md, and for `db` while keys are replaced docs/spec/release-keys.md. */
import { encodeSignatureLists, releaseKeyOwner } from "@piccolo/attest";
import { readCertificate } from "../keys/read-key.ts";
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
