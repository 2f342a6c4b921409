import assert from "node:assert/strict";
import { hkdfSync } from "node:crypto";
import { ByteReader, ByteWriter, fromBase64Url, fromUtf8, toBase64Url, toUtf8 } from "@piccolo/bytes";
import { type Ed25519Key, ed25519FromSeed, type OwnerKeys } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { membershipFaults } from "./faults.ts";
import {
  invitationStatement,
  readSignedInvitation,
  type SignedInvitation,
  writeSignedInvitation,
} from "./invitation-codec.ts";
import { compareBytes, withSignature } from "./signer.ts";
import type { NetworkState } from "./state.ts";

export const invitationPrefix = "piccolo-invitation-1.";
export const invitationTextCharactersMax = 4096;

const secretBytes = 32;
const urlBytesMax = 256;

function invitationKeyOf(secret: Uint8Array, networkId: Uint8Array): Ed25519Key {
  const seed = new Uint8Array(hkdfSync("sha256", secret, networkId, toUtf8("piccolo/membership/v1/invitation"), 32));
  const key = ed25519FromSeed(seed);
  seed.fill(0);
  return key;
}

/** A signed invitation with its secret. Whoever holds it may join: JSON and inspection do not show the secret. */
export class Invitation {
  readonly signed: SignedInvitation;
  readonly #secret: Uint8Array;

  constructor(signed: SignedInvitation, secret: Uint8Array) {
    assert.equal(secret.length, secretBytes);
    this.signed = signed;
    this.#secret = secret;
  }

  /** The key that signs the entry of the owner who joins. */
  key(): Ed25519Key {
    return invitationKeyOf(this.#secret, this.signed.statement.networkId);
  }

  /** A copy of the secret, for the text that goes to the invited person and for nothing else. */
  revealSecret(): Uint8Array {
    return new Uint8Array(this.#secret);
  }

  /** The same invitation with the signatures that further members added to its secret-free part. */
  withSignatures(signed: SignedInvitation): Invitation {
    assert.equal(compareBytes(signed.statement.invitationKey, this.signed.statement.invitationKey), 0);
    return new Invitation(signed, this.#secret);
  }
}

function requireMember(state: NetworkState, ownerKeys: OwnerKeys): void {
  if (state.memberByAccount(ownerKeys.account) === undefined) {
    throw membershipFaults.fault("not-a-member", "only members of this network can invite");
  }
}

/**
 * A new single-use invitation, signed by one member; below four members the founder's signature is enough, from four on
 * another member adds theirs by `cosignInvitation`. Throws `not-a-member`, `invitation-expired`, `locked`.
 */
export function createInvitation(p: {
  readonly state: NetworkState;
  readonly ownerKeys: OwnerKeys;
  readonly expiresAtMs: number;
  readonly world: World;
}): Invitation {
  requireMember(p.state, p.ownerKeys);
  if (p.expiresAtMs <= p.world.nowMs()) {
    throw membershipFaults.fault("invitation-expired", "an invitation has to expire in the future");
  }
  const secret = p.world.randomBytes(secretBytes);
  const statement = {
    networkId: p.state.networkId,
    invitationKey: invitationKeyOf(secret, p.state.networkId).publicKey,
    expiresAtMs: p.expiresAtMs,
    ordinal: p.state.length - 1,
    anchorHash: p.state.headHash,
  };
  const signature = p.ownerKeys.sign(invitationStatement(statement, p.ownerKeys.account));
  return new Invitation({ statement, signatures: [{ account: p.ownerKeys.account, signature }] }, secret);
}

/** Adds a member's signature; needs no secret. Throws `not-a-member`, `invitation-foreign`, `locked`. */
export function cosignInvitation(p: {
  readonly state: NetworkState;
  readonly ownerKeys: OwnerKeys;
  readonly signed: SignedInvitation;
}): SignedInvitation {
  requireMember(p.state, p.ownerKeys);
  const { statement, signatures } = p.signed;
  if (compareBytes(statement.networkId, p.state.networkId) !== 0) {
    throw membershipFaults.fault("invitation-foreign", "the invitation is for another network");
  }
  const { account } = p.ownerKeys;
  const signature = p.ownerKeys.sign(invitationStatement(statement, account));
  return { statement, signatures: withSignature(signatures, { account, signature }) };
}

/** The one spelling of central's address: http or https, no credentials, query or fragment, no slash at the end. */
function canonicalUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return undefined;
  const canonical = url.origin + url.pathname.replace(/\/+$/, "");
  return toUtf8(canonical).length <= urlBytesMax ? canonical : undefined;
}

function refused(message: string): Error {
  return membershipFaults.fault("invitation-refused", message);
}

/**
 * The text that goes to the invited person, secret included: it is shown once and never logged. `centralUrl` is where
 * the network's log is found. Throws `invitation-refused` for an address that is not plain http or https.
 */
export function encodeInvitation(invitation: Invitation, centralUrl: string): string {
  const url = canonicalUrl(centralUrl);
  if (url === undefined) throw refused("central's address is not a plain http or https address");
  const secret = invitation.revealSecret();
  const writer = new ByteWriter().fixed(secret, secretBytes).sized(toUtf8(url));
  writeSignedInvitation(writer, invitation.signed);
  return invitationPrefix + toBase64Url(writer.finish());
}

/**
 * Reads what `encodeInvitation` wrote, and checks that the secret belongs to the statement; whether members signed it
 * shows when it is used. Throws `invitation-refused`.
 */
export function decodeInvitation(text: string): { readonly invitation: Invitation; readonly centralUrl: string } {
  if (!text.startsWith(invitationPrefix) || text.length > invitationTextCharactersMax) {
    throw refused(`the text is not an invitation; one begins with ${invitationPrefix}`);
  }
  try {
    const reader = new ByteReader(fromBase64Url(text.slice(invitationPrefix.length)));
    const secret = reader.fixed(secretBytes);
    const centralUrl = fromUtf8(reader.sized(urlBytesMax));
    const invitation = new Invitation(readSignedInvitation(reader), secret);
    reader.end();
    if (canonicalUrl(centralUrl) !== centralUrl) throw refused("central's address in the invitation is not acceptable");
    if (compareBytes(invitation.key().publicKey, invitation.signed.statement.invitationKey) !== 0) {
      throw refused("the invitation's secret and its key differ: copy the text again");
    }
    return { invitation, centralUrl };
  } catch (error) {
    // The cause stays out: it describes bytes of a text that holds a secret.
    if (isFault(error, "malformed")) throw refused("the invitation is incomplete or changed: copy the text again");
    throw error;
  }
}
