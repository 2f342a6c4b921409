/** Rows as bytes (docs/spec/metadata-content.md, 1): what digests are taken of and what snapshots are made of. */
import { fromUtf8, malformed, toUtf8 } from "@piccolo/bytes";
import assert from "node:assert/strict";

/** A value as the tables have it: none of them has a column of floating point numbers. */
export type Cell = null | number | string | Uint8Array;

const tags = { null: 0, positive: 1, negative: 2, text: 3, blob: 4 } as const;
/** Integers from 0 on that a tag stands for itself. */
const firstSmall = 16;
const smallIntegers = 256 - firstSmall;
export const largestCellBytes = 1024 * 1024;
const varintBytes = 8;

/** Writes into memory that it keeps: a view that was taken is valid until the next write. */
export class CellWriter {
  #bytes = new Uint8Array(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setUint32(this.#length, value);
    this.#length += 4;
  }

  /** ASCII of at most 255 bytes behind its length. */
  name(name: string): void {
    const bytes = toUtf8(name);
    assert.ok(bytes.length > 0 && bytes.length < 256);
    this.u8(bytes.length);
    this.#put(bytes);
  }

  cell(value: Cell): void {
    if (value === null) this.u8(tags.null);
    else if (typeof value === "number") this.#integer(value);
    else if (typeof value === "string") this.#sized(tags.text, toUtf8(value));
    else this.#sized(tags.blob, value);
  }

  /** What was written since the last `clear`. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  #integer(value: number): void {
    assert.ok(Number.isSafeInteger(value), "a table has a number that is no exact integer");
    if (value >= 0 && value < smallIntegers) return this.u8(firstSmall + value);
    this.u8(value < 0 ? tags.negative : tags.positive);
    this.#varint(value < 0 ? -1 - value : value);
  }

  #sized(tag: number, bytes: Uint8Array): void {
    assert.ok(bytes.length <= largestCellBytes, "a table has a value over the bound of snapshots");
    this.u8(tag);
    this.#varint(bytes.length);
    this.#put(bytes);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.u8((rest % 128) + 128);
    this.u8(rest);
  }

  #put(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length));
    grown.set(this.view());
    this.#bytes = grown;
  }
}

/** Reads strictly what `CellWriter` writes, from a source that gives its bytes piece by piece. Throws `malformed`. */
export class CellReader {
  readonly #next: () => Uint8Array | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** `next` gives the bytes that follow, never none; undefined at the end. */
  constructor(next: () => Uint8Array | undefined) {
    this.#next = next;
  }

  u8(): number {
    if (this.#at === this.#bytes.length) this.#fill(1);
    return this.#bytes[this.#at++] ?? 0;
  }

  u32(): number {
    const bytes = this.take(4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  }

  name(): string {
    return fromUtf8(this.take(this.u8()));
  }

  cell(): Cell {
    const tag = this.u8();
    if (tag >= firstSmall) return tag - firstSmall;
    switch (tag) {
      case tags.null:
        return null;
      case tags.positive: {
        const value = this.#varint();
        if (value < smallIntegers) throw malformed("an integer is longer than it need be");
        return value;
      }
      case tags.negative:
        return -1 - this.#varint();
      case tags.text:
        return fromUtf8(this.#sized());
      case tags.blob:
        return this.#sized().slice();
      default:
        throw malformed(`a cell has the unknown tag ${tag}`);
    }
  }

  /** A view that is valid until the next read. */
  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) this.#fill(length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  end(): void {
    if (this.#at < this.#bytes.length || this.#next() !== undefined) throw malformed("bytes are left over");
  }

  #sized(): Uint8Array {
    const length = this.#varint();
    if (length > largestCellBytes) throw malformed(`a value of ${length} bytes is over its bound`);
    return this.take(length);
  }

  #varint(): number {
    let value = 0;
    for (let at = 0, scale = 1; at < varintBytes; at++, scale *= 128) {
      const byte = this.u8();
      value += (byte % 128) * scale;
      if (byte >= 128) continue;
      if ((byte === 0 && at > 0) || !Number.isSafeInteger(value)) break;
      return value;
    }
    throw malformed("a number is longer than it need be, or too large");
  }

  #fill(length: number): void {
    const pieces = [this.#bytes.subarray(this.#at)];
    let have = this.#bytes.length - this.#at;
    while (have < length) {
      const piece = this.#next();
      if (piece === undefined) throw malformed("the content ends early");
      pieces.push(piece);
      have += piece.length;
    }
    this.#bytes = new Uint8Array(Buffer.concat(pieces));
    this.#at = 0;
  }
}
