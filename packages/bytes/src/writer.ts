import assert from "node:assert/strict";

/** Builds the big-endian binary forms that `ByteReader` reads. Values out of range are bugs of the caller. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** The view may be another one afterwards, so it is read only after this. */
  #reserve(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    assert.ok(Number.isInteger(value) && value >= 0 && value <= 0xff);
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    assert.ok(Number.isInteger(value) && value >= 0 && value <= 0xffff);
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    assert.ok(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff);
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u64(value: number): this {
    assert.ok(Number.isSafeInteger(value) && value >= 0);
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt(value));
    return this;
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  /** Bytes whose length the form fixes. */
  fixed(bytes: Uint8Array, length: number): this {
    assert.equal(bytes.length, length);
    return this.raw(bytes);
  }

  /** Bytes behind a 32-bit length. */
  sized(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** The bytes so far, as a copy of their own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}
