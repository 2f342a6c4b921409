/** The form of the files in vectors/envelope; docs/spec/envelope.md section 6 describes it. */

/** Content too large for a file: a pattern repeated up to a length. */
export interface Pattern {
  readonly repeat: string;
  readonly bytes: number;
}

/** A piece of sealed bytes: literal, or a range of what the named `seal-extent` vector gives. */
export type SealedPart = { readonly hex: string } | { readonly of: string; readonly from: number; readonly to: number };

export interface ExtentInput {
  readonly fek: string;
  readonly versionId: string;
  readonly ordinal: number;
  readonly salt: string;
}

export interface StatementInput {
  readonly publicKey: string;
  readonly purpose: string;
  readonly networkRule: "required" | "none" | "optional";
  readonly network: string | null;
  readonly account: string;
  readonly body: string;
}

export type Operation =
  | {
      readonly operation: "derive-keys";
      readonly input: { readonly rootSecret: string; readonly epoch: number; readonly account: string | null };
      readonly expect:
        | { readonly fault: string }
        | {
            readonly kek: string;
            readonly metadataKey: string;
            readonly ownerPublicKey: string;
            readonly filePublicKey: string;
            readonly account: string;
          };
    }
  | {
      readonly operation: "wrap-fek";
      readonly input: KeysInput & { readonly versionId: string; readonly fek: string };
      readonly expect: { readonly wrapped: string };
    }
  | {
      readonly operation: "unwrap-fek";
      readonly input: KeysInput & { readonly versionId: string; readonly wrapped: string };
      readonly expect: { readonly fault: string } | { readonly fek: string };
    }
  | {
      readonly operation: "sign-statement";
      readonly input: Omit<StatementInput, "publicKey"> & { readonly seed: string };
      readonly expect: { readonly statement: string; readonly publicKey: string; readonly signature: string };
    }
  | {
      readonly operation: "verify-statement";
      readonly input: StatementInput & { readonly signature: string };
      readonly expect: { readonly valid: boolean };
    }
  | {
      readonly operation: "verify-device-certificate";
      readonly input: {
        readonly account: string;
        readonly ownerPublicKey: string;
        readonly deviceKey: string;
        readonly deviceEpoch: number;
        readonly signature: string;
      };
      readonly expect: { readonly valid: boolean };
    }
  | {
      readonly operation: "seal-extent";
      readonly input: ExtentInput & { readonly plain: Pattern };
      readonly expect: { readonly sealedBytes: number; readonly sealedSha256: string; readonly sealed?: string };
    }
  | {
      readonly operation: "open-extent";
      readonly input: ExtentInput & { readonly plainBytes: number; readonly sealed: readonly SealedPart[] };
      readonly expect: { readonly fault: string } | { readonly plain: Pattern };
    }
  | {
      readonly operation: "open-chunk";
      readonly input: ExtentInput & {
        readonly plainBytes: number;
        readonly chunk: number;
        readonly sealed: readonly SealedPart[];
      };
      readonly expect: { readonly fault: string } | { readonly plainSha256: string };
    };

export interface KeysInput {
  readonly rootSecret: string;
  readonly epoch: number;
  readonly account: string | null;
}

export type Vector = { readonly spec: "envelope/1"; readonly rule: string; readonly about: string } & Operation;

/** The vectors by file name without its ending. */
export type VectorSet = Record<string, Vector>;
