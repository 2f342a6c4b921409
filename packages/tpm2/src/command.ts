/** A command as data, its frame and the strict reading of its answer (Part 1, 18 Command/Response structure). */
import assert from "node:assert/strict";
import { ByteWriter, concat } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { frameBytesMax, permanentHandles, tags } from "./constants.ts";
import { handleName, sha256, u32 } from "./digests.ts";
import { tpmFaults } from "./faults.ts";
import { tpm2b, TpmReader } from "./reader.ts";
import { responseFault, type TpmFaultCode } from "./response-code.ts";
import {
  acknowledge,
  type Acknowledgment,
  attributesOf,
  type Authorization,
  cryptParameter,
  isSessionUse,
  nonceBytes,
  proof,
  type SessionUse,
  writeAuthorization,
} from "./session.ts";

/** What a command acts on: the handle, and the name that stands for it in proofs. */
export interface Entity {
  readonly handle: number;
  readonly name: Uint8Array;
}

/** A PCR, a session or a permanent handle, whose name is the handle. */
export function entity(handle: number): Entity {
  return { handle, name: handleName(handle) };
}

export interface Command<Result> {
  readonly name: string;
  /** TPM_CC. */
  readonly code: number;
  readonly entities: readonly Entity[];
  /** How many of the entities, from the first, need an authorization. */
  readonly authorized: number;
  /** The parameters as the TPM takes them. */
  readonly parameters: Uint8Array;
  /** Parameters or answer hold a secret: they are erased after use. `decode` copies what it keeps. */
  readonly secret?: boolean;
  /** Names of error codes that mean something else here than elsewhere, and the fault they are. */
  readonly meanings?: Readonly<Partial<Record<string, TpmFaultCode>>>;
  /** The answer starts with a handle, which `decode` gets; otherwise it gets 0. */
  readonly returnsHandle?: boolean;
  decode(reader: TpmReader, handle: number): Result;
}

/** The sessions of one command: those that authorize its entities, in order, and others after them. */
export interface Authorizations {
  /** Missing ones are the empty password. */
  readonly authorize?: readonly Authorization[];
  readonly extra?: readonly SessionUse[];
}

export interface Prepared<Result> {
  /** The bytes for the TPM. */
  readonly frame: Uint8Array<ArrayBuffer>;
  /** Reads the answer. Throws the fault the answer is, `tpm-malformed` or `tpm-tampered`. */
  complete(response: Uint8Array): Result;
}

const emptyPassword: Authorization = { password: new Uint8Array(0) };

/** The first parameter is a TPM2B: everything behind its length is encrypted, the length is not. */
function cryptFirst(parameters: Uint8Array, crypt: (data: Uint8Array) => Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new TpmReader(parameters);
  const data = reader.tpm2b(frameBytesMax);
  const changed = crypt(data);
  assert.equal(changed.length, data.length);
  return concat(parameters.subarray(0, 2), changed, reader.rest());
}

export function prepare<Result>(
  command: Command<Result>,
  { authorize = [], extra = [] }: Authorizations,
  world: World,
): Prepared<Result> {
  assert.ok(authorize.length <= command.authorized, "every authorization has its entity");
  const missing = Array.from({ length: command.authorized - authorize.length }, () => emptyPassword);
  const uses: readonly Authorization[] = [...authorize, ...missing, ...extra];
  assert.ok(uses.length <= 3, "a command has at most three sessions");
  const sessions = uses.filter(isSessionUse);
  for (const { session } of sessions) session.nonceCaller = world.randomBytes(nonceBytes);

  const encryptor = sessions.find((use) => use.encryptsCommand === true);
  const decryptor = sessions.find((use) => use.encryptsResponse === true);
  const parameters =
    encryptor === undefined
      ? command.parameters
      : cryptFirst(command.parameters, (data) => {
          const nonces = { newer: encryptor.session.nonceCaller, older: encryptor.session.nonceTpm };
          return cryptParameter(encryptor, nonces, data, "encrypt");
        });
  const attributes = uses.map((use, at) => attributesOf(use, at < command.authorized));
  const frame = encodeFrame(command, parameters, uses, attributes, encryptor, decryptor);
  if (command.secret === true) command.parameters.fill(0);

  return {
    frame,
    complete: (response) => {
      try {
        return completeFrame(command, response, uses, attributes, decryptor);
      } catch (cause) {
        if (!isFault(cause, "malformed")) throw cause;
        const message = `the TPM's answer to ${command.name} is malformed; restart the device`;
        throw tpmFaults.fault("tpm-malformed", message, { cause });
      }
    },
  };
}

