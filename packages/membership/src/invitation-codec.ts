import { ByteReader, ByteWriter, malformed } from "@piccolo/bytes";
import { definePurpose, type Statement } from "@piccolo/envelope";
import { type MemberSignature, readSignatures, writeSignatures } from "./signer.ts";

/** What members sign when they invite: whoever holds the secret of `invitationKey` may join until `expiresAtMs`. */
export interface InvitationStatement {
  /** 32 bytes. */
  readonly networkId: Uint8Array;
  /** Ed25519, 32 raw bytes, derived from the invitation's secret. */
  readonly invitationKey: Uint8Array;
  readonly expiresAtMs: number;
  /** Sequence of the newest entry the inviter knew. */
  readonly ordinal: number;
  /** Hash of that entry: a log without it cannot use the invitation, so nothing the inviter relied on can be left out. */
  readonly anchorHash: Uint8Array;
}

/** An invitation without its secret: what the log keeps and what further members sign. */
export interface SignedInvitation {
  readonly statement: InvitationStatement;
  readonly signatures: readonly MemberSignature[];
}

const format = 1;
const invitationPurpose = definePurpose("membership-invitation", "required");

/** The statement that the member `account` signs. */
export function invitationStatement(invitation: InvitationStatement, account: Uint8Array): Statement {
  const body = new ByteWriter()
    .fixed(invitation.invitationKey, 32)
    .u64(invitation.expiresAtMs)
    .u32(invitation.ordinal)
    .fixed(invitation.anchorHash, 32)
    .finish();
  return { purpose: invitationPurpose, network: invitation.networkId, account, body };
}

export function writeSignedInvitation(writer: ByteWriter, { statement, signatures }: SignedInvitation): void {
  writer
    .u8(format)
    .fixed(statement.networkId, 32)
    .fixed(statement.invitationKey, 32)
    .u64(statement.expiresAtMs)
    .u32(statement.ordinal)
    .fixed(statement.anchorHash, 32);
  writeSignatures(writer, signatures);
}

export function readSignedInvitation(reader: ByteReader): SignedInvitation {
  if (reader.u8() !== format) throw malformed("the invitation has a format this version does not know");
  const statement: InvitationStatement = {
    networkId: reader.fixed(32),
    invitationKey: reader.fixed(32),
    expiresAtMs: reader.u64(),
    ordinal: reader.u32(),
    anchorHash: reader.fixed(32),
  };
  return { statement, signatures: readSignatures(reader) };
}

/** The secret-free form that travels to a second member for their signature. */
export function encodeSignedInvitation(invitation: SignedInvitation): Uint8Array {
  const writer = new ByteWriter();
  writeSignedInvitation(writer, invitation);
  return writer.finish();
}

/** Throws `malformed`. Says nothing about the signatures. */
export function decodeSignedInvitation(bytes: Uint8Array): SignedInvitation {
  const reader = new ByteReader(new Uint8Array(bytes));
  const invitation = readSignedInvitation(reader);
  reader.end();
  return invitation;
}
