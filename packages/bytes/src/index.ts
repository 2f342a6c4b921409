/** Encodings, strict binary reading and writing, comparison in constant time, and characters that deceive. */
export { concat, discard, equalConstantTime, fromUtf8, toUtf8 } from "./bytes.ts";
export { directionControls, lineSeparators, visibleCharacter } from "./characters.ts";
export { fromBase32, fromBase64Url, fromHex, toBase32, toBase64Url, toHex } from "./encodings.ts";
export { ByteReader, malformed } from "./reader.ts";
export { ByteWriter } from "./writer.ts";
