import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, fromUtf8, malformed, toUtf8 } from "@piccolo/bytes";
import {
  definePurpose,
  ed25519SignatureBytes,
  type OwnerChain,
  type OwnerRotation,
  type Purpose,
  type Statement,
  writeOwnerChain,
} from "@piccolo/envelope";
import { readSignedInvitation, type SignedInvitation, writeSignedInvitation } from "./invitation-codec.ts";
import { readLineage, readRotations, writeRotations } from "./key-lineage.ts";
import { isAcceptableName, nameBytesMax } from "./name.ts";
import { type MemberSignature, readSignatures, writeSignatures } from "./signer.ts";

export const entryBytesMax = 16_384;

/** What an entry says of an owner who becomes a member. */
export interface MemberRecord {
  readonly account: Uint8Array;
  readonly ownerPublicKey: Uint8Array;
  readonly deviceKey: Uint8Array;
  readonly deviceEpoch: number;
  readonly deviceCertificate: Uint8Array;
  readonly name: string;
  /** How the owner key came from the account's first one; undefined while it is the first. */
  readonly lineage?: OwnerChain | undefined;
}

export type EntryBody =
  | {
      readonly kind: "create";
      readonly salt: Uint8Array;
      /** What the network is called; a name like a member's. */
      readonly networkName: string;
      readonly member: MemberRecord;
    }
  | { readonly kind: "add"; readonly member: MemberRecord; readonly invitation: SignedInvitation }
  | { readonly kind: "remove"; readonly account: Uint8Array }
  | {
      readonly kind: "device";
      readonly account: Uint8Array;
      readonly deviceKey: Uint8Array;
      readonly deviceEpoch: number;
      readonly deviceCertificate: Uint8Array;
    }
  | {
      readonly kind: "key";
      readonly account: Uint8Array;
      /** From the epoch after the one that the log knows, each one higher than the one before. */
      readonly rotations: readonly OwnerRotation[];
    };

export interface EntryPosition {
  /** 0 for the first entry. */
  readonly sequence: number;
  /** Hash of the entry before; zeros in the first. */
  readonly previous: Uint8Array;
  readonly timeMs: number;
}

/** An entry taken apart. `core` are the bytes its signatures cover. */
export interface Entry {
  readonly position: EntryPosition;
  readonly body: EntryBody;
  readonly core: Uint8Array;
  /** By the invitation's key; only in `add`. */
  readonly invitationSignature: Uint8Array | undefined;
  readonly signatures: readonly MemberSignature[];
  readonly hash: Uint8Array;
}

const format = 1;
/** By their number, from 1. The last two are `create` and `add` of an owner whose key is not the first any more. */
const kinds = ["create", "add", "remove", "device", "key", "create", "add"] as const;
const rotatedKinds: Readonly<Partial<Record<EntryBody["kind"], number>>> = { create: 6, add: 7 };
const zeroHash = new Uint8Array(32);

const purposes: Readonly<Record<EntryBody["kind"], Purpose>> = {
  create: definePurpose("membership-create", "none"),
  add: definePurpose("membership-add", "required"),
  remove: definePurpose("membership-remove", "required"),
  device: definePurpose("membership-device", "required"),
  key: definePurpose("membership-key", "required"),
};
const invitationUse = definePurpose("membership-invitation-use", "required");

/** The statement that `account` signs for an entry; `networkId` is undefined for `create`. */
export function entryStatement(
  kind: EntryBody["kind"],
  networkId: Uint8Array | undefined,
  account: Uint8Array,
  core: Uint8Array,
): Statement {
  return { purpose: purposes[kind], network: networkId, account, body: core };
}

/** The statement that the invitation's key signs for the account that joins. */
export function invitationUseStatement(networkId: Uint8Array, account: Uint8Array, core: Uint8Array): Statement {
  return { purpose: invitationUse, network: networkId, account, body: core };
}

/**
 * The entry's place in the chain is this hash of its core. Signatures are left out: where more members signed than are
 * needed, whoever carries the log could show different ones to different members, and would have forked it.
 */
export function entryHash(core: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update("piccolo/membership/v1/entry\0").update(core).digest());
}

function writeMember(writer: ByteWriter, member: MemberRecord): void {
  writer
    .fixed(member.account, 32)
    .fixed(member.ownerPublicKey, 32)
    .fixed(member.deviceKey, 32)
    .u32(member.deviceEpoch)
    .fixed(member.deviceCertificate, ed25519SignatureBytes)
    .sized(toUtf8(member.name));
  if (member.lineage !== undefined) writeOwnerChain(writer, member.lineage);
}

function readName(reader: ByteReader): string {
  const name = fromUtf8(reader.sized(nameBytesMax));
  if (!isAcceptableName(name)) throw malformed("a display name breaks its rules");
  return name;
}

