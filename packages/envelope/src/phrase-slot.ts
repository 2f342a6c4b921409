import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, concat, equalConstantTime, malformed, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { accountBytes, accountId } from "./account.ts";
import { committedSealBytes, openCommitted, sealCommitted, sealSaltBytes } from "./committed-seal.ts";
import { ed25519KeyBytes, ed25519SignatureBytes } from "./ed25519.ts";
import { envelopeFaults } from "./faults.ts";
import { holdRoot, type OpenedRoot } from "./opened-root.ts";
import { firstEpoch, type OwnerKeys } from "./owner-keys.ts";
import {
  type OwnerChain,
  readOwnerChain,
  rotationsMax,
  verifyRotationChain,
  writeOwnerChain,
} from "./owner-rotation.ts";
import { pad, sizeClass, unpad } from "./padding.ts";
import { locatorOf, type Phrase } from "./phrase.ts";
import { isRootOf } from "./root-wraps.ts";
import { decodeSlotDetails, encodeSlotDetails, type SlotDetails, slotDetailsBytesMax } from "./slot-details.ts";
import { definePurpose, signStatement, type Statement, verifyStatement } from "./statement.ts";
import { unwrapSecret, wrappedSecretBytes, wrapSecret } from "./wrapped-secret.ts";

// A slot is looked for before any network is known.
const slotLocator = definePurpose("slot-locator", "none");
const slot = definePurpose("slot", "none");

const format = 1;
const detailsLabel = "piccolo/slots/v1/details";
const sealedDetailsBytesMax = sealSaltBytes + committedSealBytes + sizeClass(4 + slotDetailsBytesMax);

/** No sealed slot is longer; whoever keeps slots refuses more before reading on. */
export const sealedSlotBytesMax =
  1 +
  ed25519KeyBytes +
  1 +
  rotationsMax * (ed25519KeyBytes + 2 * ed25519SignatureBytes) +
  ed25519KeyBytes +
  wrappedSecretBytes +
  ed25519SignatureBytes +
  16 +
  4 +
  sealedDetailsBytesMax +
  ed25519SignatureBytes;

/** What anybody can check of a sealed slot without opening it. */
export interface SealedSlot {
  /** 32 bytes: the slot lies under it. */
  readonly locator: Uint8Array;
  /** Ed25519, 32 raw bytes, whose hash the locator is; who asks for the slot proves to hold it. */
  readonly locatorKey: Uint8Array;
  readonly account: Uint8Array;
  readonly epoch: number;
  /** The owner key of that epoch. */
  readonly ownerPublicKey: Uint8Array;
  readonly chain: OwnerChain;
  /** Rises with every slot of the account, whatever its locator. */
  readonly number: number;
  /** Slots of the account with a lower number are to be forgotten; at most `number`. */
  readonly forgetBelow: number;
}

