/** The bounds of docs/spec/metadata-log.md. */

export const headFormat = 1;
export const hashBytes = 32;
/** An encoded head has exactly so many bytes. */
export const headBytes = 270;
/** What one wire body carries. */
export const maxSealedBytes = 8_388_608;
/** The largest content of an entry: with padding and sealing it stays within `maxSealedBytes`. */
export const maxEntryPlainBytes = 8_126_000;
/** At most so many members, in order of joining, witness an owner's log. */
export const mostWitnesses = 12;

export const noHash = new Uint8Array(hashBytes);
