import assert from "node:assert/strict";
import { ByteReader, ByteWriter, concat, equalConstantTime, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { accountBytes } from "./account.ts";
import { committedSealBytes, openCommitted, sealCommitted, sealSaltBytes } from "./committed-seal.ts";
import { envelopeFaults } from "./faults.ts";
import { secretBytes } from "./key-tree.ts";
import { holdRoot, type OpenedRoot } from "./opened-root.ts";

export const pepperBytes = 32;
/** Size of a password slot: format 1, account 32, epoch 4, cost 9, salt 32, seal 48 and the root 32. */
export const passwordSlotBytes = 1 + accountBytes + 4 + 9 + sealSaltBytes + committedSealBytes + secretBytes;

const format = 1;
const label = "piccolo/slots/v1/password";

/** What a guess of the password costs (RFC 9106). */
export interface PasswordCost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** The product opens and seals no slot that asks for less. Tests and drills inject a lower floor. */
export const passwordCostFloor: PasswordCost = { memoryKiB: 128 * 1024, passes: 1, parallelism: 1 };
/** What the product seals with: about a second on one x86-64 core (0.93 s measured). */
export const productCost: PasswordCost = { memoryKiB: 256 * 1024, passes: 3, parallelism: 1 };
// Over this a slot is no work of ours: a hostile one must not take the device's memory or minutes of its time.
const costCeiling: PasswordCost = { memoryKiB: 1024 * 1024, passes: 16, parallelism: 16 };

/** Argon2id version 0x13 with 32 bytes of output, without secret and associated data. */
export type Argon2id = (
  input: PasswordCost & { readonly password: Uint8Array; readonly salt: Uint8Array; readonly outputBytes: number },
) => Promise<Uint8Array>;

/** What opening a password slot needs; `argon2` runs elsewhere, and one at a time is the caller's matter. */
export interface PasswordSlotKey {
  readonly password: string;
  /** 32 bytes that only this device's TPM gives. */
  readonly pepper: Uint8Array;
  readonly argon2: Argon2id;
  /** `passwordCostFloor` in the product. */
  readonly floor: PasswordCost;
}

function isAtLeast(cost: PasswordCost, floor: PasswordCost): boolean {
  return cost.memoryKiB >= floor.memoryKiB && cost.passes >= floor.passes && cost.parallelism >= floor.parallelism;
}

function isPossible(cost: PasswordCost): boolean {
  // RFC 9106: at least eight blocks a lane.
  return (
    isAtLeast(costCeiling, cost) && cost.passes >= 1 && cost.parallelism >= 1 && cost.memoryKiB >= 8 * cost.parallelism
  );
}

async function stretch(key: Omit<PasswordSlotKey, "floor">, cost: PasswordCost, salt: Uint8Array): Promise<Uint8Array> {
  assert.equal(key.pepper.length, pepperBytes);
  const password = toUtf8(key.password.normalize("NFC"));
  const { memoryKiB, passes, parallelism } = cost;
  try {
    const stretched = await key.argon2({ password, salt, memoryKiB, passes, parallelism, outputBytes: secretBytes });
    assert.equal(stretched.length, secretBytes);
    return stretched;
  } finally {
    password.fill(0);
  }
}

function header(account: Uint8Array, epoch: number, cost: PasswordCost, salt: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u8(format)
    .fixed(account, accountBytes)
    .u32(epoch)
    .u32(cost.memoryKiB)
    .u32(cost.passes)
    .u8(cost.parallelism)
    .fixed(salt, sealSaltBytes)
    .finish();
}

/** Seals the root secret of an epoch under a password: `passwordSlotBytes` bytes, useless without this device's pepper. */
export async function sealPasswordSlot(
  options: PasswordSlotKey & {
    /** 32 bytes; stays the caller's. */
    readonly root: Uint8Array;
    readonly account: Uint8Array;
    readonly epoch: number;
    readonly cost: PasswordCost;
    readonly world: World;
  },
): Promise<Uint8Array> {
  const { root, account, epoch, cost, floor, pepper, world } = options;
  assert.equal(root.length, secretBytes);
  assert.ok(isPossible(cost));
  if (!isAtLeast(cost, floor)) throw tooCheap(cost, floor);
  const salt = world.randomBytes(sealSaltBytes);
  const head = header(account, epoch, cost, salt);
  const stretched = await stretch(options, cost, salt);
  const sealed = sealCommitted(
    { key: stretched, salt: pepper, info: concat(toUtf8(label), head), associatedData: head },
    root,
  );
  stretched.fill(0);
  return concat(head, sealed);
}

interface Parts {
  readonly account: Uint8Array;
  readonly epoch: number;
  readonly cost: PasswordCost;
  readonly salt: Uint8Array;
  readonly head: Uint8Array;
  readonly sealed: Uint8Array;
}

function parse(slot: Uint8Array): Parts | undefined {
  if (slot.length !== passwordSlotBytes) return undefined;
  const reader = new ByteReader(slot);
  const known = reader.u8() === format;
  const account = reader.fixed(accountBytes);
  const epoch = reader.u32();
  const cost = { memoryKiB: reader.u32(), passes: reader.u32(), parallelism: reader.u8() };
  const salt = reader.fixed(sealSaltBytes);
  const sealed = reader.rest();
  const head = slot.subarray(0, slot.length - sealed.length);
  return known && epoch >= 1 && isPossible(cost) ? { account, epoch, cost, salt, head, sealed } : undefined;
}

/** What a guess costs that opens this slot, or undefined where the slot is damaged; for showing, not for trusting. */
export function passwordSlotCost(slot: Uint8Array): PasswordCost | undefined {
  return parse(slot)?.cost;
}

/**
 * Opens a password slot; with `account`, only one of that account. Throws `slot-too-cheap` under the floor, else
 * `wrong-password` for every failure, after the same work: whether password, pepper or slot is wrong is nobody's to learn.
 */
export async function openPasswordSlot(
  slot: Uint8Array,
  key: PasswordSlotKey & { readonly account?: Uint8Array },
): Promise<OpenedRoot> {
  const parts = parse(slot);
  if (parts !== undefined && !isAtLeast(parts.cost, key.floor)) throw tooCheap(parts.cost, key.floor);
  const stretched = await stretch(key, parts?.cost ?? key.floor, parts?.salt ?? new Uint8Array(sealSaltBytes));
  const root =
    parts === undefined
      ? undefined
      : openCommitted(
          {
            key: stretched,
            salt: key.pepper,
            info: concat(toUtf8(label), parts.head),
            associatedData: parts.head,
          },
          parts.sealed,
        );
  stretched.fill(0);
  const expected = parts !== undefined && equalConstantTime(key.account ?? parts.account, parts.account);
  if (root?.length !== secretBytes || parts === undefined || !expected) {
    root?.fill(0);
    throw envelopeFaults.fault(
      "wrong-password",
      "the password does not open this device: try again, or use the recovery phrase",
    );
  }
  return holdRoot(root, parts.account, parts.epoch);
}

function tooCheap(cost: PasswordCost, floor: PasswordCost): Error {
  return envelopeFaults.fault(
    "slot-too-cheap",
    "the password slot asks for less work than this version allows: set a password again with the recovery phrase",
    { details: { memoryKiB: cost.memoryKiB, passes: cost.passes, floorMemoryKiB: floor.memoryKiB } },
  );
}
