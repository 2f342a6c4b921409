import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { ByteWriter, discard } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { envelopeFaults } from "./faults.ts";
import { versionIdBytes } from "./fek.ts";
import { deriveKey } from "./key-tree.ts";

/** Plaintext bytes of every chunk but the last. */
export const chunkPlainBytes = 65_520;
/** A full chunk with its tag: 64 KiB, one cell of the erasure code. */
export const chunkSealedBytes = 65_536;
export const chunkTagBytes = 16;
export const extentSaltBytes = 16;

const format = 1;

/** Which extent of which version is sealed, and under which key. */
export interface ExtentContext {
  /** 32 bytes; stays the caller's. */
  readonly fek: Uint8Array;
  /** 16 bytes. */
  readonly versionId: Uint8Array;
  /** Position of the extent in its version, from 0. */
  readonly ordinal: number;
}

/** How many chunks an extent of so many plaintext bytes has: at least one. */
export function chunkCount(plainBytes: number): number {
  return Math.max(1, Math.ceil(plainBytes / chunkPlainBytes));
}

/** The sealed size of an extent of so many plaintext bytes. */
export function sealedLength(plainBytes: number): number {
  return plainBytes + chunkCount(plainBytes) * chunkTagBytes;
}

function extentKey(fek: Uint8Array, salt: Uint8Array): KeyObject {
  assert.equal(salt.length, extentSaltBytes);
  const key = deriveKey(fek, "extent", salt);
  const object = createSecretKey(key);
  key.fill(0);
  return object;
}

function associatedData({ versionId, ordinal }: ExtentContext): Uint8Array {
  return new ByteWriter().u8(format).fixed(versionId, versionIdBytes).u32(ordinal).u32(chunkPlainBytes).finish();
}

/** Seven zero bytes, the chunk index in 32 bits, the last flag: every chunk of an extent has its own nonce. */
class ChunkNonce {
  readonly bytes = new Uint8Array(12);
  readonly #view = new DataView(this.bytes.buffer);

  at(index: number, last: boolean): Uint8Array {
    this.#view.setUint32(7, index);
    this.#view.setUint8(11, last ? 1 : 0);
    return this.bytes;
  }
}

/** Seals one extent, chunk after chunk. */
export interface ExtentSealer {
  /** The fresh salt (16 bytes) this extent is sealed under; it goes into the metadata. */
  readonly salt: Uint8Array;
  /**
   * Seals chunk `index` into the front of `out` and returns the bytes written (plaintext and 16). Chunks come in order,
   * each `chunkPlainBytes` long but the last, so that no index is ever sealed twice under one salt.
   */
  sealChunk(index: number, last: boolean, plain: Uint8Array, out: Uint8Array): number;
}

class SaltedSealer implements ExtentSealer {
  readonly salt: Uint8Array;
  readonly #key: KeyObject;
  readonly #aad: Uint8Array;
  readonly #nonce = new ChunkNonce();
  #next = 0;
  #ended = false;

  constructor(context: ExtentContext, salt: Uint8Array) {
    this.salt = salt;
    this.#key = extentKey(context.fek, salt);
    this.#aad = associatedData(context);
  }

