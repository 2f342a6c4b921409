/** As much of DER (X.690) as a signed firmware variable needs. */
import { concat, malformed } from "@piccolo/bytes";

export const tags = { integer: 0x02, bytes: 0x04, null: 0x05, object: 0x06, sequence: 0x30, set: 0x31, context0: 0xa0 };

const longLength = 0x80;
const lengthBytesMax = 3;

export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(...contents);
  if (content.length < longLength) return concat(new Uint8Array([tag, content.length]), content);
  const length: number[] = [];
  for (let left = content.length; left > 0; left = Math.floor(left / 256)) length.unshift(left % 256);
  return concat(new Uint8Array([tag, longLength | length.length, ...length]), content);
}

export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

/** The elements that follow each other in `bytes`, which has nothing else. */
export function readDer(bytes: Uint8Array): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length;) {
    const [tag, first] = [bytes[at], bytes[at + 1]];
    if (tag === undefined || first === undefined) throw malformed("a DER element ends within its head");
    let [length, head] = [first, 2];
    if (first >= longLength) {
      const count = first - longLength;
      if (count === 0 || count > lengthBytesMax) throw malformed("the length of a DER element has a form DER has not");
      const digits = bytes.subarray(at + 2, at + 2 + count);
      length = digits.reduce((value, digit) => value * 256 + digit, 0);
      head = 2 + count;
      if (digits[0] === 0 || length < longLength) throw malformed("the length of a DER element is not the shortest");
    }
    const end = at + head + length;
    if (end > bytes.length) throw malformed("a DER element is longer than what holds it");
    elements.push({ tag, content: bytes.subarray(at + head, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return elements;
}

export interface CertificateName {
  /** Both with tag and length, as they stand in the certificate. */
  readonly issuer: Uint8Array;
  readonly serial: Uint8Array;
}

/** How a signature names the certificate of who made it. */
export function nameOfCertificate(certificate: Uint8Array): CertificateName {
  const [outer, more] = readDer(certificate);
  const [signed] = readDer(outer?.content ?? new Uint8Array());
  const fields = readDer(signed?.content ?? new Uint8Array());
  // Version 1, which leaves the version out, has no extensions and is in no use here.
  const [version, serial, , issuer] = fields;
  if (
    more !== undefined ||
    version?.tag !== tags.context0 ||
    serial?.tag !== tags.integer ||
    issuer?.tag !== tags.sequence
  ) {
    throw malformed("this is no X.509 certificate of version 3");
  }
  return { issuer: issuer.whole, serial: serial.whole };
}
