import { z } from "@hono/zod-openapi";
import { Id, Signature } from "./fields.ts";

/** An account with the one device that may speak for it beside its owner. Nothing in it is secret. */
export const Registration = z
  .object({
    account: Id,
    ownerPublicKey: Id,
    device: z.object({
      key: Id,
      epoch: z.int().min(1).max(0xffff_ffff),
      /** The owner's signature of the device certificate. */
      certificate: Signature,
    }),
  })
  .openapi("Registration");
export type Registration = z.infer<typeof Registration>;

export const Account = z.object({ account: Id, deviceKey: Id, deviceEpoch: z.int() }).openapi("Account");
export type Account = z.infer<typeof Account>;
