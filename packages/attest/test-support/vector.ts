/** The form of the files in vectors/measured-boot. Bytes are lower-case hexadecimal; logs are changed copies of those in vectors/boot-logs. */
import type { BootName } from "./boot-logs.ts";
import type { Splice } from "./log-writer.ts";

export interface LogInput {
  readonly log: BootName;
  readonly splice?: Splice;
}

type Fault = { readonly fault: string };

export type Operation =
  | {
      readonly operation: "replay";
      readonly input: LogInput;
      readonly expect: Fault | { readonly locality: number; readonly pcrs: Readonly<Record<string, string>> };
    }
  | {
      /**
       * The chip's values are those of the recorded boot but for `pcrs`; `predicted` holds it against the recorded prediction, `volume` (an
       * identity) PCR 15 against the volume that is open.
       */
      readonly operation: "explain";
      readonly input: LogInput & {
        readonly pcrs?: Readonly<Record<string, string>>;
        readonly volume?: string;
        /** Takes the place of what the recorded prediction says of PCR 7. */
        readonly pcr7?: readonly string[];
        readonly predicted: boolean;
      };
      readonly expect:
        | Fault
        | {
            readonly verdict: string;
            readonly secureBoot: boolean;
            readonly signers: readonly (string | null)[];
            /** What was found other than expected. */
            readonly unexpected: { readonly steps: readonly string[]; readonly pcrs: readonly number[] };
          };
    }
  | {
      /** What the log says of PCR 7 alone, which holds the recorded value or `pcr7`. */
      readonly operation: "secure-boot";
      readonly input: LogInput & { readonly pcr7?: string };
      readonly expect:
        | Fault
        | { readonly confirmed: false }
        | {
            readonly confirmed: true;
            readonly enabled: boolean;
            readonly weakened: readonly string[];
            readonly signers: readonly (string | null)[];
          };
    }
  | {
      readonly operation: "image";
      readonly input: { readonly file: string };
      readonly expect:
        | Fault
        | {
            readonly authenticode: string;
            readonly sections: readonly string[];
            readonly pcr11: Readonly<Record<string, string>>;
          };
    }
  | {
      /** Without an identity the volume stays closed. */
      readonly operation: "volume";
      readonly input: { readonly identity?: string };
      readonly expect: { readonly measurement: string; readonly pcr15: readonly string[] };
    }
  | {
      readonly operation: "program";
      readonly input: { readonly file: string };
      readonly expect: Fault | { readonly authenticode: string };
    }
  | {
      readonly operation: "prediction";
      readonly input: { readonly file: string; readonly trusted: readonly string[] };
      readonly expect: Fault | { readonly version: string; readonly number: number };
    };

export type Vector = { readonly spec: "measured-boot/1"; readonly rule: string; readonly about: string } & Operation;

export type VectorSet = Record<string, Vector>;
