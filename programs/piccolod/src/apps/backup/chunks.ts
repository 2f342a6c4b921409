/** What a volume is cut into for its way into the storage network (docs/spec/app-backup.md, 1). */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { equalConstantTime, malformed } from "@piccolo/bytes";

export const chunkBytes = 2 * 1024 * 1024;
export const chunkHashBytes = 32;

const forms = { plain: 0, deflated: 1 } as const;
const nothing = Buffer.alloc(chunkBytes);
const deflated = promisify(deflateRaw);
const inflated = promisify(inflateRaw);

export function chunkHash(plain: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(plain).digest());
}

/** Zeros are not stored. */
export function isEmptyChunk(plain: Uint8Array): boolean {
  return nothing.compare(plain, 0, plain.length, 0, plain.length) === 0;
}

export function chunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** Of the chunk with that index in a volume: all have `chunkBytes` but the last. */
export function chunkLength(sizeBytes: number, index: number): number {
  return Math.min(chunkBytes, sizeBytes - index * chunkBytes);
}

/** What is stored of a chunk, whichever form is shorter. */
export async function packChunk(plain: Uint8Array): Promise<Uint8Array> {
  const short = await deflated(plain, { level: 1 });
  const [form, bytes] = short.length < plain.length ? [forms.deflated, short] : [forms.plain, plain];
  const packed = new Uint8Array(1 + bytes.length);
  packed[0] = form;
  packed.set(bytes, 1);
  return packed;
}

/** Throws `malformed` for what is no chunk of that length, or another one than the hash names. */
export async function unpackChunk(packed: Uint8Array, length: number, hash: Uint8Array): Promise<Uint8Array> {
  const plain = await unpacked(packed, length);
  if (plain.length !== length) throw malformed(`a chunk has ${plain.length} bytes instead of ${length}`);
  if (!equalConstantTime(chunkHash(plain), hash)) throw malformed("a chunk is not the one its hash names");
  return plain;
}

async function unpacked(packed: Uint8Array, length: number): Promise<Uint8Array> {
  const [form] = packed;
  const body = packed.subarray(1);
  if (form === forms.plain) return body;
  if (form !== forms.deflated) throw malformed("a chunk has neither of its forms");
  try {
    return await inflated(body, { maxOutputLength: length });
  } catch (cause) {
    throw malformed("a chunk cannot be inflated to its length", cause);
  }
}
