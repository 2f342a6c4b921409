import { createCipheriv } from "node:crypto";
import { throughput, type Turn } from "./harness.ts";

const cellBytes = 65_536;

/** The reference of all benchmarks: sealing 64 KiB the way the envelope does, with a fresh nonce and its tag. */
export function aesTurn(): Turn {
  const key = new Uint8Array(32).fill(1);
  const nonce = new Uint8Array(12);
  const message = new Uint8Array(cellBytes).fill(7);
  let count = 0;
  return throughput(cellBytes, () => {
    new DataView(nonce.buffer).setUint32(7, count++);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    cipher.update(message);
    cipher.final();
    cipher.getAuthTag();
  });
}
