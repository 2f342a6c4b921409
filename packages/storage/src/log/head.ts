import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, equalConstantTime, malformed } from "@piccolo/bytes";
import { metadataHead, type Statement, verifyStatement } from "@piccolo/envelope";
import type { StoredEntry } from "../ports/index.ts";
import { hashBytes, headBytes, headFormat, maxSealedBytes, noHash } from "./format.ts";

const signatureBytes = 64;
const kinds = ["delta", "checkpoint"] as const;
const hashLabel = "piccolo/metadata-log/v1/head\0";

/** Who witnesses an entry, named by the membership log up to an entry: whoever has that log finds the same members. */
export interface WitnessSet {
  /** Entries of the membership log. */
  readonly logLength: number;
  /** Hash of the last of them, 32 bytes. */
  readonly headHash: Uint8Array;
}

/** What an owner's device says of one entry of the metadata log. */
export interface LogHead {
  readonly kind: StoredEntry["kind"];
  /** Network id, 32 bytes. */
  readonly network: Uint8Array;
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** Of the device that made the entry; from 1. */
  readonly deviceEpoch: number;
  /** Of the keys that sealed it; from 1. */
  readonly keyEpoch: number;
  /** From 1. */
  readonly sequence: number;
  /** Hash of the head before; all zero in the first. */
  readonly previousHash: Uint8Array;
  readonly sealedHash: Uint8Array;
  readonly sealedBytes: number;
  /** Of the backed-up tables. */
  readonly schemaVersion: number;
  /** Sequence of the newest checkpoint entry, this one included; 0 = none. */
  readonly checkpoint: number;
  readonly witnessSet: WitnessSet;
  /** The device's clock, which may be wrong: for people only. */
  readonly timeMs: number;
}

/** A head with its signature. */
export interface SignedHead {
  readonly head: LogHead;
  /** The encoded form, signature included. */
  readonly bytes: Uint8Array;
  /** Hash of what is signed: the entry's place in the chain. */
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

function encodeBody(head: LogHead): Uint8Array {
  assert.ok(isConsistent(head), "a head that breaks its own rules");
  return new ByteWriter()
    .u8(headFormat)
    .u8(kinds.indexOf(head.kind) + 1)
    .fixed(head.network, hashBytes)
    .fixed(head.account, hashBytes)
    .u32(head.deviceEpoch)
    .u32(head.keyEpoch)
    .u64(head.sequence)
    .fixed(head.previousHash, hashBytes)
    .fixed(head.sealedHash, hashBytes)
    .u32(head.sealedBytes)
    .u32(head.schemaVersion)
    .u64(head.checkpoint)
    .u32(head.witnessSet.logLength)
    .fixed(head.witnessSet.headHash, hashBytes)
    .u64(head.timeMs)
    .finish();
}

/** What holds for every head whatever stands around it. */
function isConsistent(head: LogHead): boolean {
  return (
    head.deviceEpoch >= 1 &&
    head.keyEpoch >= 1 &&
    head.sequence >= 1 &&
    head.sealedBytes >= 1 &&
    head.sealedBytes <= maxSealedBytes &&
    (head.kind === "checkpoint" ? head.checkpoint === head.sequence : head.checkpoint < head.sequence) &&
    (head.sequence === 1) === equalConstantTime(head.previousHash, noHash)
  );
}

function statementOf({ network, account }: LogHead, body: Uint8Array): Statement {
  return { purpose: metadataHead, network, account, body };
}

function hashOf(body: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(hashLabel).update(body).digest());
}

/** Hash of a sealed payload, as heads name it. */
export function sealedHashOf(sealed: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(sealed).digest());
}

/** `sign` signs a statement with the device key. */
export function signHead(head: LogHead, sign: (statement: Statement) => Uint8Array): SignedHead {
  const body = encodeBody(head);
  const signature = sign(statementOf(head, body));
  const bytes = new ByteWriter().raw(body).fixed(signature, signatureBytes).finish();
  assert.equal(bytes.length, headBytes);
  return { head, bytes, hash: hashOf(body), signature };
}

/** Strict; throws `malformed`. Says nothing about the signature. The result owns its bytes. */
export function decodeHead(input: Uint8Array): SignedHead {
  if (input.length !== headBytes) throw malformed(`a head of ${input.length} bytes where ${headBytes} belong`);
  const bytes = new Uint8Array(input);
  const reader = new ByteReader(bytes);
  if (reader.u8() !== headFormat) throw malformed("the head has a format this version does not know");
  const kind = kinds[reader.u8() - 1];
  if (kind === undefined) throw malformed("the head has a kind this version does not know");
  const head: LogHead = {
    kind,
    network: reader.fixed(hashBytes),
    account: reader.fixed(hashBytes),
    deviceEpoch: reader.u32(),
    keyEpoch: reader.u32(),
    sequence: reader.u64(),
    previousHash: reader.fixed(hashBytes),
    sealedHash: reader.fixed(hashBytes),
    sealedBytes: reader.u32(),
    schemaVersion: reader.u32(),
    checkpoint: reader.u64(),
    witnessSet: { logLength: reader.u32(), headHash: reader.fixed(hashBytes) },
    timeMs: reader.u64(),
  };
  const body = bytes.subarray(0, bytes.length - signatureBytes);
  const signature = reader.fixed(signatureBytes);
  reader.end();
  if (!isConsistent(head)) throw malformed("the head contradicts itself");
  return { head, bytes, hash: hashOf(body), signature };
}

/** Whether the device with this key signed the head; never throws. */
export function verifyHead({ head, bytes, signature }: SignedHead, deviceKey: Uint8Array): boolean {
  return verifyStatement(deviceKey, statementOf(head, bytes.subarray(0, bytes.length - signatureBytes)), signature);
}

/** Whether the sealed bytes are those the head speaks of. */
export function isSealedOf({ head }: SignedHead, sealed: Uint8Array): boolean {
  return sealed.length === head.sealedBytes && equalConstantTime(sealedHashOf(sealed), head.sealedHash);
}

export function storedEntryOf({ head, bytes, hash }: SignedHead, sealed: Uint8Array): StoredEntry {
  const { sequence, kind, deviceEpoch } = head;
  return { sequence, kind, head: bytes, sealed, hash, deviceEpoch };
}
