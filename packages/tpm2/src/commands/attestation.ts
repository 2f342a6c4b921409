/** Commands of attestation keys (Part 3: 18.4 Quote, 12.5 ActivateCredential). */
import { ByteWriter } from "@piccolo/bytes";
import type { Command, Entity } from "../command.ts";
import { algorithms, commandCodes, frameBytesMax } from "../constants.ts";
import type { Credential } from "../credential.ts";
import { encodePcrSelection } from "../pcr.ts";
import { tpm2b } from "../reader.ts";
import { readSignature, type TpmSignature } from "../signature.ts";

export interface Quoted {
  /** TPMS_ATTEST as it was signed. */
  readonly attest: Uint8Array;
  readonly signature: TpmSignature;
}

/** TPM2_Quote (18.4) with the key's own scheme. The nonce is at most 32 bytes. */
export function quoteCommand(key: Entity, nonce: Uint8Array, pcrs: readonly number[]): Command<Quoted> {
  const parameters = tpm2b(new ByteWriter(), nonce).u16(algorithms.null).raw(encodePcrSelection(pcrs)).finish();
  return {
    name: "quote",
    code: commandCodes.quote,
    entities: [key],
    authorized: 1,
    parameters,
    decode: (reader) => ({ attest: reader.tpm2b(frameBytesMax), signature: readSignature(reader) }),
  };
}

/**
 * TPM2_ActivateCredential (12.5): gives the secret back if `key` is in the same TPM as `endorsementKey`, whose policy
 * wants PolicySecret(endorsement). The first authorization is the key's, the second the endorsement key's.
 */
export function activateCredential(key: Entity, endorsementKey: Entity, credential: Credential): Command<Uint8Array> {
  const parameters = tpm2b(tpm2b(new ByteWriter(), credential.blob), credential.encryptedSeed).finish();
  return {
    name: "activateCredential",
    code: commandCodes.activateCredential,
    entities: [key, endorsementKey],
    authorized: 2,
    parameters,
    secret: true,
    decode: (reader) => reader.tpm2b(32).slice(),
  };
}
