/**
 * Every code by which a device says why its volume is closed, or why nothing may be typed into it: `reasons` of a status in
 * the phase `closed`. A portal has words for each of them.
 */
export const closedCodes = [
  // The machine, and how it was started.
  "secure-boot-off",
  "no-uefi",
  "start-not-trusted",
  "start-keys-of-others",
  "start-keys-unknown",
  "start-weakened",
  "boot-state-unreadable",
  "release-too-old",
  "closed",
  // The volume, and the record outside it.
  "not-installed",
  "no-owner-yet",
  "ask-at-boot",
  "record-missing",
  "record-damaged",
  "record-was-older",
  "volume-missing",
  "volume-damaged",
  "volume-two-partitions",
  "volume-wrong-key",
  "volume-backend",
  "volume-unavailable",
  "volume-busy",
  "state-damaged",
  "state-in-use",
  // What is in the volume.
  "database-too-new",
  "database-damaged",
  "identity-damaged",
  // The security chip.
  "tpm-missing",
  "tpm-timeout",
  "tpm-superseded",
  "tpm-window-closed",
  "tpm-lockout",
  "tpm-policy",
  "tpm-auth",
  "tpm-other-chip",
  "tpm-full",
  "tpm-busy",
  "tpm-not-started",
  "tpm-nv-missing",
  "tpm-nv-defined",
  "tpm-refused",
  "tpm-failed",
  "tpm-malformed",
  "tpm-tampered",
] as const;

export type ClosedReasonCode = (typeof closedCodes)[number];
