/** Every bound of central in one place. Tests make smaller ones. */
export interface RateLimit {
  /** Calls at once. */
  readonly burst: number;
  /** Calls a second in the long run. */
  readonly perSecond: number;
}

export interface Limits {
  readonly bodyBytesMax: number;
  readonly perAccount: RateLimit;
  /** A household, or a data centre full of devices behind one address. */
  readonly perRemote: RateLimit;
  readonly registrationsPerRemote: RateLimit;
  readonly networksPerAccount: number;
  readonly logEntriesMax: number;
  readonly pageEntriesMax: number;
  readonly pageBytesMax: number;
  readonly proposalsPerNetwork: number;
  readonly proposalsPerMember: number;
  readonly proposalLifetimeMs: number;
}

export const productionLimits: Limits = {
  bodyBytesMax: 32_768,
  perAccount: { burst: 300, perSecond: 30 },
  perRemote: { burst: 5_000, perSecond: 500 },
  registrationsPerRemote: { burst: 500, perSecond: 1 },
  networksPerAccount: 16,
  logEntriesMax: 8_192,
  pageEntriesMax: 512,
  pageBytesMax: 1_048_576,
  proposalsPerNetwork: 64,
  proposalsPerMember: 16,
  proposalLifetimeMs: 7 * 86_400_000,
};
