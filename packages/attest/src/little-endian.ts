import { ByteReader, malformed } from "@piccolo/bytes";

/** Reads what firmware writes: little-endian, and otherwise as strict as its parent. */
export class LittleEndianReader extends ByteReader {
  #view(length: number): DataView {
    const bytes = this.fixed(length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  override u16(): number {
    return this.#view(2).getUint16(0, true);
  }

  override u32(): number {
    return this.#view(4).getUint32(0, true);
  }

  override u64(): number {
    const value = this.#view(8).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed("the number is larger than 2^53 - 1");
    return Number(value);
  }

  /** Bytes behind a 64-bit length of at most `max`. */
  override sized(max: number): Uint8Array {
    const length = this.u32();
    if (length > max) throw malformed(`a field of ${length} bytes is over its bound of ${max}`);
    return this.fixed(length);
  }
}

/** A GUID of UEFI as it is written: its first three fields are little-endian. */
export function readGuid(reader: LittleEndianReader): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const head = `${hex(reader.u32(), 8)}-${hex(reader.u16(), 4)}-${hex(reader.u16(), 4)}`;
  const tail = [...reader.fixed(8)].map((byte) => hex(byte, 2)).join("");
  return `${head}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

/** UTF-16LE without a final NUL. Lone surrogates and NULs within are `malformed`. */
export function fromUtf16(bytes: Uint8Array): string {
  if (bytes.length % 2 !== 0) throw malformed("a UTF-16 text has an odd number of bytes");
  let text = "";
  for (let at = 0; at < bytes.length; at += 2)
    text += String.fromCharCode((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
  if (!text.isWellFormed() || text.includes("\0")) throw malformed("a UTF-16 text is not well formed");
  return text;
}

export function toUtf16(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < text.length; at += 1) view.setUint16(at * 2, text.charCodeAt(at), true);
  return bytes;
}
