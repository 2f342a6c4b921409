import { z } from "@hono/zod-openapi";

export const Clock = z
  .object({
    /** `forgotten`: the machine's own clock lost the time while it was off, and nobody has told the time since. */
    state: z.enum(["unknown", "good", "wrong", "forgotten"]),
    /** How far this device's clock is ahead of most members' (negative: behind). */
    offsetMs: z.number(),
  })
  .openapi("Clock");
export type Clock = z.infer<typeof Clock>;

export const Status = z
  .object({
    /**
     * `closed`: the sealed volume is not open, so that the device can only explain, take the phrase (or the password,
     * where it is asked at boot) and be reset. `unclaimed`: it has no owner. `locked`: it works for the network, but the
     * owner's files wait for the password. `ready`: unlocked.
     */
    phase: z.enum(["closed", "unclaimed", "locked", "ready"]),
    /** Why it is in this phase, where there is something to explain; the codes are stable. */
    reasons: z.array(z.object({ code: z.string(), detail: z.string() })),
    /** What the closed device takes: its password, its phrase, or neither until it was started again. */
    opensWith: z.array(z.enum(["password", "phrase"])),
    /** Whether the closed device can be reset by its claim code; never where nobody should type a secret into it. */
    resets: z.boolean(),
    deviceName: z.string(),
    version: z.string(),
    signedIn: z.boolean(),
    /** Names of what this device was told to do without; shown in red. */
    insecure: z.array(z.string()),
    clock: Clock,
    serverTimeMs: z.number(),
  })
  .openapi("Status");
export type Status = z.infer<typeof Status>;

export const password = z.string().min(10).max(1024);

export const Claim = z
  .object({ claimCode: z.string().min(1).max(200), ownerName: z.string().min(1).max(200), password })
  .openapi("Claim");
export type Claim = z.infer<typeof Claim>;

export const SignIn = z.object({ password: z.string().max(1024) }).openapi("SignIn");
export type SignIn = z.infer<typeof SignIn>;

export const Session = z
  .object({
    csrf: z.string(),
    ownerName: z.string(),
    deviceName: z.string(),
    expiresAtMs: z.number(),
    /** Whether the owner has shown that the recovery phrase was written down; a warning stands until then. */
    phraseConfirmed: z.boolean(),
  })
  .openapi("Session");
export type Session = z.infer<typeof Session>;

export const PasswordChange = z
  .object({ oldPassword: z.string().max(1024), newPassword: password })
  .openapi("PasswordChange");
export type PasswordChange = z.infer<typeof PasswordChange>;
