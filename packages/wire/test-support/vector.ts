/** The form of the files in vectors/wire; docs/spec/wire.md section 6 describes it. */

/** Bytes as hexadecimal texts and repetitions of them, one after the other. */
export type BytesPart = string | { readonly repeat: string; readonly count: number };

export type Operation =
  | {
      readonly operation:
        | "decode-request"
        | "decode-response"
        | "decode-log-request"
        | "decode-log-response"
        | "decode-recover-request"
        | "decode-recover-response";
      readonly input: { readonly frame: readonly BytesPart[] };
      /** Byte fields of the message are lower-case hexadecimal, an absent one is null. */
      readonly expect: { readonly fault: string } | { readonly message: Readonly<Record<string, unknown>> };
    }
  | {
      readonly operation: "read-framing";
      readonly input: { readonly stream: readonly BytesPart[]; readonly maxBodyBytes: number };
      readonly expect:
        | { readonly fault: string }
        | { readonly waiting: true }
        | { readonly frame: string; readonly body: string };
    };

export type Vector = { readonly spec: "wire/1"; readonly rule: string; readonly about: string } & Operation;

/** The vectors by file name without its ending. */
export type VectorSet = Record<string, Vector>;
