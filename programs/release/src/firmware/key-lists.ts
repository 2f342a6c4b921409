/** The lists of keys a release gives to firmware: docs/spec/firmware-enrolment.md, and for `db` while keys are replaced docs/spec/release-keys.md. */
import { readCertificate } from "../keys/read-key.ts";
import { listSigners, placesOf, type SecureBootRole } from "../keys/roles.ts";
import { signBytes, signingKeyOf } from "../keys/signing-key.ts";
import { encodeSignatureLists, encodeSignedVariable, openSignedVariable, variableToSign } from "./signed-variable.ts";

/** Names the owner of the certificates in the firmware's lists. */
const keyOwner = "a1c0b7d2-5d0e-4a53-9c0c-70696363006c";

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
  const list = { name, epochS, content: encodeSignatureLists(keyOwner, certificates) };
  const signer = readCertificate(placesOf(signedBy, listSigners[name]).publicHalf);
  const signature = await signBytes(signingKeyOf(signedBy, listSigners[name]), variableToSign(list));
  const signed = encodeSignedVariable(list, signer.raw, signature);
  openSignedVariable(name, signed, signer);
  return signed;
}
