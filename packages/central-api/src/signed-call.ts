import { createHash } from "node:crypto";
import { ByteWriter, fromBase64Url, fromHex, toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import {
  definePurpose,
  type Ed25519Key,
  ed25519SignatureBytes,
  signStatement,
  type Statement,
  verifyStatement,
} from "@piccolo/envelope";
import { centralFaults } from "./faults.ts";

export const callNonceBytes = 16;
/** How far the time of a call may be from central's clock, in either direction. */
export const callToleranceMs = 600_000;

const call = definePurpose("central-call", "none");
const invitedRead = definePurpose("central-invited-read", "required");

/** What a call is, as both sides see it. */
export interface CallParts {
  readonly method: string;
  /** Of the server, with its port where it is not the scheme's own: a call for one server is none for another. */
  readonly host: string;
  /** Path from `/v1` on, and query, as they stand in the request. */
  readonly target: string;
  readonly body: Uint8Array;
}

/** Who calls, when, and the signature over it: the content of the `authorization` header. */
export interface CallCredentials {
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** The key that signs: the account's owner key or its device's key, 32 raw bytes. */
  readonly publicKey: Uint8Array;
  readonly timeMs: number;
  /** `callNonceBytes` bytes, fresh for each call. */
  readonly nonce: Uint8Array;
  readonly signature: Uint8Array;
}

export function callStatement(parts: CallParts, who: Omit<CallCredentials, "publicKey" | "signature">): Statement {
  const body = new ByteWriter()
    .sized(toUtf8(parts.method))
    .sized(toUtf8(parts.host))
    .sized(toUtf8(parts.target))
    .fixed(createHash("sha256").update(parts.body).digest(), 32)
    .fixed(who.nonce, callNonceBytes)
    .u64(who.timeMs)
    .finish();
  return { purpose: call, network: undefined, account: who.account, body };
}

export function verifyCall(parts: CallParts, credentials: CallCredentials): boolean {
  return verifyStatement(credentials.publicKey, callStatement(parts, credentials), credentials.signature);
}

/** `Piccolo-1 ACCOUNT.KEY.TIME.NONCE.SIGNATURE`: hexadecimal, hexadecimal, decimal, base64url, base64url. */
export function encodeCredentials({ account, publicKey, timeMs, nonce, signature }: CallCredentials): string {
  return `Piccolo-1 ${toHex(account)}.${toHex(publicKey)}.${timeMs}.${toBase64Url(nonce)}.${toBase64Url(signature)}`;
}

const header = /^Piccolo-1 ([0-9a-f]{64})\.([0-9a-f]{64})\.(0|[1-9]\d{0,14})\.([\w-]{22})\.([\w-]{86})$/;

/** Throws `unsigned-call` and `malformed`. */
export function decodeCredentials(text: string | undefined): CallCredentials {
  const [, account, publicKey, timeMs, nonce, signature] = header.exec(text ?? "") ?? [];
  if (
    account === undefined ||
    publicKey === undefined ||
    timeMs === undefined ||
    nonce === undefined ||
    signature === undefined
  ) {
    throw centralFaults.fault("unsigned-call", "the call needs a signature of the form Piccolo-1 in `authorization`");
  }
  return {
    account: fromHex(account),
    publicKey: fromHex(publicKey),
    timeMs: Number(timeMs),
    nonce: fromBase64Url(nonce),
    signature: fromBase64Url(signature),
  };
}

function invitedReadStatement(networkId: Uint8Array, account: Uint8Array): Statement {
  return { purpose: invitedRead, network: networkId, account, body: new Uint8Array(0) };
}

/** That the holder of an invitation's secret is `account`, and reads the network's log to join it. */
export function proveInvitation(key: Ed25519Key, networkId: Uint8Array, account: Uint8Array): Uint8Array {
  return signStatement(key, invitedReadStatement(networkId, account));
}

export function verifyInvitationProof(
  invitationKey: Uint8Array,
  networkId: Uint8Array,
  account: Uint8Array,
  proof: Uint8Array,
): boolean {
  return (
    proof.length === ed25519SignatureBytes &&
    verifyStatement(invitationKey, invitedReadStatement(networkId, account), proof)
  );
}
