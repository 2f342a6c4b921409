/** The form of the files in vectors/membership; docs/spec/membership.md section 8 describes it. */

/** A log: the first entries of the one that the vector `log` gives. */
export interface LogPart {
  readonly of: "log";
  readonly entries: number;
}

export interface StateView {
  readonly networkId: string;
  readonly length: number;
  readonly headHash: string;
  readonly founder: string;
  /** In the order of joining. */
  readonly members: readonly {
    readonly account: string;
    readonly deviceKey: string;
    readonly deviceEpoch: number;
    readonly name: string;
    readonly joinedAtMs: number;
    /** Only where the owner key is not the first. */
    readonly keyEpoch?: number;
    readonly ownerPublicKey?: string;
  }[];
}

type Refusable<Expected> = { readonly fault: string } | Expected;

export type Operation =
  | {
      readonly operation: "replay";
      readonly input: { readonly log: readonly string[]; readonly networkId: string | null };
      readonly expect: Refusable<{ readonly state: StateView }>;
    }
  | {
      readonly operation: "apply-entry";
      readonly input: {
        readonly log: LogPart;
        /** Entries after the part of the log. */
        readonly more: readonly string[];
        readonly entry: string;
      };
      readonly expect: Refusable<{ readonly state: StateView }>;
    }
  | {
      readonly operation: "check-timely";
      readonly input: { readonly entry: string; readonly nowMs: number };
      readonly expect: Refusable<{ readonly timely: true }>;
    }
  | {
      readonly operation: "check-draft";
      readonly input: {
        readonly log: LogPart;
        readonly kind: "invitation" | "entry";
        /** More than one: the drafts are joined in this order first. */
        readonly drafts: readonly string[];
        readonly nowMs: number;
      };
      readonly expect: Refusable<{
        readonly id: string;
        readonly signedBy: readonly string[];
        readonly complete: boolean;
      }>;
    }
  | {
      readonly operation: "decode-invitation";
      readonly input: { readonly text: string };
      readonly expect: Refusable<{
        readonly centralUrl: string;
        readonly networkId: string;
        readonly invitationKey: string;
        readonly expiresAtMs: number;
        readonly ordinal: number;
        readonly anchorHash: string;
        readonly signedBy: readonly string[];
      }>;
    }
  | {
      readonly operation: "accept-name";
      /** Code points of the name. */
      readonly input: { readonly name: readonly number[] };
      readonly expect: { readonly acceptable: boolean };
    };

export type Vector = { readonly spec: "membership/1"; readonly rule: string; readonly about: string } & Operation;

/** The vectors by file name without its ending. */
export type VectorSet = Record<string, Vector>;
