import { ByteReader, type ByteWriter, malformed } from "@piccolo/bytes";

/** Reads the forms of TPM 2.0 Part 2 strictly: what does not fit the specification is `malformed`. */
export class TpmReader extends ByteReader {
  /** A TPM2B: bytes behind a 16-bit length of at most `max`. */
  tpm2b(max: number): Uint8Array {
    const length = this.u16();
    if (length > max) throw malformed(`a buffer of ${length} bytes is over its bound of ${max}`);
    return this.fixed(length);
  }

  /** A structure within a TPM2B, which it has to fill. */
  nested<T>(max: number, decode: (reader: TpmReader) => T): T {
    const reader = new TpmReader(this.tpm2b(max));
    const value = decode(reader);
    reader.end();
    return value;
  }

  /** A number that has only one value this package understands. */
  expect(found: number, wanted: number, what: string): void {
    if (found !== wanted) throw malformed(`${what} is 0x${found.toString(16)} instead of 0x${wanted.toString(16)}`);
  }
}

export function tpm2b(writer: ByteWriter, bytes: Uint8Array): ByteWriter {
  return writer.u16(bytes.length).raw(bytes);
}
