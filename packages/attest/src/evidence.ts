/** What a device shows of its boot: the chip's signed word on its PCRs, their values, and the log that explains them. */
import { equalConstantTime } from "@piccolo/bytes";
import { pcrDigest, type PublicArea, type Quote, type TpmSignature, verifyQuote } from "@piccolo/tpm2";
import { type EventLog, parseEventLog } from "./event-log.ts";
import { attestFaults } from "./faults.ts";

export interface Evidence {
  readonly attest: Uint8Array;
  readonly signature: TpmSignature;
  /** SHA-256 bank, by number: what the quote's digest is made of. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly log: Uint8Array;
}

/** A boot as the chip vouches for it. The log is read, and still to be held against the PCRs: `explainBoot` does. */
export interface MeasuredBoot {
  readonly log: EventLog;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
}

/** Without these a verdict would leave out firmware, Secure Boot, programs, system image, or what was added to it. */
export const quotedPcrs = [0, 1, 2, 3, 4, 5, 7, 9, 11, 12, 13] as const;

/**
 * Checks a quote against the attestation key and the nonce the verifier chose, and the PCR values against the quote. Throws
 * `malformed`, `tpm-tampered` and `quote-unexplained`.
 */
export function verifyEvidence(
  key: PublicArea,
  nonce: Uint8Array,
  evidence: Evidence,
): { readonly boot: MeasuredBoot; readonly quote: Quote } {
  const quote = verifyQuote(key, evidence, nonce);
  const refuse = (why: string): never => {
    throw attestFaults.fault("quote-unexplained", `the evidence is not whole: ${why}`);
  };
  const missing = quotedPcrs.filter((pcr) => !quote.pcrs.includes(pcr));
  if (missing.length > 0) refuse(`the chip says nothing of PCR ${missing.join(", ")}`);
  const given = [...evidence.pcrs.keys()].sort((a, b) => a - b);
  if (given.join() !== [...quote.pcrs].join()) refuse("the values are not of the PCRs the chip vouches for");
  if ([...evidence.pcrs.values()].some((value) => value.length !== 32)) refuse("a value has not 32 bytes");
  if (!equalConstantTime(pcrDigest(evidence.pcrs), quote.pcrDigest))
    refuse("the values are not those the chip vouches for");
  return { boot: { log: parseEventLog(evidence.log), pcrs: evidence.pcrs }, quote };
}
