/** The form of the files in vectors/slots; docs/spec/slots.md section 9 describes it. Bytes are hexadecimal. */
import type { KeysInput } from "./vector.ts";

type Answer<Facts> = Facts | { readonly fault: string };

export interface SlotFacts {
  readonly locator: string;
  readonly locatorKey: string;
  readonly account: string;
  readonly epoch: number;
  readonly ownerPublicKey: string;
  readonly number: number;
  readonly forgetBelow: number;
}

export interface MetadataInput {
  readonly metadataKey: string;
  readonly account: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly kind: "delta" | "checkpoint";
  readonly schemaVersion: number;
  readonly previousHash: string;
}

export type SlotOperation =
  | {
      readonly operation: "parse-phrase";
      readonly input: { readonly text: string };
      readonly expect: Answer<{ readonly locator: string; readonly locatorKey: string; readonly slotKey: string }>;
    }
  | {
      readonly operation: "open-password-slot";
      readonly input: {
        readonly slot: string;
        readonly password: string;
        readonly pepper: string;
        readonly account: string;
        readonly floor: { readonly memoryKiB: number; readonly passes: number; readonly parallelism: number };
      };
      readonly expect: Answer<{ readonly root: string; readonly account: string; readonly epoch: number }>;
    }
  | {
      readonly operation: "verify-slot";
      readonly input: { readonly slot: string };
      readonly expect: Answer<SlotFacts>;
    }
  | {
      readonly operation: "open-phrase-slot";
      readonly input: { readonly slot: string; readonly phrase: string; readonly account: string };
      readonly expect: Answer<{ readonly root: string; readonly epoch: number; readonly details: string }>;
    }
  | {
      readonly operation: "decide-slot";
      readonly input: { readonly kept: readonly string[]; readonly incoming: string };
      readonly expect: { readonly decision: string; readonly reason?: string; readonly forget?: readonly string[] };
    }
  | {
      readonly operation: "verify-rotations";
      readonly input: { readonly account: string; readonly chain: string };
      readonly expect: Answer<{ readonly epoch: number; readonly ownerPublicKey: string }>;
    }
  | {
      readonly operation: "decode-slot-list";
      readonly input: { readonly list: string; readonly account: string };
      readonly expect: Answer<{
        readonly epoch: number;
        readonly number: number;
        readonly passwordSlot: string | null;
        readonly phraseSlot: string | null;
        readonly volumeSlot: string | null;
        readonly previousRoots: readonly string[];
      }>;
    }
  | {
      readonly operation: "unwrap-volume-key";
      readonly input: KeysInput & { readonly wrapped: string };
      readonly expect: Answer<{ readonly volumeKey: string }>;
    }
  | {
      readonly operation: "unwrap-previous-root";
      readonly input: KeysInput & { readonly wrapped: string };
      readonly expect: Answer<{ readonly root: string; readonly epoch: number }>;
    }
  | {
      readonly operation: "hpke-seal";
      readonly input: {
        readonly recipient: string;
        readonly info: string;
        readonly associatedData: string;
        readonly plain: string;
        readonly ephemeralIkm: string;
      };
      readonly expect: { readonly encapsulated: string; readonly ciphertext: string };
    }
  | {
      readonly operation: "unwrap-fek";
      readonly input: KeysInput & { readonly versionId: string; readonly wrapped: string };
      readonly expect: Answer<{ readonly fek: string }>;
    }
  | {
      readonly operation: "size-class";
      readonly input: { readonly bytes: number };
      readonly expect: { readonly padded: number };
    }
  | {
      readonly operation: "open-metadata";
      readonly input: MetadataInput & { readonly sealed: string };
      readonly expect: Answer<{ readonly plain: string }>;
    }
  | {
      readonly operation: "verify-locator-proof";
      readonly input: {
        readonly locator: string;
        readonly locatorKey: string;
        readonly signature: string;
        readonly verifier: string;
        readonly challenge: string;
      };
      readonly expect: { readonly valid: boolean };
    }
  | {
      readonly operation: "verify-account-proof";
      readonly input: {
        readonly account: string;
        readonly ownerPublicKey: string;
        readonly signature: string;
        readonly verifier: string;
        readonly challenge: string;
      };
      readonly expect: { readonly valid: boolean };
    };

export type SlotVector = { readonly spec: "slots/1"; readonly rule: string; readonly about: string } & SlotOperation;

export type AddCase = (name: string, rule: string, about: string, operation: SlotOperation) => void;
