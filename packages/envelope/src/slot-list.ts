import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, concat, equalConstantTime, malformed } from "@piccolo/bytes";
import { accountId } from "./account.ts";
import { ed25519SignatureBytes } from "./ed25519.ts";
import { envelopeFaults } from "./faults.ts";
import type { OwnerKeys } from "./owner-keys.ts";
import { type OwnerChain, readOwnerChain, verifyRotationChain, writeOwnerChain } from "./owner-rotation.ts";
import { passwordSlotBytes } from "./password-slot.ts";
import { sealedSlotBytesMax, verifySealedSlot } from "./phrase-slot.ts";
import { previousRootsMax, wrappedPreviousRootBytes, wrappedVolumeKeyBytes } from "./root-wraps.ts";
import { definePurpose, type Statement, verifyStatement } from "./statement.ts";

// The list is of one device and account, in whatever networks.
const slotList = definePurpose("slot-list", "none");

const format = 1;

/**
 * The slots of one device, in a file outside its volume. Nothing in it is secret, and nothing in it opens without password
 * and TPM or the recovery phrase.
 */
export interface SlotList {
  readonly account: Uint8Array;
  /** Leads from the account to the owner key that signed the list, whose epoch the slots are of. */
  readonly chain: OwnerChain;
  readonly epoch: number;
  readonly ownerPublicKey: Uint8Array;
  /** From 1, rises with every change. */
  readonly number: number;
  /** Absent until a password is set on this device. */
  readonly passwordSlot: Uint8Array | undefined;
  /** The sealed slot of the recovery phrase, as keepers have it; absent until the phrase is confirmed. */
  readonly phraseSlot: Uint8Array | undefined;
  /** From `wrapVolumeKey`; absent where the device runs without a volume. */
  readonly volumeSlot: Uint8Array | undefined;
  /** From `wrapPreviousRoot`; empty but during a re-key. */
  readonly previousRoots: readonly Uint8Array[];
}

export const slotListBytesMax =
  2 * sealedSlotBytesMax + passwordSlotBytes + wrappedVolumeKeyBytes + previousRootsMax * wrappedPreviousRootBytes;

function statement(account: Uint8Array, signed: Uint8Array): Statement {
  const body = new Uint8Array(createHash("sha256").update(signed).digest());
  return { purpose: slotList, network: undefined, account, body };
}

const absent = new Uint8Array(0);

/** Signs and encodes a list; account, epoch and owner key are those of the keys, to which the chain leads. */
export function encodeSlotList(
  keys: OwnerKeys,
  list: Omit<SlotList, "account" | "epoch" | "ownerPublicKey">,
): Uint8Array {
  const newest = verifyRotationChain(keys.account, list.chain);
  assert.ok(newest.epoch === keys.epoch && equalConstantTime(newest.ownerPublicKey, keys.ownerPublicKey));
  assert.ok(list.number >= 1 && list.previousRoots.length <= previousRootsMax);
  const writer = new ByteWriter().u8(format);
  writeOwnerChain(writer, list.chain);
  writer
    .u64(list.number)
    .sized(list.passwordSlot ?? absent)
    .sized(list.phraseSlot ?? absent)
    .sized(list.volumeSlot ?? absent)
    .u8(list.previousRoots.length);
  for (const wrapped of list.previousRoots) writer.fixed(wrapped, wrappedPreviousRootBytes);
  const signed = writer.finish();
  const bytes = concat(signed, keys.sign(statement(keys.account, signed)));
  decodeSlotList(bytes);
  return bytes;
}

function optional(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === 0 ? undefined : new Uint8Array(bytes);
}

/**
 * Reads and verifies a list; with `account`, only one of that account. Throws `malformed`, `damaged-slot`,
 * `broken-rotation` or `wrong-account`.
 */
export function decodeSlotList(bytes: Uint8Array, account?: Uint8Array): SlotList {
  if (bytes.length > slotListBytesMax) throw malformed("the slot list is over its bound");
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw malformed("the slot list has a format this version does not know");
  const chain = readOwnerChain(reader);
  const number = reader.u64();
  const passwordSlot = optional(reader.sized(passwordSlotBytes));
  const phraseSlot = optional(reader.sized(sealedSlotBytesMax));
  const volumeSlot = optional(reader.sized(wrappedVolumeKeyBytes));
  const count = reader.u8();
  if (count > previousRootsMax) throw malformed("the slot list has more previous roots than allowed");
  const previousRoots = Array.from({ length: count }, () => new Uint8Array(reader.fixed(wrappedPreviousRootBytes)));
  const signed = bytes.subarray(0, bytes.length - reader.remaining);
  const signature = reader.fixed(ed25519SignatureBytes);
  reader.end();
  if (number < 1) throw malformed("slot lists are numbered from 1");
  const own = accountId(chain.firstOwnerPublicKey);
  if (account !== undefined && !equalConstantTime(own, account)) {
    throw envelopeFaults.fault("wrong-account", "the slot list belongs to another account");
  }
  const { epoch, ownerPublicKey } = verifyRotationChain(own, chain);
  if (!verifyStatement(ownerPublicKey, statement(own, signed), signature)) {
    throw envelopeFaults.fault("damaged-slot", "the slot list is damaged or not signed by its account");
  }
  if (phraseSlot !== undefined && !equalConstantTime(verifySealedSlot(phraseSlot).account, own)) {
    throw envelopeFaults.fault("damaged-slot", "the slot list holds a phrase slot of another account");
  }
  return { account: own, chain, epoch, ownerPublicKey, number, passwordSlot, phraseSlot, volumeSlot, previousRoots };
}
