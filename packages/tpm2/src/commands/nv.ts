/** Commands about the TPM's own memory (Part 3, 31 Non-volatile Storage). */
import assert from "node:assert/strict";
import { ByteWriter, equalConstantTime, malformed } from "@piccolo/bytes";
import { type Command, type Entity, entity } from "../command.ts";
import { algorithms, commandCodes, permanentHandles } from "../constants.ts";
import { nameOf } from "../digests.ts";
import { tpm2b, TpmReader } from "../reader.ts";

/** TPMS_NV_PUBLIC (Part 2, 13.5) with SHA-256 as the name algorithm. */
export interface NvPublic {
  readonly handle: number;
  /** TPMA_NV bits. The TPM adds `written` with the first write, which changes the name. */
  readonly attributes: number;
  readonly authPolicy: Uint8Array;
  readonly sizeBytes: number;
}

const nvPublicBytesMax = 80;
const nvBytesMax = 2048;
const noBytes = new Uint8Array(0);
/** A handle that names nothing is an index that is not defined. */
const absent = { HANDLE: "tpm-nv-missing" } as const;

export function encodeNvPublic(index: NvPublic): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u32(index.handle).u16(algorithms.sha256).u32(index.attributes);
  return tpm2b(writer, index.authPolicy).u16(index.sizeBytes).finish();
}

function readNvPublic(reader: TpmReader): NvPublic {
  const handle = reader.u32();
  reader.expect(reader.u16(), algorithms.sha256, "the index's name algorithm");
  const attributes = reader.u32();
  const authPolicy = reader.tpm2b(32);
  if (authPolicy.length !== 0 && authPolicy.length !== 32) throw malformed("a policy has neither 0 nor 32 bytes");
  const sizeBytes = reader.u16();
  if (sizeBytes > nvBytesMax) throw malformed("an index is larger than 2 KiB");
  return { handle, attributes, authPolicy, sizeBytes };
}

export function decodeNvPublic(bytes: Uint8Array): NvPublic {
  const reader = new TpmReader(bytes);
  const index = readNvPublic(reader);
  reader.end();
  return index;
}

export function nvName(index: NvPublic): Uint8Array<ArrayBuffer> {
  return nameOf(encodeNvPublic(index));
}

export function nvEntity(index: NvPublic): Entity {
  return { handle: index.handle, name: nvName(index) };
}

const owner = entity(permanentHandles.owner);
const nothing = (): void => undefined;

/** TPM2_NV_DefineSpace (31.3), by the owner, with an empty authorization value. */
export function nvDefineSpace(index: NvPublic): Command<void> {
  const parameters = tpm2b(tpm2b(new ByteWriter(), noBytes), encodeNvPublic(index)).finish();
  return {
    name: "nvDefineSpace",
    code: commandCodes.nvDefineSpace,
    entities: [owner],
    authorized: 1,
    parameters,
    decode: nothing,
  };
}

/** TPM2_NV_UndefineSpace (31.4), by the owner. */
export function nvUndefineSpace(index: Entity): Command<void> {
  return {
    name: "nvUndefineSpace",
    code: commandCodes.nvUndefineSpace,
    entities: [owner, index],
    authorized: 1,
    parameters: noBytes,
    meanings: absent,
    decode: nothing,
  };
}

/**
 * TPM2_NV_ReadPublic (31.6). A session's proof would take the name, which is what is asked for; so the answer is proven
 * by what follows it, such as a read in a session.
 */
export function nvReadPublic(handle: number): Command<NvPublic> {
  return {
    name: "nvReadPublic",
    code: commandCodes.nvReadPublic,
    entities: [entity(handle)],
    authorized: 0,
    parameters: noBytes,
    meanings: absent,
    decode: (reader) => {
      const index = reader.nested(nvPublicBytesMax, readNvPublic);
      if (index.handle !== handle) throw malformed("the TPM answers for another index");
      if (!equalConstantTime(reader.tpm2b(34), nvName(index))) throw malformed("the index's name does not fit it");
      return { ...index, authPolicy: index.authPolicy.slice() };
    },
  };
}

export interface NvRange {
  readonly offset: number;
  readonly bytes: number;
}

/** TPM2_NV_Read (31.13). `by` is the index itself (authRead) or the owner (ownerRead). */
export function nvRead(by: Entity, index: Entity, { offset, bytes }: NvRange): Command<Uint8Array> {
  return {
    name: "nvRead",
    code: commandCodes.nvRead,
    entities: [by, index],
    authorized: 1,
    parameters: new ByteWriter().u16(bytes).u16(offset).finish(),
    meanings: absent,
    decode: (reader) => {
      const data = reader.tpm2b(nvBytesMax);
      reader.expect(data.length, bytes, "the length of what an index holds");
      return data;
    },
  };
}

/** TPM2_NV_Write (31.7), of at most 1 KiB. `by` is the index itself (authWrite) or the owner (ownerWrite). */
export function nvWrite(by: Entity, index: Entity, offset: number, data: Uint8Array): Command<void> {
  assert.ok(data.length <= 1024);
  return {
    name: "nvWrite",
    code: commandCodes.nvWrite,
    entities: [by, index],
    authorized: 1,
    parameters: tpm2b(new ByteWriter(), data).u16(offset).finish(),
    meanings: absent,
    decode: nothing,
  };
}

/**
 * TPM2_NV_Increment (31.8), of a counter. The first one of a new counter starts it above every value that any counter of
 * this TPM ever had.
 */
export function nvIncrement(by: Entity, index: Entity): Command<void> {
  return {
    name: "nvIncrement",
    code: commandCodes.nvIncrement,
    entities: [by, index],
    authorized: 1,
    parameters: noBytes,
    meanings: absent,
    decode: nothing,
  };
}
