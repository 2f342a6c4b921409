/** The few forms of DER (X.690) that certificates of ours are made of. */
import { concat, toUtf8 } from "@piccolo/bytes";

/** Tag, length, content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = concat(...content);
  const { length } = bytes;
  if (length < 128) return concat(Uint8Array.of(tag, length), bytes);
  if (length < 256) return concat(Uint8Array.of(tag, 0x81, length), bytes);
  return concat(Uint8Array.of(tag, 0x82, length >> 8, length & 255), bytes);
}

export const sequence = (...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => der(0x30, ...content);
export const octets = (content: Uint8Array): Uint8Array<ArrayBuffer> => der(0x04, content);
export const bits = (content: Uint8Array, unused = 0): Uint8Array<ArrayBuffer> =>
  der(0x03, Uint8Array.of(unused), content);
export const yes = Uint8Array.fromHex("0101ff");

/** A number above zero from its bytes, which get a zero before them where the first bit is set. */
export function integer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const first = bytes[0] ?? 0;
  return der(0x02, first > 127 ? concat(Uint8Array.of(0), bytes) : bytes);
}

/** An object identifier, given as the hexadecimal of its content. */
export const oid = (hex: string): Uint8Array<ArrayBuffer> => der(0x06, Uint8Array.fromHex(hex));

/** A name with a common name only, UTF8String. */
export function name(commonName: string): Uint8Array<ArrayBuffer> {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, toUtf8(commonName)))));
}

/** UTCTime for years before 2050, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function time(ms: number): Uint8Array<ArrayBuffer> {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return text < "2050" ? der(0x17, toUtf8(text.slice(2))) : der(0x18, toUtf8(text));
}

export function pem(label: string, content: Uint8Array): string {
  const lines = content.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
