import { malformed } from "./reader.ts";

export function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw malformed("the text is not lower-case hexadecimal");
  return Uint8Array.fromHex(text);
}

/** RFC 4648 section 5, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Only the one canonical spelling is accepted, so that a value has one text. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.fromBase64(text, { alphabet: "base64url", lastChunkHandling: "loose" });
  } catch (cause) {
    throw malformed("the text is not base64url", cause);
  }
  if (toBase64Url(bytes) !== text) throw malformed("the text is not canonical base64url");
  return bytes;
}

const base32Alphabet = "abcdefghijklmnopqrstuvwxyz234567";

/** RFC 4648 section 6, lower case, without padding. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32Alphabet.charAt((buffer >>> bits) & 31);
    }
    buffer &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + base32Alphabet.charAt((buffer << (5 - bits)) & 31);
}

export function fromBase32(text: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.floor((text.length * 5) / 8));
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text) {
    const value = base32Alphabet.indexOf(letter);
    if (value < 0) throw malformed("the text is not base32");
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (buffer >>> bits) & 255;
    }
    buffer &= (1 << bits) - 1;
  }
  if (toBase32(out) !== text) throw malformed("the text is not canonical base32");
  return out;
}
