import { z } from "@hono/zod-openapi";

export const Clock = z
  .object({
    state: z.enum(["unknown", "good", "wrong"]),
    /** How far this device's clock is ahead of most members' (negative: behind). */
    offsetMs: z.number(),
  })
  .openapi("Clock");
export type Clock = z.infer<typeof Clock>;

export const Status = z
  .object({
    phase: z.enum(["unclaimed", "ready"]),
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
  .object({ csrf: z.string(), ownerName: z.string(), deviceName: z.string(), expiresAtMs: z.number() })
  .openapi("Session");
export type Session = z.infer<typeof Session>;

export const PasswordChange = z
  .object({ oldPassword: z.string().max(1024), newPassword: password })
  .openapi("PasswordChange");
export type PasswordChange = z.infer<typeof PasswordChange>;
