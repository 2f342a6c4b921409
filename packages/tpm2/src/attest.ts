/** Quotes: TPMS_ATTEST (Part 2, 10.12.12) read strictly, and the check a verifier makes of one, without any TPM. */
import { equalConstantTime, malformed } from "@piccolo/bytes";
import { objectAttributes, tags } from "./constants.ts";
import { tpmFaults } from "./faults.ts";
import { decodePcrSelection } from "./pcr.ts";
import type { PublicArea } from "./public-area.ts";
import { TpmReader } from "./reader.ts";
import { isSignedBy, readSignature, type TpmSignature } from "./signature.ts";

/** TPM_GENERATED_VALUE: a restricted key signs nothing from outside that begins like this. */
const generatedByTpm = 0xff54_4347;

export interface Quote {
  readonly qualifiedSigner: Uint8Array;
  /** What the verifier asked to have signed. */
  readonly nonce: Uint8Array;
  /** Milliseconds the TPM has run; it goes on over power cuts (Part 1, 36 Timing Components). */
  readonly clockMs: bigint;
  /**
   * Power cycles, and resumptions since the last of them. For keys outside the endorsement hierarchy the TPM blurs both
   * and the firmware version, always by the same number (Part 1, 36.7): only equality tells something then.
   */
  readonly resetCount: number;
  readonly restartCount: number;
  /** False after an unorderly power cut: the clock may have been later before. */
  readonly clockSafe: boolean;
  readonly firmwareVersion: bigint;
  readonly pcrs: readonly number[];
  readonly pcrDigest: Uint8Array;
}

function u64(reader: TpmReader): bigint {
  return (BigInt(reader.u32()) << 32n) | BigInt(reader.u32());
}

/** A TPMS_ATTEST of a quote. Any other kind, and bytes left over, are `malformed`. */
export function decodeQuote(bytes: Uint8Array): Quote {
  const reader = new TpmReader(bytes);
  reader.expect(reader.u32(), generatedByTpm, "the mark of what a TPM made");
  reader.expect(reader.u16(), tags.attestQuote, "the kind of statement");
  const quote: Quote = {
    qualifiedSigner: reader.tpm2b(34),
    nonce: reader.tpm2b(64),
    clockMs: u64(reader),
    resetCount: reader.u32(),
    restartCount: reader.u32(),
    clockSafe: reader.bool(),
    firmwareVersion: u64(reader),
    pcrs: decodePcrSelection(reader),
    pcrDigest: reader.tpm2b(32),
  };
  reader.end();
  if (quote.pcrDigest.length !== 32) throw malformed("a PCR digest has 32 bytes");
  return quote;
}

/** A TPMT_SIGNATURE alone. */
export function decodeSignature(bytes: Uint8Array): TpmSignature {
  const reader = new TpmReader(bytes);
  const signature = readSignature(reader);
  reader.end();
  return signature;
}

const signsOnlyForTpm =
  objectAttributes.restricted |
  objectAttributes.sign |
  objectAttributes.fixedTpm |
  objectAttributes.sensitiveDataOrigin;

/**
 * Checks a quote of an attestation key the verifier has bound to a TPM before (credential activation). Throws
 * `malformed`, or `tpm-tampered` where key, signature or nonce do not fit. What the PCRs mean is the caller's question.
 */
export function verifyQuote(
  key: PublicArea,
  quoted: { readonly attest: Uint8Array; readonly signature: TpmSignature },
  nonce: Uint8Array,
): Quote {
  const refuse = (why: string): never => {
    throw tpmFaults.fault("tpm-tampered", `the quote is not to be believed: ${why}; ask for another`);
  };
  const wanted = signsOnlyForTpm | objectAttributes.decrypt;
  if ((key.attributes & wanted) !== signsOnlyForTpm) refuse("its key also signs what no TPM said");
  if (!isSignedBy(key, quoted.attest, quoted.signature)) refuse("its signature does not fit");
  const quote = decodeQuote(quoted.attest);
  if (!equalConstantTime(quote.nonce, nonce)) refuse("it answers another nonce");
  return quote;
}
