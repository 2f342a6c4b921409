/** The form of the files in vectors/erasure; docs/spec/erasure.md section 5 describes it. */

/** A shard: its bytes in hexadecimal, or, where it is too long for a file, a pattern repeated up to a length. */
export type ShardForm = string | { readonly repeat: string; readonly bytes: number };

export type Operation =
  | {
      readonly operation: "encode";
      readonly input: { readonly k: number; readonly n: number; readonly data: readonly ShardForm[] };
      readonly expect: { readonly parity: readonly string[] } | { readonly paritySha256: readonly string[] };
    }
  | {
      readonly operation: "reconstruct";
      readonly input: {
        readonly k: number;
        readonly n: number;
        /** All n, null for a missing one. */
        readonly shards: readonly (string | null)[];
        readonly wanted: readonly number[];
      };
      readonly expect: { readonly fault: string } | { readonly shards: readonly string[] };
    };

export type Vector = { readonly spec: "erasure/1"; readonly rule: string; readonly about: string } & Operation;
