import assert from "node:assert/strict";
import { ByteReader } from "@piccolo/bytes";

const smallStep = 64;
const smallMax = 1024;
const lengthBytes = 4;

/**
 * The size class of a padded text: multiples of 64 bytes up to 1 KiB, then 16 classes between a power of two and the
 * next, so that padding adds at most 63 bytes or a sixteenth.
 */
export function sizeClass(bytes: number): number {
  assert.ok(Number.isSafeInteger(bytes) && bytes >= 0 && bytes <= 2 ** 31);
  const step = bytes <= smallMax ? smallStep : 2 ** Math.floor(Math.log2(bytes - 1)) / 16;
  return Math.max(smallStep, Math.ceil(bytes / step) * step);
}

/** u32 length ‖ text ‖ zeros, up to the size class. */
export function pad(plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(sizeClass(lengthBytes + plain.length));
  new DataView(padded.buffer).setUint32(0, plain.length);
  padded.set(plain, lengthBytes);
  return padded;
}

/** The text within, as a copy; undefined where length, class or zeros are not as `pad` makes them. */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  if (padded.length < lengthBytes) return undefined;
  const reader = new ByteReader(padded);
  const length = reader.u32();
  if (length > reader.remaining || sizeClass(lengthBytes + length) !== padded.length) return undefined;
  const plain = new Uint8Array(reader.fixed(length));
  return reader.rest().every((byte) => byte === 0) ? plain : undefined;
}
