import { vaultBodyBytesMax, vaultPageBytesMax, vaultPageEntriesMax } from "@piccolo/central-api";
import { logEntriesMax } from "@piccolo/membership";

/** Every bound of central in one place. Tests make smaller ones. */
export interface RateLimit {
  /** Calls at once. */
  readonly burst: number;
  /** Calls a second in the long run. */
  readonly perSecond: number;
}

export interface Limits {
  readonly bodyBytesMax: number;
  /** Of a call that brings entries or a blob. */
  readonly largeBodyBytesMax: number;
  /** Such calls that one remote, and all together, may have under way. */
  readonly largeBodiesPerRemote: number;
  readonly largeBodies: number;
  readonly perAccount: RateLimit;
  /** A household, or a data centre full of devices behind one address. */
  readonly perRemote: RateLimit;
  readonly registrationsPerRemote: RateLimit;
  readonly recoveriesPerRemote: RateLimit;
  readonly recoveriesPerLocator: RateLimit;
  readonly networksPerAccount: number;
  readonly logEntriesMax: number;
  /** Of the logs of all networks together, where each counts at least as its share. */
  readonly logTotalBytes: number;
  /** What a network has for itself from its first entry on, whatever the others do. */
  readonly logShareBytes: number;
  readonly pageEntriesMax: number;
  readonly pageBytesMax: number;
  readonly proposalsPerNetwork: number;
  readonly proposalsPerMember: number;
  readonly proposalLifetimeMs: number;
  /** All of these are per account. */
  readonly vaultEntries: number;
  readonly vaultEntryBytes: number;
  readonly vaultBlobs: number;
  readonly vaultBlobBytes: number;
  /** Of all accounts together. */
  readonly vaultTotalBytes: number;
  readonly vaultPageEntries: number;
  readonly vaultPageBytes: number;
}

export const productionLimits: Limits = {
  bodyBytesMax: 98_304,
  largeBodyBytesMax: vaultBodyBytesMax + 4_096,
  largeBodiesPerRemote: 16,
  largeBodies: 32,
  perAccount: { burst: 300, perSecond: 30 },
  perRemote: { burst: 5_000, perSecond: 500 },
  registrationsPerRemote: { burst: 500, perSecond: 1 },
  recoveriesPerRemote: { burst: 30, perSecond: 0.2 },
  recoveriesPerLocator: { burst: 10, perSecond: 0.02 },
  networksPerAccount: 4,
  logEntriesMax,
  logTotalBytes: 68_719_476_736,
  logShareBytes: 131_072,
  pageEntriesMax: 512,
  pageBytesMax: 1_048_576,
  proposalsPerNetwork: 64,
  proposalsPerMember: 16,
  proposalLifetimeMs: 7 * 86_400_000,
  vaultEntries: 20_000,
  vaultEntryBytes: 268_435_456,
  vaultBlobs: 4_096,
  vaultBlobBytes: 2_147_483_648,
  vaultTotalBytes: 1_099_511_627_776,
  vaultPageEntries: vaultPageEntriesMax,
  vaultPageBytes: vaultPageBytesMax,
};
