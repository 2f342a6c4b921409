/** The numbers of TPM 2.0 Part 2 (Structures) that this package uses. Names follow the specification's, shortened. */

/** TPM_ST (6.9). */
export const tags = {
  noSessions: 0x8001,
  sessions: 0x8002,
  creation: 0x8021,
  verified: 0x8022,
  hashCheck: 0x8024,
  attestQuote: 0x8018,
} as const;

/** TPM_ALG_ID (6.3). */
export const algorithms = {
  rsa: 0x0001,
  hmac: 0x0005,
  aes: 0x0006,
  keyedHash: 0x0008,
  sha256: 0x000b,
  null: 0x0010,
  rsaSsa: 0x0014,
  ecdsa: 0x0018,
  ecc: 0x0023,
  cfb: 0x0043,
} as const;

/** TPM_ECC_NIST_P256 (6.4). */
export const curveP256 = 0x0003;

/** TPM_CC (6.5.2). */
export const commandCodes = {
  nvUndefineSpace: 0x0000_0122,
  clear: 0x0000_0126,
  nvDefineSpace: 0x0000_012a,
  createPrimary: 0x0000_0131,
  nvIncrement: 0x0000_0134,
  nvWrite: 0x0000_0137,
  dictionaryAttackLockReset: 0x0000_0139,
  dictionaryAttackParameters: 0x0000_013a,
  pcrReset: 0x0000_013d,
  startup: 0x0000_0144,
  shutdown: 0x0000_0145,
  activateCredential: 0x0000_0147,
  policyNv: 0x0000_0149,
  nvRead: 0x0000_014e,
  policySecret: 0x0000_0151,
  create: 0x0000_0153,
  load: 0x0000_0157,
  quote: 0x0000_0158,
  unseal: 0x0000_015e,
  flushContext: 0x0000_0165,
  loadExternal: 0x0000_0167,
  nvReadPublic: 0x0000_0169,
  policyAuthorize: 0x0000_016a,
  policyAuthValue: 0x0000_016b,
  policyCommandCode: 0x0000_016c,
  policyOr: 0x0000_0171,
  readPublic: 0x0000_0173,
  startAuthSession: 0x0000_0176,
  verifySignature: 0x0000_0177,
  getCapability: 0x0000_017a,
  getRandom: 0x0000_017b,
  hash: 0x0000_017d,
  pcrRead: 0x0000_017e,
  policyPcr: 0x0000_017f,
  pcrExtend: 0x0000_0182,
  policyGetDigest: 0x0000_0189,
} as const;

/** TPM_RH (7.4). */
export const permanentHandles = {
  owner: 0x4000_0001,
  null: 0x4000_0007,
  password: 0x4000_0009,
  lockout: 0x4000_000a,
  endorsement: 0x4000_000b,
  platform: 0x4000_000c,
} as const;

/** Indexes of the certificates of endorsement keys, by the key's template (TCG EK Credential Profile 2.5, 2.2.1.4 and 2.2.1.5). */
export const endorsementCertificates = { "rsa-2048": 0x01c0_0002, "ecc-p256": 0x01c0_000a } as const;

/** First handle of a range (TPM_HT, 7.2): PCRs, NV indexes, those of the TCG among them, loaded sessions, transient objects. */
export const handleRanges = {
  pcr: 0x0000_0000,
  nvIndex: 0x0100_0000,
  tcgIndex: 0x01c0_0000,
  loadedSession: 0x0200_0000,
  savedSession: 0x0300_0000,
  transient: 0x8000_0000,
} as const;

/** TPMA_OBJECT (8.3). */
export const objectAttributes = {
  fixedTpm: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDa: 1 << 10,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const;

/** TPMA_NV (13.4). */
export const nvAttributes = {
  ownerWrite: 1 << 1,
  authWrite: 1 << 2,
  policyWrite: 1 << 3,
  /** TPM_NT_COUNTER in the field of the index's type (13.3). */
  counter: 1 << 4,
  ownerRead: 1 << 17,
  authRead: 1 << 18,
  policyRead: 1 << 19,
  noDa: 1 << 25,
  written: 1 << 29,
} as const;

/** TPMA_SESSION (8.4). */
export const sessionAttributes = { continueSession: 0x01, decrypt: 0x20, encrypt: 0x40, audit: 0x80 } as const;

/** TPM_SE (6.11). */
export const sessionTypes = { hmac: 0x00, policy: 0x01, trial: 0x03 } as const;

/** TPM_SU (6.10). */
export const startupTypes = { clear: 0x0000, state: 0x0001 } as const;

/** TPM_EO (6.8): how PolicyNV compares what the index holds with the operand. */
export const comparisons = {
  equal: 0x0000,
  notEqual: 0x0001,
  unsignedGreater: 0x0003,
  unsignedLess: 0x0005,
  unsignedGreaterOrEqual: 0x0007,
  unsignedLessOrEqual: 0x0009,
} as const;

export type Comparison = (typeof comparisons)[keyof typeof comparisons];

/** TPM_CAP (6.12). */
export const capabilities = { handles: 0x0000_0001, properties: 0x0000_0006 } as const;

/** TPM_PT (6.13). */
export const properties = {
  manufacturer: 0x0000_0105,
  vendorString: 0x0000_0106,
  firmwareVersion1: 0x0000_010b,
  firmwareVersion2: 0x0000_010c,
  permanent: 0x0000_0200,
  startupClear: 0x0000_0201,
  lockoutCounter: 0x0000_020e,
  maxAuthFail: 0x0000_020f,
} as const;

/** TPMA_PERMANENT (8.6): the bit that says that dictionary attack protection holds back authorizations. */
export const inLockoutBit = 1 << 9;

export const digestBytes = 32;
/** Size of the largest command and response this package sends and takes; swtpm and chips use 4096. */
export const frameBytesMax = 4096;
