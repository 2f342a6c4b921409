/**
 * The port to a public authority, for a device that has a name of the internet (RFC 8555 is what its adapter will speak).
 * None is built in: at home the device's own authority certifies names of the local network, which no public one may.
 * The fake is `test-support/memory-issuer.ts`; it runs the suite `test-support/certificate-issuer-suite.ts`, and every
 * adapter has to.
 */
import type { KeyObject } from "node:crypto";
import { catalogue } from "@piccolo/fault";

export const issuerFaults = catalogue({
  "issuer-unreachable": {
    retry: "later",
    meaning: "The authority that certifies the device's name does not answer; it is asked again by itself.",
  },
  "issuer-busy": {
    retry: "later",
    meaning: "The authority takes no more requests for now; it is asked again when it said so.",
  },
  "proof-refused": {
    retry: "later",
    meaning: "The authority could not see that the name is this device's; check where the name points to.",
  },
  "issuer-refused": { retry: "never", meaning: "The authority does not certify such a name; use another one." },
});

/** What the authority looks for to see that a name is the device's (RFC 8555, section 8). */
export type Proof =
  /** At `http://<name>/.well-known/acme-challenge/<token>`. */
  | { readonly kind: "http-01"; readonly name: string; readonly token: string; readonly content: string }
  /** In the TXT record of `_acme-challenge.<name>`. */
  | { readonly kind: "dns-01"; readonly name: string; readonly content: string };

/** Who can put proofs where the authority looks. */
export interface ProofPlace {
  readonly kinds: readonly Proof["kind"][];
  /** Resolves once the authority would see it. */
  show(proof: Proof): Promise<void>;
  /** Of one that was shown, or is just being shown. */
  hide(proof: Proof): Promise<void>;
}

export interface CertificateOrder {
  /** In lower case, the first as the common name; no wildcards, no addresses. */
  readonly names: readonly string[];
  /** The certificate's own; it signs the order and does not leave the device. */
  readonly key: KeyObject;
  readonly signal?: AbortSignal;
}

export interface IssuedCertificate {
  /** In PEM, the device's own first. */
  readonly chain: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface CertificateIssuer {
  /**
   * Every proof that was shown is hidden again, however it ends. Throws `issuer-unreachable`, `issuer-busy` (with
   * `retryAfterMs`), `proof-refused`, `issuer-refused`, or the signal's reason.
   */
  issue(order: CertificateOrder, proofs: ProofPlace): Promise<IssuedCertificate>;
}
