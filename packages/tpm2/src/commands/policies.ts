/** Commands that satisfy a policy in a session (Part 3, 23 Enhanced Authorization, 20 Signing, 14 Asymmetric). */
import { ByteWriter } from "@piccolo/bytes";
import { type Command, type Entity } from "../command.ts";
import { commandCodes, digestBytes, tags } from "../constants.ts";
import { encodePcrSelection } from "../pcr.ts";
import type { NvComparison } from "../policy.ts";
import { tpm2b } from "../reader.ts";
import type { Session } from "../session.ts";
import { encodeSignature, type TpmSignature } from "../signature.ts";

const noBytes = new Uint8Array(0);
/** What the session has collected, or what was signed, is not what the policy wants. */
const otherPolicy = { VALUE: "tpm-policy", SIGNATURE: "tpm-policy", TICKET: "tpm-policy" } as const;

function step(
  name: keyof typeof commandCodes,
  entities: readonly Entity[],
  parameters: Uint8Array,
  authorized = 0,
): Command<void> {
  const decode = (): void => undefined;
  return { name, code: commandCodes[name], entities, authorized, parameters, meanings: otherPolicy, decode };
}

/** TPM2_PolicyPCR (23.7). Without a digest the TPM takes the values the PCRs have, and `use` fails if they are others. */
export function policyPcrCommand(session: Session, pcrs: readonly number[], digest = noBytes): Command<void> {
  return step("policyPcr", [session], tpm2b(new ByteWriter(), digest).raw(encodePcrSelection(pcrs)).finish());
}

/** TPM2_PolicyNV (23.9). `by` is the index itself (authRead) or the owner (ownerRead). */
export function policyNvCommand(session: Session, by: Entity, index: Entity, compared: NvComparison): Command<void> {
  const writer = tpm2b(new ByteWriter(), compared.operand).u16(compared.offset).u16(compared.comparison);
  return { ...step("policyNv", [by, index, session], writer.finish(), 1), meanings: { HANDLE: "tpm-nv-missing" } };
}

/** TPM2_PolicySecret (23.4), without expiry and for this session alone. */
export function policySecretCommand(session: Session, by: Entity, policyRef = noBytes): Command<void> {
  const writer = tpm2b(tpm2b(tpm2b(new ByteWriter(), session.nonceTpm), noBytes), policyRef).u32(0);
  return {
    ...step("policySecret", [by, session], writer.finish(), 1),
    decode: (reader) => {
      // No expiry was asked for, so timeout and ticket are empty (23.4.1).
      reader.tpm2b(8);
      reader.u16();
      reader.u32();
      reader.tpm2b(64);
    },
  };
}

/** TPM2_PolicyOR (23.6). */
export function policyOrCommand(session: Session, branches: readonly Uint8Array[]): Command<void> {
  const writer = new ByteWriter().u32(branches.length);
  for (const branch of branches) tpm2b(writer, branch);
  return step("policyOr", [session], writer.finish());
}

/** TPMT_TK_VERIFIED (Part 2, 10.7.4): the TPM's own word that it checked a signature; worth nothing in another TPM. */
export interface VerifiedTicket {
  readonly hierarchy: number;
  readonly digest: Uint8Array;
}

/** TPM2_VerifySignature (20.1): `digest` is what was signed, hashed. */
export function verifySignature(key: Entity, digest: Uint8Array, signature: TpmSignature): Command<VerifiedTicket> {
  return {
    name: "verifySignature",
    code: commandCodes.verifySignature,
    entities: [key],
    authorized: 0,
    parameters: tpm2b(new ByteWriter(), digest).raw(encodeSignature(signature)).finish(),
    meanings: otherPolicy,
    decode: (reader) => {
      reader.expect(reader.u16(), tags.verified, "the ticket's tag");
      return { hierarchy: reader.u32(), digest: reader.tpm2b(64).slice() };
    },
  };
}

/** TPM2_PolicyAuthorize (23.16): what the session satisfied so far is one of the policies the key signed. */
export function policyAuthorizeCommand(
  session: Session,
  approved: { readonly policy: Uint8Array; readonly policyRef?: Uint8Array; readonly keyName: Uint8Array },
  ticket: VerifiedTicket,
): Command<void> {
  const writer = tpm2b(tpm2b(new ByteWriter(), approved.policy), approved.policyRef ?? noBytes);
  tpm2b(tpm2b(writer, approved.keyName).u16(tags.verified).u32(ticket.hierarchy), ticket.digest);
  return step("policyAuthorize", [session], writer.finish());
}

/** TPM2_PolicyAuthValue (23.17). */
export function policyAuthValueCommand(session: Session): Command<void> {
  return step("policyAuthValue", [session], noBytes);
}

/** TPM2_PolicyCommandCode (23.11). */
export function policyCommandCodeCommand(session: Session, code: number): Command<void> {
  return step("policyCommandCode", [session], new ByteWriter().u32(code).finish());
}

/** TPM2_PolicyGetDigest (23.18). */
export function policyGetDigest(session: Session): Command<Uint8Array> {
  return {
    name: "policyGetDigest",
    code: commandCodes.policyGetDigest,
    entities: [session],
    authorized: 0,
    parameters: noBytes,
    decode: (reader) => {
      const digest = reader.tpm2b(digestBytes);
      reader.expect(digest.length, digestBytes, "the length of a policy");
      return digest;
    },
  };
}
