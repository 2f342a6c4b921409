/** Commands about objects (Part 3: 11 Session, 12 Object, 24.1 CreatePrimary, 28.4 FlushContext). */
import assert from "node:assert/strict";
import { ByteWriter, concat, equalConstantTime, malformed } from "@piccolo/bytes";
import { type Command, type Entity, entity } from "../command.ts";
import { algorithms, commandCodes, frameBytesMax, permanentHandles, sessionTypes, tags } from "../constants.ts";
import { sha256 } from "../digests.ts";
import { encodePublic, type PublicArea, publicBytesMax, publicName, readPublic } from "../public-area.ts";
import { tpm2b, type TpmReader } from "../reader.ts";
import { nonceBytes } from "../session.ts";

const noBytes = new Uint8Array(0);
export const nameBytesMax = 34;
/** A TPM2B_PRIVATE is never longer than this. */
export const privateBytesMax = 1024;

/** An object in the TPM. */
export interface LoadedObject extends Entity {
  readonly publicArea: PublicArea;
}

/** An object as its parent wraps it: only the same TPM, and only until it is cleared, loads it. */
export interface WrappedObject {
  readonly publicArea: PublicArea;
  readonly wrapped: Uint8Array;
}

/** A TPM2B_SENSITIVE_CREATE (Part 2, 11.1.16), a copy of its own to be erased. */
function sensitiveCreate(authValue: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(6 + authValue.length + data.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, out.length - 2);
  view.setUint16(2, authValue.length);
  out.set(authValue, 4);
  view.setUint16(4 + authValue.length, data.length);
  out.set(data, 6 + authValue.length);
  return out;
}

interface NewObject {
  readonly template: PublicArea;
  readonly authValue?: Uint8Array;
  readonly data?: Uint8Array;
}

function creationParameters({ template, authValue = noBytes, data = noBytes }: NewObject): Uint8Array<ArrayBuffer> {
  const sensitive = sensitiveCreate(authValue, data);
  // No data from outside, and no PCRs in the creation data: nobody reads it.
  const rest = tpm2b(tpm2b(new ByteWriter(), encodePublic(template)), noBytes)
    .u32(0)
    .finish();
  const parameters = concat(sensitive, rest);
  sensitive.fill(0);
  return parameters;
}

/** The creation data is not used, but an answer in which it does not fit its digest was damaged. */
function readCreation(reader: TpmReader): void {
  const data = reader.tpm2b(frameBytesMax);
  if (!equalConstantTime(sha256(data), reader.tpm2b(64))) throw malformed("the creation data has another digest");
  reader.expect(reader.u16(), tags.creation, "the creation ticket's tag");
  reader.u32();
  reader.tpm2b(64);
}

/** The TPM returns what the template asked for, with the unique part filled in. */
function expectTemplate(area: PublicArea, template: PublicArea): void {
  const withoutUnique = (given: PublicArea): PublicArea => {
    if (given.type === "ecc") return { ...given, point: { x: noBytes, y: noBytes } };
    return given.type === "rsa" ? { ...given, modulus: noBytes } : { ...given, unique: noBytes };
  };
  if (!equalConstantTime(encodePublic(withoutUnique(area)), encodePublic(withoutUnique(template)))) {
    throw malformed("the TPM made another object than the template asks for");
  }
}

function readName(reader: TpmReader, area: PublicArea): Uint8Array {
  const name = reader.tpm2b(nameBytesMax);
  if (!equalConstantTime(name, publicName(area))) throw malformed("an object's name does not fit its public area");
  return name.slice();
}

/** TPM2_CreatePrimary (24.1): the same template gives the same key until the hierarchy's seed changes. */
export function createPrimary(hierarchy: "owner" | "endorsement" | "null", object: NewObject): Command<LoadedObject> {
  return {
    name: "createPrimary",
    code: commandCodes.createPrimary,
    entities: [entity(permanentHandles[hierarchy])],
    authorized: 1,
    parameters: creationParameters(object),
    secret: true,
    returnsHandle: true,
    decode: (reader, handle) => {
      const publicArea = copied(reader.nested(publicBytesMax, readPublic));
      expectTemplate(publicArea, object.template);
      readCreation(reader);
      return { handle, publicArea, name: readName(reader, publicArea) };
    },
  };
}

/** Views of a buffer that is about to be erased become copies. */
function copied(area: PublicArea): PublicArea {
  const authPolicy = area.authPolicy.slice();
  if (area.type === "ecc") return { ...area, authPolicy, point: { x: area.point.x.slice(), y: area.point.y.slice() } };
  if (area.type === "rsa") return { ...area, authPolicy, modulus: area.modulus.slice() };
  return { ...area, authPolicy, unique: area.unique.slice() };
}