function encodeFrame(
  command: Command<unknown>,
  parameters: Uint8Array,
  uses: readonly Authorization[],
  attributes: readonly number[],
  encryptor: SessionUse | undefined,
  decryptor: SessionUse | undefined,
): Uint8Array<ArrayBuffer> {
  // cpHash (Part 1, 16.7).
  const hash = sha256(u32(command.code), ...command.entities.map(({ name }) => name), parameters);
  const area = new ByteWriter();
  for (const [at, use] of uses.entries()) {
    const flags = attributes[at] ?? 0;
    if (!isSessionUse(use)) {
      writeAuthorization(area, permanentHandles.password, new Uint8Array(0), flags, use.password);
      continue;
    }
    const { session } = use;
    // The first session's proof covers the nonces of the sessions that encrypt (Part 1, 17.6.5).
    const others = at === 0 ? [...new Set([encryptor, decryptor])].filter((other) => other !== use) : [];
    const nonces = {
      newer: session.nonceCaller,
      older: session.nonceTpm,
      others: concat(...others.flatMap((other) => (other === undefined ? [] : [other.session.nonceTpm]))),
    };
    writeAuthorization(area, session.handle, session.nonceCaller, flags, proof(use, hash, nonces, flags));
  }
  const body = new ByteWriter();
  for (const { handle } of command.entities) body.u32(handle);
  if (uses.length > 0) body.sized(area.finish());
  const rest = body.raw(parameters).finish();
  const tag = uses.length > 0 ? tags.sessions : tags.noSessions;
  const frame = new ByteWriter()
    .u16(tag)
    .u32(10 + rest.length)
    .u32(command.code)
    .raw(rest)
    .finish();
  assert.ok(frame.length <= frameBytesMax, "a command fits into the TPM's buffer");
  return frame;
}

function completeFrame<Result>(
  command: Command<Result>,
  response: Uint8Array,
  uses: readonly Authorization[],
  attributes: readonly number[],
  decryptor: SessionUse | undefined,
): Result {
  const reader = new TpmReader(response);
  const tag = reader.u16();
  reader.expect(reader.u32(), response.length, "the answer's length");
  const code = reader.u32();
  if (code !== 0) {
    reader.expect(tag, tags.noSessions, "the tag of an error");
    reader.end();
    throw responseFault(command.name, code, command.meanings);
  }
  reader.expect(tag, uses.length > 0 ? tags.sessions : tags.noSessions, "the tag");
  const handle = command.returnsHandle === true ? reader.u32() : 0;
  let parameters: Uint8Array;
  if (uses.length === 0) parameters = reader.rest();
  else {
    parameters = reader.sized(frameBytesMax);
    const answers = uses.map((): Acknowledgment => ({
      nonceTpm: reader.tpm2b(64),
      attributes: reader.u8(),
      hmac: reader.tpm2b(64),
    }));
    reader.end();
    // rpHash (Part 1, 16.8).
    const hash = sha256(u32(0), u32(command.code), parameters);
    for (const [at, use] of uses.entries()) {
      const answer = answers[at];
      assert.ok(answer !== undefined);
      acknowledge(use, attributes[at] ?? 0, answer, hash, command.name);
    }
  }
  if (decryptor !== undefined) {
    const { session } = decryptor;
    const nonces = { newer: session.nonceTpm, older: session.nonceCaller };
    parameters = cryptFirst(parameters, (data) => cryptParameter(decryptor, nonces, data, "decrypt"));
  }
  const inner = new TpmReader(parameters);
  const result = command.decode(inner, handle);
  inner.end();
  if (command.secret === true) parameters.fill(0);
  return result;
}

/** Parameters of one TPM2B. */
export function oneBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return tpm2b(new ByteWriter(), bytes).finish();
}
