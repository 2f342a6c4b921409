/**
 * Sessions (Part 1, 17 Authorizations and Acknowledgments, 19 Session-based encryption): both sides prove with every
 * command and answer that they know the session key, and the first parameter is encrypted where asked for.
 */
import { ByteWriter, concat, equalConstantTime } from "@piccolo/bytes";
import { tpmFaults } from "./faults.ts";
import { sessionAttributes, type sessionTypes } from "./constants.ts";
import { aesCfb, kdfA } from "./derivation.ts";
import { handleName, hmacSha256 } from "./digests.ts";
import { tpm2b } from "./reader.ts";

export const nonceBytes = 32;

/** A session the TPM has. Its key is in memory until `erase`. */
export class Session {
  readonly handle: number;
  readonly type: keyof typeof sessionTypes;
  /** Empty for a session without salt. */
  readonly key: Uint8Array;
  nonceTpm: Uint8Array;
  nonceCaller: Uint8Array;

  constructor(
    handle: number,
    type: keyof typeof sessionTypes,
    key: Uint8Array,
    nonces: { readonly tpm: Uint8Array; readonly caller: Uint8Array },
  ) {
    this.handle = handle;
    this.type = type;
    this.key = key;
    this.nonceTpm = nonces.tpm;
    this.nonceCaller = nonces.caller;
  }

  get name(): Uint8Array {
    return handleName(this.handle);
  }

  erase(): void {
    this.key.fill(0);
  }
}

/** How one command uses a session. */
export interface SessionUse {
  readonly session: Session;
  /** The authorization value of the entity the session authorizes; it is part of the proof. */
  readonly authValue?: Uint8Array;
  /** The policy asks for the authorization value (PolicyAuthValue), so the proof of a policy session includes it. */
  readonly provesAuthValue?: boolean;
  /** Encrypts the command's first parameter. */
  readonly encryptsCommand?: boolean;
  /** Asks for the answer's first parameter encrypted. */
  readonly encryptsResponse?: boolean;
}

/** A password in the clear; only for the empty value and for tests of wrong ones. */
export interface PasswordUse {
  readonly password: Uint8Array;
}

export type Authorization = SessionUse | PasswordUse;

export const isSessionUse = (use: Authorization): use is SessionUse => "session" in use;

/** Trailing zeros are no part of an authorization value (Part 1, 17.6.4.3). */
export function trimmed(authValue: Uint8Array): Uint8Array {
  let length = authValue.length;
  while (length > 0 && authValue[length - 1] === 0) length--;
  return authValue.subarray(0, length);
}

export function attributesOf(use: Authorization, isAuthorization: boolean): number {
  if (!isSessionUse(use)) return sessionAttributes.continueSession;
  return (
    sessionAttributes.continueSession |
    (use.encryptsCommand === true ? sessionAttributes.decrypt : 0) |
    (use.encryptsResponse === true ? sessionAttributes.encrypt : 0) |
    // A session that authorizes nothing has to do something: it lets both sides prove themselves.
    (isAuthorization || use.encryptsCommand === true || use.encryptsResponse === true ? 0 : sessionAttributes.audit)
  );
}

/** The key of the proof (Part 1, 17.6.5): the session's, and the authorization value where the session proves it. */
function proofKey(use: SessionUse): Uint8Array {
  const proves = use.session.type === "hmac" || use.provesAuthValue === true;
  return proves && use.authValue !== undefined
    ? concat(use.session.key, trimmed(use.authValue))
    : use.session.key.slice();
}

/** HMAC of a command or an answer; empty where a policy session has no key to prove (Part 1, 17.6.5, 17.7.4). */
export function proof(
  use: SessionUse,
  parameterHash: Uint8Array,
  nonces: { readonly newer: Uint8Array; readonly older: Uint8Array; readonly others?: Uint8Array },
  attributes: number,
): Uint8Array {
  const key = proofKey(use);
  if (use.session.type !== "hmac" && key.length === 0) return new Uint8Array(0);
  const tail = new ByteWriter().u8(attributes).finish();
  const hmac = hmacSha256(key, parameterHash, nonces.newer, nonces.older, nonces.others ?? new Uint8Array(0), tail);
  key.fill(0);
  return hmac;
}

/**
 * Encrypts or decrypts a parameter (Part 1, 19.3 CFB parameter encryption). The key includes the authorization value of
 * the entity where the session authorizes one.
 */
export function cryptParameter(
  use: SessionUse,
  nonces: { readonly newer: Uint8Array; readonly older: Uint8Array },
  data: Uint8Array,
  direction: "encrypt" | "decrypt",
): Uint8Array {
  const secret = concat(use.session.key, trimmed(use.authValue ?? new Uint8Array(0)));
  const derived = kdfA(secret, "CFB", nonces.newer, nonces.older, 256);
  const out = aesCfb(derived.subarray(0, 16), derived.subarray(16), data, direction);
  secret.fill(0);
  derived.fill(0);
  return out;
}

export function writeAuthorization(
  writer: ByteWriter,
  handle: number,
  nonce: Uint8Array,
  attributes: number,
  hmac: Uint8Array,
): void {
  tpm2b(tpm2b(writer.u32(handle), nonce).u8(attributes), hmac);
}

export interface Acknowledgment {
  readonly nonceTpm: Uint8Array;
  readonly attributes: number;
  readonly hmac: Uint8Array;
}

/** Checks the TPM's proof for an answer and takes its new nonce over. Throws `tpm-tampered`. */
export function acknowledge(
  use: Authorization,
  sent: number,
  answer: Acknowledgment,
  responseHash: Uint8Array,
  command: string,
): void {
  const tampered = tpmFaults.fault(
    "tpm-tampered",
    `the answer to ${command} was changed between the TPM and the processor; examine the device's board`,
  );
  // The TPM may add that the session is the only audited one (auditExclusive, Part 2, 8.4).
  if ((answer.attributes & ~0x02) !== sent) throw tampered;
  if (!isSessionUse(use)) {
    if (answer.nonceTpm.length !== 0 || answer.hmac.length !== 0) throw tampered;
    return;
  }
  const { session } = use;
  if (answer.nonceTpm.length !== nonceBytes) throw tampered;
  const wanted = proof(use, responseHash, { newer: answer.nonceTpm, older: session.nonceCaller }, answer.attributes);
  if (!equalConstantTime(wanted, answer.hmac)) throw tampered;
  session.nonceTpm = answer.nonceTpm;
}
