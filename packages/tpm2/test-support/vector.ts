/** The form of the files in vectors/tpm2. Bytes are lower-case hexadecimal; the specification is TPM 2.0, revision 1.59. */

export type PolicyStep =
  | { readonly step: "pcr"; readonly pcrs: readonly number[]; readonly values: Readonly<Record<string, string>> }
  | {
      readonly step: "nv";
      readonly name: string;
      readonly operand: string;
      readonly offset: number;
      readonly comparison: number;
    }
  | { readonly step: "secret"; readonly name: string; readonly policyRef: string }
  | { readonly step: "authorize"; readonly keyName: string; readonly policyRef: string }
  | { readonly step: "or"; readonly branches: readonly string[] }
  | { readonly step: "command-code"; readonly code: number }
  | { readonly step: "auth-value" };

export type Operation =
  | {
      readonly operation: "policy";
      readonly input: { readonly steps: readonly PolicyStep[] };
      readonly expect: { readonly digest: string };
    }
  | {
      /** A TPMT_PUBLIC or TPMS_NV_PUBLIC: read strictly, written again the same, and its name. */
      readonly operation: "object-name" | "index-name";
      readonly input: { readonly bytes: string };
      readonly expect: { readonly fault: string } | { readonly name: string };
    }
  | {
      readonly operation: "decode-quote";
      readonly input: { readonly bytes: string };
      readonly expect:
        | { readonly fault: string }
        | { readonly nonce: string; readonly pcrs: readonly number[]; readonly pcrDigest: string };
    }
  | {
      readonly operation: "response-code";
      readonly input: { readonly code: number };
      readonly expect: { readonly name: string; readonly about: string; readonly fault: string };
    };

export type Vector = { readonly spec: "tpm2/1.59"; readonly rule: string; readonly about: string } & Operation;

/** The vectors by file name without its ending. */
export type VectorSet = Record<string, Vector>;
