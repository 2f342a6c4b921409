import { z } from "@hono/zod-openapi";

/** Ids, keys and hashes of 32 bytes, in lower-case hexadecimal. */
export const Id = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .openapi("Id", { description: "32 bytes in lower-case hexadecimal" });

/** 64 bytes of an Ed25519 signature in base64url. */
export const Signature = z
  .string()
  .regex(/^[A-Za-z0-9_-]{86}$/)
  .openapi("Signature", { description: "64 bytes in base64url without padding" });

/** Bytes that packages/membership makes and checks; at most 16 KiB before their encoding. */
export const OpaqueBytes = z
  .string()
  .min(1)
  .max(21_846)
  .regex(/^[A-Za-z0-9_-]+$/)
  .openapi("OpaqueBytes", { description: "Bytes in base64url without padding, form in docs/spec/membership.md" });

export const TimeMs = z.int().min(0).openapi({ description: "Milliseconds since the Unix epoch" });