  sealChunk(index: number, last: boolean, plain: Uint8Array, out: Uint8Array): number {
    assert.ok(!this.#ended && index === this.#next, "chunks are sealed once, in order");
    const lengthFits = last ? plain.length <= chunkPlainBytes : plain.length === chunkPlainBytes;
    assert.ok(lengthFits && (plain.length > 0 || index === 0), "a chunk of a wrong length");
    const sealedBytes = plain.length + chunkTagBytes;
    assert.ok(out.length >= sealedBytes, "no room for the sealed chunk");
    this.#next++;
    this.#ended = last;
    const cipher = createCipheriv("aes-256-gcm", this.#key, this.#nonce.at(index, last), {
      authTagLength: chunkTagBytes,
    });
    cipher.setAAD(this.#aad);
    const sealed = cipher.update(plain);
    out.set(sealed);
    discard(sealed);
    cipher.final();
    out.set(cipher.getAuthTag(), plain.length);
    return sealedBytes;
  }
}

/** Starts a new extent under a salt of its own, drawn from the world. */
export function createExtentSealer(context: ExtentContext & { readonly world: World }): ExtentSealer {
  return new SaltedSealer(context, context.world.randomBytes(extentSaltBytes));
}

/** Seals a whole extent that is already in memory. */
export function sealExtent(
  context: ExtentContext & { readonly world: World },
  plain: Uint8Array,
): { readonly salt: Uint8Array; readonly sealed: Uint8Array } {
  const sealer = createExtentSealer(context);
  const sealed = new Uint8Array(sealedLength(plain.length));
  const count = chunkCount(plain.length);
  for (let index = 0; index < count; index++) {
    const part = plain.subarray(index * chunkPlainBytes, (index + 1) * chunkPlainBytes);
    sealer.sealChunk(index, index === count - 1, part, sealed.subarray(index * chunkSealedBytes));
  }
  return { salt: sealer.salt, sealed };
}

/** Opens chunks of one extent in any order. */
export interface ExtentOpener {
  /** How many chunks the extent has. */
  readonly chunks: number;
  /**
   * The plaintext of chunk `index` from its sealed bytes, `chunkSealedBytes` of them but for the last chunk; fresh memory.
   * Throws `damaged-content`, and then no plaintext is released.
   */
  openChunk(index: number, sealed: Uint8Array): Uint8Array;
}

class LengthCheckedOpener implements ExtentOpener {
  readonly chunks: number;
  readonly #context: ExtentContext;
  readonly #plainBytes: number;
  readonly #key: KeyObject;
  readonly #aad: Uint8Array;
  readonly #nonce = new ChunkNonce();

  constructor(context: ExtentContext, salt: Uint8Array, plainBytes: number) {
    assert.ok(Number.isSafeInteger(plainBytes) && plainBytes >= 0);
    this.chunks = chunkCount(plainBytes);
    assert.ok(this.chunks <= 0xffff_ffff);
    this.#context = { ...context };
    this.#plainBytes = plainBytes;
    this.#key = extentKey(context.fek, salt);
    this.#aad = associatedData(context);
  }

  openChunk(index: number, sealed: Uint8Array): Uint8Array {
    assert.ok(Number.isInteger(index) && index >= 0 && index < this.chunks);
    const last = index === this.chunks - 1;
    const plainBytes = last ? this.#plainBytes - index * chunkPlainBytes : chunkPlainBytes;
    if (sealed.length !== plainBytes + chunkTagBytes) {
      throw this.#damaged(index, `has ${sealed.length} bytes instead of ${plainBytes + chunkTagBytes}`);
    }
    const decipher = createDecipheriv("aes-256-gcm", this.#key, this.#nonce.at(index, last), {
      authTagLength: chunkTagBytes,
    });
    decipher.setAAD(this.#aad);
    decipher.setAuthTag(sealed.subarray(plainBytes));
    const plain = decipher.update(sealed.subarray(0, plainBytes));
    try {
      decipher.final();
    } catch (cause) {
      plain.fill(0);
      throw this.#damaged(index, "does not open", cause);
    }
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
  }

  #damaged(index: number, problem: string, cause?: unknown): Error {
    return envelopeFaults.fault(
      "damaged-content",
      `chunk ${index} of extent ${this.#context.ordinal} ${problem}: read it again from other holders`,
      { cause, details: { ordinal: this.#context.ordinal, chunk: index } },
    );
  }
}

/** `plainBytes` is the extent's plaintext length that the metadata authenticates. */
export function createExtentOpener(
  context: ExtentContext & { readonly salt: Uint8Array; readonly plainBytes: number },
): ExtentOpener {
  return new LengthCheckedOpener(context, context.salt, context.plainBytes);
}

/** Opens a whole extent. Throws `damaged-content`, also where bytes are missing or left over. */
export function openExtent(
  context: ExtentContext & { readonly salt: Uint8Array; readonly plainBytes: number },
  sealed: Uint8Array,
): Uint8Array {
  const expected = sealedLength(context.plainBytes);
  if (sealed.length !== expected) {
    throw envelopeFaults.fault(
      "damaged-content",
      `extent ${context.ordinal} has ${sealed.length} bytes instead of ${expected}: read it again from other holders`,
      { details: { ordinal: context.ordinal } },
    );
  }
  const opener = createExtentOpener(context);
  const plain = new Uint8Array(context.plainBytes);
  for (let index = 0; index < opener.chunks; index++) {
    const part = sealed.subarray(index * chunkSealedBytes, (index + 1) * chunkSealedBytes);
    plain.set(opener.openChunk(index, part), index * chunkPlainBytes);
  }
  return plain;
}
