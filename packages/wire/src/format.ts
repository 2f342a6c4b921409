/** The bounds of docs/spec/wire.md that both sides check, encoders by assertion and decoders by refusing. */

/** First byte of every message. */
export const wireFormat = 1;

export const maxFrameBytes = 65_536;

/** A fragment is never longer than one segment. */
export const maxBodyBytes = 8_388_608;

export const accountBytes = 32;
export const segmentIdBytes = 16;
export const hashBytes = 32;

export const maxHeaderBytes = 10_240;
/** Cells of the longest fragment. */
export const maxCells = 128;
export const maxRemovals = 256;
export const maxListing = 512;
export const maxStatusKeys = 1024;
export const maxRefusalTextBytes = 512;
