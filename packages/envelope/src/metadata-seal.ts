import assert from "node:assert/strict";
import { ByteWriter, concat, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { accountBytes } from "./account.ts";
import { committedSealBytes, openCommitted, sealCommitted, sealSaltBytes } from "./committed-seal.ts";
import { envelopeFaults } from "./faults.ts";
import { pad, sizeClass, unpad } from "./padding.ts";
import { definePurpose } from "./statement.ts";

/** What signs a head of the metadata log; its body is defined in docs/spec/metadata-log.md, its signer is the device key. */
export const metadataHead = definePurpose("metadata-head", "required");

export const metadataHashBytes = 32;
/** The largest entry that is sealed in one piece. */
export const metadataPlainBytesMax = 8 * 1024 * 1024;

const format = 1;
const label = "piccolo/slots/v1/metadata";
const kinds = { delta: 1, checkpoint: 2 } as const;

/** Which entry of whose metadata log; a reader takes it from a signed head, never from the sealed bytes. */
export interface MetadataContext {
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** Key epoch, from 1. */
  readonly epoch: number;
  /** Place in the log, from 1. */
  readonly sequence: number;
  readonly kind: keyof typeof kinds;
  readonly schemaVersion: number;
  /** Hash (32 bytes) of the entry before. */
  readonly previousHash: Uint8Array;
}

/** The size of what `sealMetadata` gives for so many bytes. */
export function sealedMetadataBytes(plainBytes: number): number {
  return 1 + sealSaltBytes + committedSealBytes + sizeClass(4 + plainBytes);
}

export const sealedMetadataBytesMax = sealedMetadataBytes(metadataPlainBytesMax);

function infoOf({ account, epoch, sequence }: MetadataContext): Uint8Array {
  return new ByteWriter().raw(toUtf8(label)).fixed(account, accountBytes).u32(epoch).u64(sequence).finish();
}

function associatedDataOf(context: MetadataContext): Uint8Array {
  return new ByteWriter()
    .u8(format)
    .fixed(context.account, accountBytes)
    .u32(context.epoch)
    .u64(context.sequence)
    .u8(kinds[context.kind])
    .u32(context.schemaVersion)
    .fixed(context.previousHash, metadataHashBytes)
    .finish();
}

/** Seals and pads one entry under a key of its own; `metadataKey` (32 bytes) stays the caller's. */
export function sealMetadata(
  metadataKey: Uint8Array,
  context: MetadataContext,
  plain: Uint8Array,
  world: World,
): Uint8Array {
  assert.ok(plain.length <= metadataPlainBytesMax);
  const salt = world.randomBytes(sealSaltBytes);
  const padded = pad(plain);
  const sealed = sealCommitted(
    { key: metadataKey, salt, info: infoOf(context), associatedData: associatedDataOf(context) },
    padded,
  );
  padded.fill(0);
  return concat(new Uint8Array([format]), salt, sealed);
}

/** Throws `damaged-metadata` where key, context and bytes do not fit together; nothing opened is kept then. */
export function openMetadata(metadataKey: Uint8Array, context: MetadataContext, bytes: Uint8Array): Uint8Array {
  if (bytes.length <= 1 + sealSaltBytes || bytes.length > sealedMetadataBytesMax || bytes[0] !== format) {
    throw damaged(context);
  }
  const padded = openCommitted(
    {
      key: metadataKey,
      salt: bytes.subarray(1, 1 + sealSaltBytes),
      info: infoOf(context),
      associatedData: associatedDataOf(context),
    },
    bytes.subarray(1 + sealSaltBytes),
  );
  const plain = padded === undefined ? undefined : unpad(padded);
  padded?.fill(0);
  if (plain === undefined) throw damaged(context);
  return plain;
}

function damaged({ sequence, kind }: MetadataContext): Error {
  return envelopeFaults.fault(
    "damaged-metadata",
    `${kind} ${sequence} of the metadata log does not open: fetch it from another witness`,
    { details: { sequence, kind } },
  );
}
