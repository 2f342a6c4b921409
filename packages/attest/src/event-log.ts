/** The crypto-agile boot log of a PC (TCG PC Client Platform Firmware Profile 1.06, section 10), read strictly. `docs/spec/measured-boot.md`. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { equalConstantTime, fromUtf8, malformed } from "@piccolo/bytes";
import { dataIsMeasured, type EventType, eventTypeOf, mayStandIn } from "./event-types.ts";
import { attestFaults } from "./faults.ts";
import { LittleEndianReader } from "./little-endian.ts";

export const logBytesMax = 1 << 20;
const eventsMax = 4_096;
const banksMax = 8;
const pcrCount = 24;

/** TPM_ALG_ID of the hash algorithms a log may name (TCG Algorithm Registry), and the size of their digests. */
const algorithms = {
  sha1: { id: 0x4, bytes: 20 },
  sha256: { id: 0xb, bytes: 32 },
  sha384: { id: 0xc, bytes: 48 },
  sha512: { id: 0xd, bytes: 64 },
  sm3: { id: 0x12, bytes: 32 },
  "sha3-256": { id: 0x27, bytes: 32 },
  "sha3-384": { id: 0x28, bytes: 48 },
  "sha3-512": { id: 0x29, bytes: 64 },
} as const;

export type Bank = keyof typeof algorithms;

export const bankBytes = (bank: Bank): number => algorithms[bank].bytes;

function bankOf(id: number): Bank {
  for (const [name, { id: known }] of Object.entries(algorithms)) if (known === id) return name as Bank;
  throw malformed(`the log has digests of the unknown algorithm 0x${id.toString(16)}`);
}

export interface LogEvent {
  /** Counts from 0; the header is not counted. */
  readonly at: number;
  readonly pcr: number;
  readonly type: EventType;
  readonly digests: ReadonlyMap<Bank, Uint8Array>;
  /** Believe it only where `dataIsMeasured` has the type. */
  readonly data: Uint8Array;
}

export interface EventLog {
  readonly banks: readonly Bank[];
  /** From where the chip was started: what PCR 0 holds before its first event. */
  readonly startupLocality: 0 | 3 | 4;
  /** Those that were measured, in their order. */
  readonly events: readonly LogEvent[];
}

/** What a log says of one PCR; of the other ones nothing is known. */
export type PcrEvents = Pick<EventLog, "banks" | "events">;

const headerSignature = "Spec ID Event03\0";

function signatureOf(data: Uint8Array): string {
  return Buffer.from(data.subarray(0, 16)).toString("latin1");
}

function readHeader(reader: LittleEndianReader): readonly Bank[] {
  const isHeader = reader.u32() === 0 && eventTypeOf(reader.u32()) === "noAction";
  if (!isHeader || reader.fixed(20).some((byte) => byte !== 0)) throw malformed("the log does not begin with a header");
  const header = new LittleEndianReader(reader.sized(512));
  if (signatureOf(header.fixed(16)) !== headerSignature) throw malformed("the log is not of the crypto-agile form");
  if (header.u32() > 1) throw malformed("the log is of another class of platform than client and server");
  const [minor, major] = [header.u8(), header.u8()];
  header.u8();
  if (major !== 2 || minor !== 0) throw malformed(`the log has version ${major}.${minor} instead of 2.0`);
  const naturalSize = header.u8();
  if (naturalSize !== 1 && naturalSize !== 2) throw malformed("the log names an unknown size of machine words");
  const count = header.u32();
  if (count < 1 || count > banksMax) throw malformed(`the log has ${count} banks instead of 1 to ${banksMax}`);
  const banks = Array.from({ length: count }, () => {
    const bank = bankOf(header.u16());
    if (header.u16() !== bankBytes(bank)) throw malformed(`the log gives digests of ${bank} a wrong size`);
    return bank;
  });
  if (new Set(banks).size !== banks.length) throw malformed("the log names a bank twice");
  header.fixed(header.u8());
  header.end();
  return banks;
}

function readDigests(reader: LittleEndianReader, banks: readonly Bank[]): ReadonlyMap<Bank, Uint8Array> {
  const count = reader.u32();
  if (count !== banks.length) throw malformed(`an event has ${count} digests instead of ${banks.length}`);
  const digests = new Map<Bank, Uint8Array>();
  for (let at = 0; at < count; at += 1) {
    const bank = bankOf(reader.u16());
    if (!banks.includes(bank) || digests.has(bank)) throw malformed("an event's digests are not those of the header");
    digests.set(bank, reader.fixed(bankBytes(bank)));
  }
  return digests;
}

/** Events that are written down and not measured. What they may be is known, too: a log has no room for anything else. */
function localityOf(event: LogEvent): 0 | 3 | 4 | undefined {
  for (const digest of event.digests.values()) {
    if (digest.some((byte) => byte !== 0)) throw unexpected(event, "is not measured, and yet has a digest");
  }
  const signature = signatureOf(event.data);
  if (/^SP800-155 Event[\0 23]$/.test(signature)) return undefined;
  if (signature !== "StartupLocality\0") {
    throw attestFaults.fault("log-unknown-event", `event ${event.at} tells something unknown without being measured`);
  }
  const locality = event.data[16];
  if (event.data.length !== 17 || (locality !== 0 && locality !== 3 && locality !== 4)) {
    throw malformed("the log names no locality from which a chip is started");
  }
  return locality;
}

