import assert from "node:assert/strict";
import { type ByteReader, type ByteWriter, fromUtf8, malformed, toUtf8 } from "@piccolo/bytes";
import { hashBytes, wireFormat } from "./format.ts";

/** What both sides of a connection tell each other first. */
export interface Hello {
  readonly type: "hello";
  /** The sender's wall clock, milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** 32 bytes. */
  readonly networkId: Uint8Array;
  /** Entries of the membership log the sender knows, and the hash of the last of them (32 bytes). */
  readonly logLength: number;
  readonly headHash: Uint8Array;
  /** Highest version of this protocol the sender speaks. */
  readonly version: number;
  /** What the sender shares its fate with (household, network prefix): 1 to 64 of a-z, 0-9, ".", "_" and "-". */
  readonly domain: string;
}

export function writeHello(writer: ByteWriter, hello: Hello): void {
  assert.ok(isDomain(hello.domain), "the own failure domain breaks its rules");
  writer
    .u64(hello.nowMs)
    .fixed(hello.networkId, hashBytes)
    .u32(hello.logLength)
    .fixed(hello.headHash, hashBytes)
    .u16(hello.version)
    .sized(toUtf8(hello.domain));
}

/** The labels are compared byte by byte, so there is one spelling of each. */
export function isDomain(text: string): boolean {
  return /^[a-z0-9._-]{1,64}$/.test(text);
}

function readDomain(reader: ByteReader): string {
  const domain = fromUtf8(reader.sized(64));
  if (!isDomain(domain)) throw malformed("a failure domain has 1 to 64 of a-z, 0-9, '.', '_' and '-'");
  return domain;
}

export function readHello(reader: ByteReader): Hello {
  return {
    type: "hello",
    nowMs: reader.u64(),
    networkId: reader.fixed(hashBytes).slice(),
    logLength: reader.u32(),
    headHash: reader.fixed(hashBytes).slice(),
    version: reader.u16(),
    domain: readDomain(reader),
  };
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

export function assertInRange(value: number, { min, max }: Range, what: string): void {
  assert.ok(Number.isInteger(value) && value >= min && value <= max, `${what} of ${value} is outside ${min} to ${max}`);
}

export function checkInRange(value: number, { min, max }: Range, what: string): number {
  if (value < min || value > max) throw malformed(`${what} of ${value} is outside ${min} to ${max}`);
  return value;
}

/** Items behind a 16-bit count. */
export function writeItems<Item>(
  writer: ByteWriter,
  values: readonly Item[],
  range: Range,
  write: (item: Item) => ByteWriter,
): ByteWriter {
  assertInRange(values.length, range, "a number of items");
  writer.u16(values.length);
  for (const value of values) write(value);
  return writer;
}

export function readItems<Item>(reader: ByteReader, range: Range, read: () => Item): Item[] {
  const count = checkInRange(reader.u16(), range, "a number of items");
  return Array.from({ length: count }, read);
}

/** The first two bytes of a message; gives back the second, its type. */
export function readType(reader: ByteReader): number {
  if (reader.u8() !== wireFormat) throw malformed("the message has an unknown format");
  return reader.u8();
}
