/** A log taken apart without any judgement, changed, and put together again: how attackers make logs, and vectors. */
import { createHash } from "node:crypto";
import { concat } from "@piccolo/bytes";
import { LittleEndianReader } from "../src/little-endian.ts";

export interface RawEvent {
  pcr: number;
  type: number;
  digests: { algorithm: number; digest: Uint8Array }[];
  data: Uint8Array;
}

export interface RawLog {
  header: Uint8Array;
  events: RawEvent[];
}

const hashNames: Readonly<Record<number, string>> = { 4: "sha1", 11: "sha256", 12: "sha384", 13: "sha512" };
const sizes: Readonly<Record<number, number>> = { 4: 20, 11: 32, 12: 48, 13: 64 };

export function digestsOf(data: Uint8Array): RawEvent["digests"] {
  return Object.entries(hashNames).map(([id, name]) => ({
    algorithm: Number(id),
    digest: createHash(name).update(data).digest(),
  }));
}

export function takeApart(bytes: Uint8Array): RawLog {
  const reader = new LittleEndianReader(bytes);
  const start = reader.remaining;
  reader.fixed(28);
  reader.sized(4_096);
  const header = bytes.slice(0, start - reader.remaining);
  const events: RawEvent[] = [];
  while (reader.remaining > 0) {
    const [pcr, type, count] = [reader.u32(), reader.u32(), reader.u32()];
    const digests = Array.from({ length: count }, () => {
      const algorithm = reader.u16();
      return { algorithm, digest: reader.fixed(sizes[algorithm] ?? 0).slice() };
    });
    events.push({ pcr, type, digests, data: reader.sized(1 << 20).slice() });
  }
  return { header, events };
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function putTogether({ header, events }: RawLog): Uint8Array {
  return concat(
    header,
    ...events.flatMap(({ pcr, type, digests, data }) => [
      u32(pcr),
      u32(type),
      u32(digests.length),
      ...digests.flatMap(({ algorithm, digest }) => [u32(algorithm).subarray(0, 2), digest]),
      u32(data.length),
      data,
    ]),
  );
}

/** One replacement of bytes. */
export interface Splice {
  readonly at: number;
  readonly remove: number;
  /** Hexadecimal. */
  readonly insert: string;
}

/** The shortest single replacement that makes `to` of `from`. */
export function spliceOf(from: Uint8Array, to: Uint8Array): Splice {
  const most = Math.min(from.length, to.length);
  let at = 0;
  while (at < most && from[at] === to[at]) at += 1;
  let same = 0;
  while (same < most - at && from[from.length - 1 - same] === to[to.length - 1 - same]) same += 1;
  return {
    at,
    remove: from.length - at - same,
    insert: Buffer.from(to.subarray(at, to.length - same)).toString("hex"),
  };
}

export function applySplice(from: Uint8Array, { at, remove, insert }: Splice): Uint8Array {
  return concat(from.subarray(0, at), Buffer.from(insert, "hex"), from.subarray(at + remove));
}