export function unexpected(event: LogEvent, what: string): Error {
  return attestFaults.fault("log-unexpected", `event ${event.at} (${event.type} in PCR ${event.pcr}) ${what}`);
}

/** Banks whose hash this runtime has; the others are read and never replayed. */
export const replayableBanks = ["sha1", "sha256", "sha384", "sha512"] as const satisfies readonly Bank[];
export type ReplayableBank = (typeof replayableBanks)[number];
export const isReplayable = (bank: Bank): bank is ReplayableBank => (replayableBanks as readonly Bank[]).includes(bank);

function checkData(event: LogEvent): void {
  if (event.type === "separator" && !/^(?:0{8}|f{8})$/.test(Buffer.from(event.data).toString("hex"))) {
    throw unexpected(event, "tells of an error of the firmware");
  }
  if (!dataIsMeasured.has(event.type)) return;
  for (const [bank, digest] of event.digests) {
    if (!isReplayable(bank)) continue;
    if (!equalConstantTime(hash(bank, event.data, "buffer"), digest))
      throw unexpected(event, "has data that was not measured");
  }
}

/**
 * Reads a whole log. Throws `malformed` where the form is wrong, `log-unknown-event` for an event of an unknown kind or a kind that
 * does not belong to its PCR, `log-unexpected` where data is not what was measured. Nothing is ever passed over.
 */
export function parseEventLog(bytes: Uint8Array): EventLog {
  const { reader, banks } = open(bytes);
  const events: LogEvent[] = [];
  let startupLocality: 0 | 3 | 4 | undefined;
  for (let at = 0; reader.remaining > 0; at += 1) {
    refuseMany(at);
    const pcr = reader.u32();
    if (pcr >= pcrCount) throw malformed(`event ${at} is of PCR ${pcr}, which no chip has`);
    const event = readEvent(reader, banks, { at, pcr });
    if (event.type === "noAction") {
      const locality = localityOf(event);
      if (locality === undefined) continue;
      if (startupLocality !== undefined || events.some((earlier) => earlier.pcr === 0)) {
        throw unexpected(event, "names the locality of the start too late");
      }
      startupLocality = locality;
      continue;
    }
    events.push(event);
  }
  return { banks, startupLocality: startupLocality ?? 0, events };
}

/**
 * Reads what a log says of one PCR but the first, as strictly as the whole is read. Of other events it is only looked where they end: what they
 * say is for nobody who asks for this PCR alone, and holds the events against what the chip has there (docs/spec/measured-boot.md, M18).
 * Throws as `parseEventLog` does.
 */
export function parseEventsOf(bytes: Uint8Array, pcr: number): PcrEvents {
  assert.ok(pcr > 0, "PCR 0 begins with the locality, which other events tell");
  const events: LogEvent[] = [];
  const { reader, banks } = open(bytes);
  for (let at = 0; reader.remaining > 0; at += 1) {
    refuseMany(at);
    if (reader.u32() === pcr) events.push(readEvent(reader, banks, { at, pcr }));
    else passOver(reader, banks);
  }
  return { banks, events };
}

function open(bytes: Uint8Array): { readonly reader: LittleEndianReader; readonly banks: readonly Bank[] } {
  if (bytes.length > logBytesMax) throw malformed(`the log is over its bound of ${logBytesMax} bytes`);
  const reader = new LittleEndianReader(bytes);
  return { reader, banks: readHeader(reader) };
}

function refuseMany(at: number): void {
  if (at >= eventsMax) throw malformed(`the log has more than ${eventsMax} events`);
}

/** What follows an event's PCR. */
function readEvent(
  reader: LittleEndianReader,
  banks: readonly Bank[],
  { at, pcr }: Pick<LogEvent, "at" | "pcr">,
): LogEvent {
  const number = reader.u32();
  const type = eventTypeOf(number);
  if (type === undefined || !mayStandIn(type, pcr)) {
    const what = `of kind 0x${number.toString(16)} in PCR ${pcr}`;
    throw attestFaults.fault("log-unknown-event", `event ${at} ${what} is not known there`);
  }
  const digests = readDigests(reader, banks);
  const event: LogEvent = { at, pcr, type, digests, data: reader.sized(logBytesMax) };
  if (type !== "noAction") checkData(event);
  return event;
}

function passOver(reader: LittleEndianReader, banks: readonly Bank[]): void {
  reader.u32();
  const count = reader.u32();
  if (count > banks.length) throw malformed(`an event has ${count} digests, and the header names ${banks.length}`);
  for (let at = 0; at < count; at += 1) reader.fixed(bankBytes(bankOf(reader.u16())));
  reader.sized(logBytesMax);
}

/** A text an event carries, without its final NUL. `malformed` where it is none. */
export function textOf(data: Uint8Array): string {
  const end = data.at(-1) === 0 ? data.length - 1 : data.length;
  return fromUtf8(data.subarray(0, end));
}
