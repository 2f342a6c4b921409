import assert from "node:assert/strict";
import { ByteReader, ByteWriter, concat, equalConstantTime, malformed } from "@piccolo/bytes";
import { accountBytes } from "./account.ts";
import { envelopeFaults } from "./faults.ts";
import { secretBytes } from "./key-tree.ts";
import { holdRoot, type OpenedRoot } from "./opened-root.ts";
import { deriveOwnerKeys, firstEpoch, type OwnerKeys } from "./owner-keys.ts";
import { unwrapSecret, wrappedSecretBytes, wrapSecret } from "./wrapped-secret.ts";

/** Size of a wrapped volume key: format 1, epoch 4, wrapped secret 80. */
export const wrappedVolumeKeyBytes = 5 + wrappedSecretBytes;
/** Size of a wrapped previous root: format 1, its epoch 4, the epoch it is wrapped under 4, wrapped secret 80. */
export const wrappedPreviousRootBytes = 9 + wrappedSecretBytes;
/** How many earlier roots may wait for their files to be rewrapped, when one re-key follows another. */
export const previousRootsMax = 8;

const format = 1;

function volumeContext(account: Uint8Array, epoch: number): Uint8Array {
  return new ByteWriter().u8(format).fixed(account, accountBytes).u32(epoch).finish();
}

/** Wraps the volume key (32 random bytes) under the root of an epoch: opens the volume where the TPM no longer does. */
export function wrapVolumeKey(keys: OwnerKeys, volumeKey: Uint8Array): Uint8Array {
  const slotsKey = keys.slotsKey();
  const wrapped = wrapSecret(slotsKey, "volume", volumeContext(keys.account, keys.epoch), volumeKey);
  slotsKey.fill(0);
  return concat(new ByteWriter().u8(format).u32(keys.epoch).finish(), wrapped);
}

/** Throws `malformed`, `wrong-epoch` or `damaged-slot`. The volume key is the caller's to erase. */
export function unwrapVolumeKey(keys: OwnerKeys, bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw malformed("the wrapped volume key has a format this version does not know");
  const epoch = reader.u32();
  const wrapped = reader.fixed(wrappedSecretBytes);
  reader.end();
  if (epoch !== keys.epoch) throw otherEpoch("the volume key", epoch, keys.epoch);
  const slotsKey = keys.slotsKey();
  const volumeKey = unwrapSecret(slotsKey, "volume", volumeContext(keys.account, epoch), wrapped);
  slotsKey.fill(0);
  if (volumeKey === undefined) {
    throw envelopeFaults.fault("damaged-slot", "the wrapped volume key is damaged: use another copy of the slot list");
  }
  return volumeKey;
}

function previousContext(account: Uint8Array, oldEpoch: number, underEpoch: number): Uint8Array {
  return new ByteWriter().u8(format).fixed(account, accountBytes).u32(oldEpoch).u32(underEpoch).finish();
}

/** Wraps the root (32 bytes, the caller's) of an earlier epoch, until every file key of it is wrapped under the new one. */
export function wrapPreviousRoot(newKeys: OwnerKeys, oldRoot: Uint8Array, oldEpoch: number): Uint8Array {
  assert.equal(oldRoot.length, secretBytes);
  assert.ok(oldEpoch >= firstEpoch && oldEpoch < newKeys.epoch);
  const slotsKey = newKeys.slotsKey();
  const context = previousContext(newKeys.account, oldEpoch, newKeys.epoch);
  const wrapped = wrapSecret(slotsKey, "previous-root", context, oldRoot);
  slotsKey.fill(0);
  return concat(new ByteWriter().u8(format).u32(oldEpoch).u32(newKeys.epoch).finish(), wrapped);
}

function parsePrevious(bytes: Uint8Array): { oldEpoch: number; underEpoch: number; wrapped: Uint8Array } {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw malformed("the wrapped root has a format this version does not know");
  const parts = { oldEpoch: reader.u32(), underEpoch: reader.u32(), wrapped: reader.fixed(wrappedSecretBytes) };
  reader.end();
  if (parts.oldEpoch < firstEpoch || parts.oldEpoch >= parts.underEpoch) {
    throw malformed("a root is wrapped under no later epoch");
  }
  return parts;
}

/** The epochs a wrapped previous root names. Throws `malformed`. */
export function previousRootEpochs(bytes: Uint8Array): { readonly oldEpoch: number; readonly underEpoch: number } {
  const { oldEpoch, underEpoch } = parsePrevious(bytes);
  return { oldEpoch, underEpoch };
}

/** Throws `malformed`, `wrong-epoch`, `damaged-slot` or, for a first epoch that is another account's, `wrong-account`. */
export function unwrapPreviousRoot(keys: OwnerKeys, bytes: Uint8Array): OpenedRoot {
  const { oldEpoch, underEpoch, wrapped } = parsePrevious(bytes);
  if (underEpoch !== keys.epoch) throw otherEpoch(`the root of epoch ${oldEpoch}`, underEpoch, keys.epoch);
  const slotsKey = keys.slotsKey();
  const root = unwrapSecret(slotsKey, "previous-root", previousContext(keys.account, oldEpoch, underEpoch), wrapped);
  slotsKey.fill(0);
  if (root === undefined) {
    throw envelopeFaults.fault(
      "damaged-slot",
      `the wrapped root of epoch ${oldEpoch} is damaged: use another copy of the slot`,
    );
  }
  return holdRoot(root, keys.account, oldEpoch);
}

/**
 * The keys of all earlier epochs, newest first. Each root is wrapped under the current epoch or under an earlier one of
 * the list. Throws as `unwrapPreviousRoot` does, `malformed` for a list that is too long or names an epoch twice; then
 * nothing opened is kept. The current keys stay the caller's.
 */
export function openPreviousKeys(current: OwnerKeys, wrapped: readonly Uint8Array[]): OwnerKeys[] {
  const parsed = wrapped.map((bytes) => ({ bytes, ...parsePrevious(bytes) })).sort((a, b) => b.oldEpoch - a.oldEpoch);
  const epochs = new Set(parsed.map(({ oldEpoch }) => oldEpoch));
  if (parsed.length > previousRootsMax || epochs.size !== parsed.length) {
    throw malformed("the previous roots are too many or name an epoch twice");
  }
  const opened: OwnerKeys[] = [];
  try {
    for (const { bytes, underEpoch } of parsed) {
      const under = [current, ...opened].find(({ epoch }) => epoch === underEpoch);
      if (under === undefined) throw otherEpoch("a previous root", underEpoch, current.epoch);
      const root = unwrapPreviousRoot(under, bytes);
      try {
        opened.push(root.deriveKeys());
      } finally {
        root.erase();
      }
    }
    return opened;
  } catch (error) {
    for (const keys of opened) keys.erase();
    throw error;
  }
}

function otherEpoch(what: string, named: number, held: number): Error {
  return envelopeFaults.fault("wrong-epoch", `${what} is wrapped under key epoch ${named}, not ${held}`, {
    details: { epoch: named },
  });
}

/** Whether a root secret gives just these keys. */
export function isRootOf(root: Uint8Array, keys: OwnerKeys): boolean {
  const derived = deriveOwnerKeys(root, keys.epoch, keys.epoch === firstEpoch ? undefined : keys.account);
  const same = equalConstantTime(derived.ownerPublicKey, keys.ownerPublicKey);
  derived.erase();
  return same;
}
