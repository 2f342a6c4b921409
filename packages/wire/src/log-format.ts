/** Bounds of the messages about logs, in docs/spec/wire.md. */

/** A signed head of the metadata log (docs/spec/metadata-log.md), which this package does not look into. */
export const maxHeadBytes = 512;
export const maxSlotBytes = 53_622;
export const locatorBytes = 32;
/** Entries of a metadata log in one answer. */
export const maxWitnessEntries = 64;
/** An entry of the membership log. */
export const maxMembershipEntryBytes = 16_384;
/** Entries of a membership log in one answer. */
export const maxMembershipEntries = 256;
export const maxMembershipBodyBytes = 1_048_576;