function readMember(reader: ByteReader, isRotated: boolean): MemberRecord {
  const member = {
    account: reader.fixed(32),
    ownerPublicKey: reader.fixed(32),
    deviceKey: reader.fixed(32),
    deviceEpoch: reader.u32(),
    deviceCertificate: reader.fixed(ed25519SignatureBytes),
    name: readName(reader),
  };
  if (!isRotated) return member;
  const lineage = readLineage(reader);
  if (Buffer.compare(lineage.rotations.at(-1)?.ownerPublicKey ?? zeroHash, member.ownerPublicKey) !== 0) {
    throw malformed("the owner key is not the newest of its rotations");
  }
  return { ...member, lineage };
}

function writeBody(writer: ByteWriter, body: EntryBody): void {
  switch (body.kind) {
    case "create":
      writer.fixed(body.salt, 16).sized(toUtf8(body.networkName));
      writeMember(writer, body.member);
      break;
    case "add":
      writeMember(writer, body.member);
      writeSignedInvitation(writer, body.invitation);
      break;
    case "remove":
      writer.fixed(body.account, 32);
      break;
    case "device":
      writer
        .fixed(body.account, 32)
        .fixed(body.deviceKey, 32)
        .u32(body.deviceEpoch)
        .fixed(body.deviceCertificate, ed25519SignatureBytes);
      break;
    case "key":
      writer.fixed(body.account, 32);
      writeRotations(writer, body.rotations);
      break;
  }
}

function readBody(reader: ByteReader, kind: EntryBody["kind"], isRotated: boolean): EntryBody {
  switch (kind) {
    case "create":
      return { kind, salt: reader.fixed(16), networkName: readName(reader), member: readMember(reader, isRotated) };
    case "add":
      return { kind, member: readMember(reader, isRotated), invitation: readSignedInvitation(reader) };
    case "remove":
      return { kind, account: reader.fixed(32) };
    case "key":
      return { kind, account: reader.fixed(32), rotations: readRotations(reader) };
    case "device":
      break;
  }
  return {
    kind,
    account: reader.fixed(32),
    deviceKey: reader.fixed(32),
    deviceEpoch: reader.u32(),
    deviceCertificate: reader.fixed(ed25519SignatureBytes),
  };
}

function numberOf(body: EntryBody): number {
  const isRotated = "member" in body && body.member.lineage !== undefined;
  return (isRotated ? rotatedKinds[body.kind] : undefined) ?? kinds.indexOf(body.kind) + 1;
}

/** The bytes that the signatures of an entry cover: everything before them. */
export function encodeCore(position: EntryPosition, body: EntryBody): Uint8Array {
  const writer = new ByteWriter()
    .u8(format)
    .u8(numberOf(body))
    .u32(position.sequence)
    .fixed(position.previous, 32)
    .u64(position.timeMs);
  writeBody(writer, body);
  return writer.finish();
}

export function encodeEntry(
  core: Uint8Array,
  invitationSignature: Uint8Array | undefined,
  signatures: readonly MemberSignature[],
): Uint8Array {
  const writer = new ByteWriter().raw(core);
  if (invitationSignature !== undefined) writer.fixed(invitationSignature, ed25519SignatureBytes);
  writeSignatures(writer, signatures);
  return writer.finish();
}

/** Takes an entry apart strictly; throws `malformed`. Says nothing about signatures and rules. */
export function decodeEntry(input: Uint8Array): Entry {
  if (input.length > entryBytesMax) throw malformed(`an entry of ${input.length} bytes is over ${entryBytesMax}`);
  // The parts are views; of a copy, so that nobody who holds the input can change a checked entry.
  const bytes = new Uint8Array(input);
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw malformed("the entry has a format this version does not know; update the device");
  const number = reader.u8();
  const kind = kinds[number - 1];
  if (kind === undefined) throw malformed("the entry has a kind this version does not know; update the device");
  const position = { sequence: reader.u32(), previous: reader.fixed(32), timeMs: reader.u64() };
  if ((kind === "create") !== (position.sequence === 0)) throw malformed("the first entry, and only it, is `create`");
  if (kind === "create" && Buffer.compare(position.previous, zeroHash) !== 0) {
    throw malformed("the first entry has nothing before it");
  }
  const body = readBody(reader, kind, number === rotatedKinds[kind]);
  const core = bytes.subarray(0, bytes.length - reader.remaining);
  const invitationSignature = kind === "add" ? reader.fixed(ed25519SignatureBytes) : undefined;
  const signatures = readSignatures(reader);
  reader.end();
  return { position, body, core, invitationSignature, signatures, hash: entryHash(core) };
}
