import { z } from "@hono/zod-openapi";
import { type OwnerChain, rotationsMax } from "@piccolo/envelope";
import { fromBase64Url, fromHex, toBase64Url, toHex } from "@piccolo/bytes";
import { Id, Signature } from "./fields.ts";
import { LogHead } from "./networks.ts";

/** From the owner key that names the account to its newest one (docs/spec/membership.md, M20). */
export const OwnerKeyChain = z
  .object({
    firstOwnerPublicKey: Id,
    /** Of key epochs 2, 3, ... in this order. */
    rotations: z
      .array(z.object({ ownerPublicKey: Id, oldSignature: Signature, newSignature: Signature }))
      .max(rotationsMax),
  })
  .openapi("OwnerKeyChain");
export type OwnerKeyChain = z.infer<typeof OwnerKeyChain>;

export function encodeChain({ firstOwnerPublicKey, rotations }: OwnerChain): OwnerKeyChain {
  return {
    firstOwnerPublicKey: toHex(firstOwnerPublicKey),
    rotations: rotations.map(({ ownerPublicKey, oldSignature, newSignature }) => ({
      ownerPublicKey: toHex(ownerPublicKey),
      oldSignature: toBase64Url(oldSignature),
      newSignature: toBase64Url(newSignature),
    })),
  };
}

/** Throws `malformed`; nothing is verified yet. */
export function decodeChain({ firstOwnerPublicKey, rotations }: OwnerKeyChain): OwnerChain {
  return {
    firstOwnerPublicKey: fromHex(firstOwnerPublicKey),
    rotations: rotations.map(({ ownerPublicKey, oldSignature, newSignature }, at) => ({
      epoch: at + 2,
      ownerPublicKey: fromHex(ownerPublicKey),
      oldSignature: fromBase64Url(oldSignature),
      newSignature: fromBase64Url(newSignature),
    })),
  };
}

/** An account with the one device that may speak for it beside its owner. Nothing in it is secret. */
export const Registration = z
  .object({
    account: Id,
    ownerPublicKey: Id,
    /** How the owner key came from the account's first one; needed where it is not the first. */
    chain: OwnerKeyChain.optional(),
    device: z.object({
      key: Id,
      epoch: z.int().min(1).max(0xffff_ffff),
      /** The owner's signature of the device certificate. */
      certificate: Signature,
    }),
  })
  .openapi("Registration");
export type Registration = z.infer<typeof Registration>;

/** A newer owner key of a known account, whatever device it has. */
export const OwnerKeyUpdate = z.object({ account: Id, chain: OwnerKeyChain }).openapi("OwnerKeyUpdate");

export const OwnerKey = z.object({ account: Id, ownerPublicKey: Id, keyEpoch: z.int().min(1) }).openapi("OwnerKey");

/** Where an account is a member, for a device that has only the owner's keys. */
export const NetworkList = z.object({ networks: z.array(LogHead).max(1_024) }).openapi("NetworkList");

export const Account = z.object({ account: Id, deviceKey: Id, deviceEpoch: z.int() }).openapi("Account");
export type Account = z.infer<typeof Account>;
