import { Fault } from "@piccolo/fault";

/** The fault of every strict decoder: the bytes came from outside and do not have the form the spec gives. */
export function malformed(message: string, cause?: unknown): Fault<"malformed"> {
  return new Fault("malformed", "never", message, cause === undefined ? {} : { cause });
}

/**
 * Reads big-endian binary forms strictly: a value past the end, a length over its bound and bytes left over are
 * `malformed`. Slices are views of the input, not copies.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(length: number): number {
    if (length > this.remaining) throw malformed(`the input ends ${length - this.remaining} bytes early`);
    const at = this.#at;
    this.#at += length;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** An unsigned 64-bit value within JavaScript's exact integers. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed("the number is larger than 2^53 - 1");
    return Number(value);
  }

  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw malformed("a truth value is neither 0 nor 1");
    return value === 1;
  }

  fixed(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Bytes behind a 32-bit length of at most `max`. */
  sized(max: number): Uint8Array {
    const length = this.u32();
    if (length > max) throw malformed(`a field of ${length} bytes is over its bound of ${max}`);
    return this.fixed(length);
  }

  rest(): Uint8Array {
    return this.fixed(this.remaining);
  }

  end(): void {
    if (this.remaining !== 0) throw malformed(`${this.remaining} bytes are left over`);
  }
}
