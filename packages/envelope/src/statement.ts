import assert from "node:assert/strict";
import { ByteWriter, toUtf8 } from "@piccolo/bytes";
import { accountBytes } from "./account.ts";
import { type Ed25519Key, verifyEd25519 } from "./ed25519.ts";

export const networkIdBytes = 32;
export const statementBodyBytesMax = 65_536;

/**
 * What a signature is for. `network` says whether the statement belongs to one network (`required`), is made where
 * there is none or about the account everywhere (`none`), or may be either (`optional`).
 */
export interface Purpose {
  readonly name: string;
  readonly network: "required" | "none" | "optional";
}

/** Bytes with the meaning that `purpose` gives them; `account` is the signer's, or whom the signature speaks for. */
export interface Statement {
  readonly purpose: Purpose;
  /** 32 bytes, not all zero. */
  readonly network: Uint8Array | undefined;
  readonly account: Uint8Array;
  /** At most `statementBodyBytesMax` bytes. */
  readonly body: Uint8Array;
}

/** Defines a purpose; its name is 1 to 64 of a-z, 0-9 and "-", unique in docs/spec/envelope.md. */
export function definePurpose(name: string, network: Purpose["network"]): Purpose {
  assert.match(name, /^[a-z][a-z0-9-]{0,63}$/);
  return { name, network };
}

function isWellFormed({ purpose, network, account, body }: Statement): boolean {
  if (account.length !== accountBytes || body.length > statementBodyBytesMax) return false;
  if (network === undefined) return purpose.network !== "required";
  return purpose.network !== "none" && network.length === networkIdBytes && network.some((byte) => byte !== 0);
}

/** The bytes a signature covers. */
export function encodeStatement(statement: Statement): Uint8Array {
  assert.ok(isWellFormed(statement));
  const purpose = toUtf8(statement.purpose.name);
  return new ByteWriter()
    .raw(toUtf8("piccolo"))
    .u8(purpose.length)
    .raw(purpose)
    .fixed(statement.network ?? new Uint8Array(networkIdBytes), networkIdBytes)
    .fixed(statement.account, accountBytes)
    .sized(statement.body)
    .finish();
}

export function signStatement(key: Ed25519Key, statement: Statement): Uint8Array {
  return key.sign(encodeStatement(statement));
}

/** False for a wrong signature and for a statement whose parts break its purpose's rules; never throws. */
export function verifyStatement(publicKey: Uint8Array, statement: Statement, signature: Uint8Array): boolean {
  return isWellFormed(statement) && verifyEd25519(publicKey, encodeStatement(statement), signature);
}
