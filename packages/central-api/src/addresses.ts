import { z } from "@hono/zod-openapi";
import { Id, TimeMs } from "./fields.ts";

export const addressLifetimeMsMax = 86_400_000;

export const Multiaddr = z
  .string()
  .max(512)
  .regex(/^\/[\x21-\x7e]+$/)
  .openapi("Multiaddr");

/** Where the caller's device listens, relayed addresses included. Replaces what it said before. */
export const AddressUpdate = z
  .object({ multiaddrs: z.array(Multiaddr).max(16), lifetimeMs: z.int().min(1).max(addressLifetimeMsMax) })
  .openapi("AddressUpdate");
export type AddressUpdate = z.infer<typeof AddressUpdate>;

export const AddressLease = z.object({ expiresAtMs: TimeMs }).openapi("AddressLease");

/** A member's current device. Who dials it still checks its key; central's word is a hint, nothing more. */
export const PeerAddresses = z
  .object({
    account: Id,
    deviceKey: Id,
    /** The libp2p form of `deviceKey`. */
    peerId: z.string().max(128),
    multiaddrs: z.array(Multiaddr).max(16),
    updatedAtMs: TimeMs,
    expiresAtMs: TimeMs,
  })
  .openapi("PeerAddresses");
export type PeerAddresses = z.infer<typeof PeerAddresses>;

export const AddressList = z.object({ peers: z.array(PeerAddresses).max(4_096) }).openapi("AddressList");

export const RelayList = z.object({ multiaddrs: z.array(Multiaddr).max(64) }).openapi("RelayList");

export const CentralTime = z.object({ timeMs: TimeMs }).openapi("CentralTime");
