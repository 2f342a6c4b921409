import { z } from "@hono/zod-openapi";
import { Clock } from "./session.ts";

export const Member = z
  .object({
    /** Account id, lower-case hex. */
    account: z.string(),
    name: z.string(),
    self: z.boolean(),
    online: z.boolean(),
    /** 0 = never seen. */
    lastSeenMs: z.number(),
    roundTripMs: z.number().nullable(),
    path: z.enum(["direct", "relay", "none"]),
    joinedAtMs: z.number(),
    /** Its clock is over an hour away from most others', which is why it cannot be reached. */
    clockWrong: z.boolean(),
    /** What this member's device stores for the owner of this one. */
    holdsBytes: z.number(),
  })
  .openapi("Member");
export type Member = z.infer<typeof Member>;

export const NetworkView = z
  .object({
    state: z.enum(["none", "joining", "member"]),
    name: z.string(),
    networkId: z.string(),
    /** Account id of this device's owner, lower-case hex; empty before the claim. */
    self: z.string(),
    members: z.array(Member),
    /** Present while an invitation handed to the device waits for the owner's yes. */
    waitingInvitation: z.object({ networkName: z.string(), invitedBy: z.string(), expiresAtMs: z.number() }).optional(),
    policy: z
      .object({
        k: z.int(),
        n: z.int(),
        /** Losses that a file survives when all n fragments are placed. */
        survives: z.int(),
        ninesPerYear: z.number(),
        expansion: z.number(),
      })
      .optional(),
    /** Ciphertext that lies only on this device until enough holders take it. */
    spool: z.object({ usedBytes: z.number(), limitBytes: z.number(), reason: z.string() }),
    /** What this device stores for others. */
    held: z.object({ usedBytes: z.number(), quotaBytes: z.number(), fragments: z.number() }),
    /** Whether changes wait that too few members have witnessed yet; absent before the claim. */
    waitingChanges: z.boolean().optional(),
    clock: Clock,
    centralReachable: z.boolean(),
  })
  .openapi("Network");
export type NetworkView = z.infer<typeof NetworkView>;

/** Without an invitation text the one handed to the device is taken. */
export const Join = z.object({ invitation: z.string().max(4096).optional() }).openapi("Join");
export type Join = z.infer<typeof Join>;

export const Found = z.object({ name: z.string().min(1).max(200) }).openapi("Found");
export type Found = z.infer<typeof Found>;

export const Invitation = z
  .object({
    id: z.string(),
    state: z.enum(["needs-cosigner", "open", "used", "expired"]),
    /** Whether this device's owner made it; names are no sign of that, since two members may have the same. */
    mine: z.boolean(),
    createdBy: z.string(),
    expiresAtMs: z.number(),
    /** The text to hand over; known only to the device that made it, and only while it is of use. */
    token: z.string().optional(),
  })
  .openapi("Invitation");
export type Invitation = z.infer<typeof Invitation>;

export const InvitationList = z.object({ invitations: z.array(Invitation) }).openapi("InvitationList");