interface Parts extends SealedSlot {
  readonly wrappedRoot: Uint8Array;
  readonly locatorSignature: Uint8Array;
  readonly sealedDetails: Uint8Array;
  /** Everything but the owner's signature. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function rootContext(account: Uint8Array, epoch: number): Uint8Array {
  return new ByteWriter().u8(format).fixed(account, accountBytes).u32(epoch).finish();
}

/** The holder of the phrase says which account it opens: nobody can lay a slot of theirs under another's locator. */
function locatorStatement(account: Uint8Array, epoch: number, wrappedRoot: Uint8Array): Statement {
  const body = new ByteWriter().u32(epoch).fixed(wrappedRoot, wrappedSecretBytes).finish();
  return { purpose: slotLocator, network: undefined, account, body };
}

function slotStatement(account: Uint8Array, signed: Uint8Array): Statement {
  const body = new Uint8Array(createHash("sha256").update(signed).digest());
  return { purpose: slot, network: undefined, account, body };
}

function detailsContext(
  keys: OwnerKeys,
  locator: Uint8Array,
  number: number,
  salt: Uint8Array,
): Parameters<typeof sealCommitted>[0] {
  const associatedData = new ByteWriter()
    .u8(format)
    .fixed(keys.account, accountBytes)
    .u32(keys.epoch)
    .raw(locator)
    .u64(number)
    .finish();
  return { key: keys.slotsKey(), salt, info: concat(toUtf8(detailsLabel), associatedData), associatedData };
}

function sealDetails(
  keys: OwnerKeys,
  locator: Uint8Array,
  number: number,
  details: SlotDetails,
  world: World,
): Uint8Array {
  const salt = world.randomBytes(sealSaltBytes);
  const context = detailsContext(keys, locator, number, salt);
  const sealed = sealCommitted(context, pad(encodeSlotDetails(details)));
  context.key.fill(0);
  return concat(salt, sealed);
}

/** What is renewed without the phrase: number, what to forget, and the details. */
export interface SlotRenewal {
  readonly details: SlotDetails;
  /** Higher than any slot of the account had before. */
  readonly number: number;
  /** Lower numbers are forgotten. Absent: all but this one are. During a re-key, the number of the old slot. */
  readonly forgetBelow?: number;
  readonly world: World;
}

function finish(
  keys: OwnerKeys,
  chain: OwnerChain,
  phraseLayer: { locatorKey: Uint8Array; wrappedRoot: Uint8Array; locatorSignature: Uint8Array },
  { details, number, forgetBelow = number, world }: SlotRenewal,
): Uint8Array {
  assert.ok(number >= 1 && forgetBelow >= 1 && forgetBelow <= number);
  const writer = new ByteWriter().u8(format);
  writeOwnerChain(writer, chain);
  const signed = writer
    .fixed(phraseLayer.locatorKey, ed25519KeyBytes)
    .fixed(phraseLayer.wrappedRoot, wrappedSecretBytes)
    .fixed(phraseLayer.locatorSignature, ed25519SignatureBytes)
    .u64(number)
    .u64(forgetBelow)
    .sized(sealDetails(keys, locatorOf(phraseLayer.locatorKey), number, details, world))
    .finish();
  return concat(signed, keys.sign(slotStatement(keys.account, signed)));
}

/** Seals a root secret under a recovery phrase. The chain leads to the keys' epoch; `root` stays the caller's. */
export function sealPhraseSlot(
  options: SlotRenewal & {
    readonly root: Uint8Array;
    readonly phrase: Phrase;
    readonly ownerKeys: OwnerKeys;
    readonly chain: OwnerChain;
  },
): Uint8Array {
  const { root, phrase, ownerKeys: keys, chain } = options;
  assert.ok(isRootOf(root, keys), "the root of other keys");
  assertLeadsTo(chain, keys);
  const slotKey = phrase.slotKey();
  const wrappedRoot = wrapSecret(slotKey, "phrase-root", rootContext(keys.account, keys.epoch), root);
  slotKey.fill(0);
  const locatorSignature = signStatement(phrase.locatorKey, locatorStatement(keys.account, keys.epoch, wrappedRoot));
  return finish(keys, chain, { locatorKey: phrase.locatorKey.publicKey, wrappedRoot, locatorSignature }, options);
}

function assertLeadsTo(chain: OwnerChain, keys: OwnerKeys): void {
  const newest = verifyRotationChain(keys.account, chain);
  assert.ok(
    newest.epoch === keys.epoch && equalConstantTime(newest.ownerPublicKey, keys.ownerPublicKey),
    "a chain that does not lead to the keys",
  );
}

/** The same slot with other details, without the phrase. Throws as `verifySealedSlot` does; `wrong-account`, `wrong-epoch`. */
export function resealDetails(sealed: Uint8Array, ownerKeys: OwnerKeys, renewal: SlotRenewal): Uint8Array {
  const parts = verified(sealed);
  checkKeys(parts, ownerKeys);
  assert.ok(renewal.number > parts.number, "a renewed slot has a higher number");
  return finish(ownerKeys, parts.chain, parts, renewal);
}

function checkKeys(parts: SealedSlot, keys: OwnerKeys): void {
  if (!equalConstantTime(parts.account, keys.account)) {
    throw envelopeFaults.fault("wrong-account", "the slot belongs to another account");
  }
  if (parts.epoch !== keys.epoch || !equalConstantTime(parts.ownerPublicKey, keys.ownerPublicKey)) {
    throw envelopeFaults.fault("wrong-epoch", `the slot is of key epoch ${parts.epoch}, not ${keys.epoch}`, {
      details: { epoch: parts.epoch },
    });
  }
}

function parse(bytes: Uint8Array): Parts {
  if (bytes.length > sealedSlotBytesMax) throw malformed("the sealed slot is over its bound");
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw malformed("the sealed slot has a format this version does not know");
  const chain = readOwnerChain(reader);
  const locatorKey = new Uint8Array(reader.fixed(ed25519KeyBytes));
  const wrappedRoot = reader.fixed(wrappedSecretBytes);
  const locatorSignature = reader.fixed(ed25519SignatureBytes);
  const number = reader.u64();
  const forgetBelow = reader.u64();
  const sealedDetails = reader.sized(sealedDetailsBytesMax);
  const signed = bytes.subarray(0, bytes.length - reader.remaining);
  const signature = reader.fixed(ed25519SignatureBytes);
  reader.end();
  if (number < 1 || forgetBelow < 1 || forgetBelow > number) {
    throw malformed("the numbers of the sealed slot do not go together");
  }
  const account = accountId(chain.firstOwnerPublicKey);
  const { epoch, ownerPublicKey } = chain.rotations.at(-1) ?? {
    epoch: firstEpoch,
    ownerPublicKey: chain.firstOwnerPublicKey,
  };
  const locator = locatorOf(locatorKey);
  const facts = { locator, locatorKey, account, epoch, ownerPublicKey, chain, number, forgetBelow };
  return { ...facts, wrappedRoot, locatorSignature, sealedDetails, signed, signature };
}

function verified(bytes: Uint8Array): Parts {
  const parts = parse(bytes);
  // The owner's signature first: it is one check, the chain may be many.
  const { account, epoch, chain, locatorKey, wrappedRoot } = parts;
  const signed =
    verifyStatement(parts.ownerPublicKey, slotStatement(account, parts.signed), parts.signature) &&
    verifyStatement(locatorKey, locatorStatement(account, epoch, wrappedRoot), parts.locatorSignature);
  if (!signed) {
    throw envelopeFaults.fault(
      "damaged-slot",
      "the sealed slot is damaged or not signed by its account and its phrase",
    );
  }
  verifyRotationChain(account, chain);
  return parts;
}

/**
 * Checks all of a sealed slot that can be checked without opening it. Throws `malformed`, `damaged-slot` or
 * `broken-rotation`.
 */
export function verifySealedSlot(bytes: Uint8Array): SealedSlot {
  const { locator, locatorKey, account, epoch, ownerPublicKey, chain, number, forgetBelow } = verified(bytes);
  return { locator, locatorKey, account, epoch, ownerPublicKey, chain, number, forgetBelow };
}

function openDetails(parts: Parts, keys: OwnerKeys): SlotDetails {
  const context = detailsContext(keys, parts.locator, parts.number, parts.sealedDetails.subarray(0, sealSaltBytes));
  const padded =
    parts.sealedDetails.length < sealSaltBytes
      ? undefined
      : openCommitted(context, parts.sealedDetails.subarray(sealSaltBytes));
  context.key.fill(0);
  const encoded = padded === undefined ? undefined : unpad(padded);
  if (encoded === undefined) {
    throw envelopeFaults.fault("damaged-slot", "the details of the slot do not open: fetch another copy of it");
  }
  return decodeSlotDetails(encoded);
}

/** The details of a slot, with the keys of its epoch. Throws as `resealDetails` does, and `damaged-slot`. */
export function openSlotDetails(bytes: Uint8Array, ownerKeys: OwnerKeys): SlotDetails {
  const parts = verified(bytes);
  checkKeys(parts, ownerKeys);
  return openDetails(parts, ownerKeys);
}

/** What a recovery phrase gives: the root of the slot's epoch, and where the account's data is. */
export interface OpenedPhraseSlot extends SealedSlot {
  readonly opened: OpenedRoot;
  readonly details: SlotDetails;
}

/**
 * Opens a sealed slot. Throws as `verifySealedSlot` does; `phrase-unknown` where the slot is another phrase's;
 * `wrong-account` where `account` is given and is another or the root is not the account's; `damaged-slot`. Then nothing
 * opened is kept.
 */
export function openPhraseSlot(bytes: Uint8Array, phrase: Phrase, account?: Uint8Array): OpenedPhraseSlot {
  const parts = verified(bytes);
  if (!equalConstantTime(parts.locator, phrase.locator)) {
    throw envelopeFaults.fault(
      "phrase-unknown",
      "the phrase opens another slot: use the newest phrase of this account",
    );
  }
  if (account !== undefined && !equalConstantTime(parts.account, account)) {
    throw envelopeFaults.fault("wrong-account", "the phrase belongs to another account");
  }
  const slotKey = phrase.slotKey();
  const root = unwrapSecret(slotKey, "phrase-root", rootContext(parts.account, parts.epoch), parts.wrappedRoot);
  slotKey.fill(0);
  if (root === undefined) {
    throw envelopeFaults.fault("damaged-slot", "the root in the slot does not open: fetch another copy of it");
  }
  const opened = holdRoot(root, parts.account, parts.epoch);
  try {
    const keys = opened.deriveKeys();
    try {
      if (!equalConstantTime(keys.ownerPublicKey, parts.ownerPublicKey)) {
        throw envelopeFaults.fault("wrong-account", "the root in the slot is not the account's");
      }
      const { locator, locatorKey, epoch, ownerPublicKey, chain, number, forgetBelow } = parts;
      const facts = { locator, locatorKey, account: parts.account, epoch, ownerPublicKey, chain, number, forgetBelow };
      return { ...facts, opened, details: openDetails(parts, keys) };
    } finally {
      keys.erase();
    }
  } catch (error) {
    opened.erase();
    throw error;
  }
}
