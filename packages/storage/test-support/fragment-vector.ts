/** The form of the files in vectors/fragment; docs/spec/fragment.md section 6 describes it. */

/** Bytes as hexadecimal texts and repetitions of them, one after the other. */
export type BytesPart = string | { readonly repeat: string; readonly count: number };

export type FragmentOperation =
  | { readonly operation: "fragment-length"; readonly input: { readonly sealedBytes: number; readonly k: number } }
  | {
      readonly operation: "padding";
      readonly input: { readonly maskKey: string; readonly segmentId: string; readonly lengthBytes: number };
    }
  | {
      readonly operation: "mask-cell";
      readonly input: {
        readonly maskKey: string;
        readonly segmentId: string;
        readonly index: number;
        readonly cell: number;
        readonly bytes: string;
      };
    }
  | { readonly operation: "fragment-root"; readonly input: { readonly fragment: readonly BytesPart[] } }
  | {
      readonly operation: "merkle-path";
      readonly input: { readonly fragment: readonly BytesPart[]; readonly cell: number };
    }
  | {
      readonly operation: "verify-path";
      readonly input: {
        readonly leaf: string;
        readonly cell: number;
        readonly path: readonly string[];
        readonly fragmentBytes: number;
        readonly root: string;
      };
    }
  | {
      readonly operation: "encode-segment";
      readonly input: {
        readonly account: string;
        readonly maskKey: string;
        readonly segmentId: string;
        readonly k: number;
        readonly n: number;
        readonly sealed: readonly BytesPart[];
      };
    }
  | { readonly operation: "decode-header"; readonly input: { readonly header: readonly BytesPart[] } }
  | {
      readonly operation: "check-body";
      readonly input: { readonly header: readonly BytesPart[]; readonly body: readonly BytesPart[] };
    }
  | { readonly operation: "read-file"; readonly input: { readonly file: readonly BytesPart[] } };

export type FragmentCase = { readonly rule: string; readonly about: string } & FragmentOperation;

export type FragmentVector = FragmentCase & {
  readonly spec: "fragment/1";
  readonly expect: Readonly<Record<string, unknown>>;
};