/** TPM2_Create (12.1). `data` of a sealed object is 1 to 128 bytes. */
export function create(parent: Entity, object: NewObject): Command<WrappedObject> {
  return {
    name: "create",
    code: commandCodes.create,
    entities: [parent],
    authorized: 1,
    parameters: creationParameters(object),
    secret: true,
    decode: (reader) => {
      const wrapped = reader.tpm2b(privateBytesMax).slice();
      const publicArea = copied(reader.nested(publicBytesMax, readPublic));
      expectTemplate(publicArea, object.template);
      readCreation(reader);
      return { wrapped, publicArea };
    },
  };
}

/** TPM2_Load (12.2). `tpm-other-chip` where another TPM made it. */
export function load(parent: Entity, { publicArea, wrapped }: WrappedObject): Command<LoadedObject> {
  return {
    name: "load",
    code: commandCodes.load,
    entities: [parent],
    authorized: 1,
    parameters: tpm2b(tpm2b(new ByteWriter(), wrapped), encodePublic(publicArea)).finish(),
    returnsHandle: true,
    decode: (reader, handle) => ({ handle, publicArea, name: readName(reader, publicArea) }),
  };
}

/** TPM2_LoadExternal (12.3) of a public key; only in a hierarchy other than null does it give valid tickets. */
export function loadExternal(publicArea: PublicArea, hierarchy: "owner" | "null" = "owner"): Command<LoadedObject> {
  const parameters = tpm2b(tpm2b(new ByteWriter(), noBytes), encodePublic(publicArea))
    .u32(permanentHandles[hierarchy])
    .finish();
  return {
    name: "loadExternal",
    code: commandCodes.loadExternal,
    entities: [],
    authorized: 0,
    parameters,
    returnsHandle: true,
    decode: (reader, handle) => ({ handle, publicArea, name: readName(reader, publicArea) }),
  };
}

/** TPM2_ReadPublic (12.4). */
export function readPublicOf(handle: number): Command<LoadedObject & { readonly qualifiedName: Uint8Array }> {
  return {
    name: "readPublic",
    code: commandCodes.readPublic,
    // The command takes no authorization, so the name is in no proof of ours before it is known.
    entities: [entity(handle)],
    authorized: 0,
    parameters: noBytes,
    decode: (reader) => {
      const publicArea = reader.nested(publicBytesMax, readPublic);
      const name = readName(reader, publicArea);
      return { handle, publicArea, name, qualifiedName: reader.tpm2b(nameBytesMax) };
    },
  };
}

/** TPM2_Unseal (12.7). The caller erases the data after use. */
export function unseal(object: Entity): Command<Uint8Array> {
  return {
    name: "unseal",
    code: commandCodes.unseal,
    entities: [object],
    authorized: 1,
    parameters: noBytes,
    secret: true,
    decode: (reader) => reader.tpm2b(128).slice(),
  };
}

/** TPM2_FlushContext (28.4) of an object or a session. The handle is a parameter, so the command takes no session. */
export function flushContext(handle: number): Command<void> {
  return {
    name: "flushContext",
    code: commandCodes.flushContext,
    entities: [],
    authorized: 0,
    parameters: new ByteWriter().u32(handle).finish(),
    decode: () => undefined,
  };
}

export interface SessionStart {
  readonly type: keyof typeof sessionTypes;
  readonly nonceCaller: Uint8Array;
  /** The key the salt is encrypted to, and the encrypted salt. */
  readonly salt?: { readonly key: Entity; readonly encrypted: Uint8Array };
}

/** TPM2_StartAuthSession (11.1), with SHA-256 and AES-128-CFB, never bound to an entity. */
export function startAuthSession(
  start: SessionStart,
): Command<{ readonly handle: number; readonly nonce: Uint8Array }> {
  assert.equal(start.nonceCaller.length, nonceBytes);
  const writer = tpm2b(tpm2b(new ByteWriter(), start.nonceCaller), start.salt?.encrypted ?? noBytes);
  writer.u8(sessionTypes[start.type]).u16(algorithms.aes).u16(128).u16(algorithms.cfb).u16(algorithms.sha256);
  return {
    name: "startAuthSession",
    code: commandCodes.startAuthSession,
    entities: [start.salt?.key ?? entity(permanentHandles.null), entity(permanentHandles.null)],
    authorized: 0,
    parameters: writer.finish(),
    returnsHandle: true,
    decode: (reader, handle) => {
      const nonce = reader.tpm2b(64);
      reader.expect(nonce.length, nonceBytes, "the length of the TPM's nonce");
      return { handle, nonce };
    },
  };
}
