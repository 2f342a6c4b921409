import { createHash, createHmac } from "node:crypto";
import { algorithms } from "./constants.ts";
import { ByteWriter } from "@piccolo/bytes";

export function sha256(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return new Uint8Array(hmac.digest());
}

export function u32(value: number): Uint8Array<ArrayBuffer> {
  return new ByteWriter().u32(value).finish();
}

/** The name of an object or index is the algorithm and the digest of its public area (Part 1, 16 Names). */
export function nameOf(publicArea: Uint8Array): Uint8Array<ArrayBuffer> {
  return new ByteWriter().u16(algorithms.sha256).raw(sha256(publicArea)).finish();
}

/** The name of a PCR, a session and a permanent handle is the handle itself (Part 1, 16 Names). */
export const handleName = u32;
