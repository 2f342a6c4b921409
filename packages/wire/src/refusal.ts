import assert from "node:assert/strict";
import { type ByteReader, type ByteWriter, fromUtf8, malformed, toUtf8 } from "@piccolo/bytes";
import { catalogue, type Fault } from "@piccolo/fault";
import { assertInRange, checkInRange } from "./fields.ts";
import { maxRefusalTextBytes } from "./format.ts";

/** Why a holder does not do what it was asked. The asker meets them as Faults of the same codes. */
export const refusalFaults = catalogue({
  full: { retry: "later", meaning: "The holder has no room left for this owner; place the fragment on another one." },
  "not-a-member": {
    retry: "never",
    meaning: "The holder does not know the asking device as one of its network; bring both membership logs up to date.",
  },
  "unknown-fragment": {
    retry: "never",
    meaning: "The holder does not have this fragment; rebuild it from the others.",
  },
  "not-yours": { retry: "never", meaning: "The fragments belong to another owner; ask only for your own." },
  busy: { retry: "later", meaning: "The holder has too many requests in hand; ask again after the time it names." },
  "wrong-root": {
    retry: "never",
    meaning: "The bytes of a fragment do not give the root its header names; send the fragment as it was coded.",
  },
  conflict: {
    retry: "never",
    meaning: "The holder has another fragment under this segment id; code the segment again under a new id.",
  },
  malformed: { retry: "never", meaning: "A message does not have the form of docs/spec/wire.md; update both devices." },
  fenced: {
    retry: "never",
    meaning: "Another device has replaced this one and goes on with its log; this device stops.",
  },
  "log-gap": {
    retry: "never",
    meaning: "The witness lacks entries before this one; send those first, from the newest it has.",
  },
  "log-fork": {
    retry: "never",
    meaning: "The witness has another entry in this place of the log; find out which device made it before going on.",
  },
  "rate-limited": { retry: "later", meaning: "Too many questions of this kind; ask again after the time it names." },
  untimely: {
    retry: "later",
    meaning: "The entry's time is too far ahead of the member's clock; correct the asking device's clock.",
  },
  internal: { retry: "later", meaning: "The holder failed at something of its own; ask again later, or another one." },
});

export type RefusalCode = keyof typeof refusalFaults.entries;

export interface Refused {
  readonly type: "refused";
  readonly code: RefusalCode;
  /** When asking again makes sense; 0 = not said. */
  readonly retryAfterMs: number;
  /** For people; at most 512 bytes of UTF-8 without control characters. */
  readonly message: string;
}

/** The numbers on the wire. They are part of the format and never used again for something else. */
const numbers: Readonly<Record<RefusalCode, number>> = {
  full: 1,
  "not-a-member": 2,
  "unknown-fragment": 3,
  "not-yours": 4,
  busy: 5,
  "wrong-root": 6,
  conflict: 7,
  malformed: 8,
  internal: 9,
  fenced: 10,
  "log-gap": 11,
  "log-fork": 12,
  "rate-limited": 13,
  untimely: 14,
};
const codes = new Map(Object.entries(numbers).map(([code, number]) => [number, code as RefusalCode]));

// The text reaches logs and terminals of somebody else, so nothing in it may steer them.
const controlCharacters = /\p{Cc}/u;

/** Longer texts are cut at a whole character, control characters become spaces. */
export function refusal(code: RefusalCode, message: string, retryAfterMs = 0): Refused {
  assert.ok(Number.isInteger(retryAfterMs) && retryAfterMs >= 0 && retryAfterMs <= 0xffff_ffff);
  let text = "";
  let textBytes = 0;
  for (const character of message.toWellFormed()) {
    textBytes += toUtf8(character).length;
    if (textBytes > maxRefusalTextBytes) break;
    text += controlCharacters.test(character) ? " " : character;
  }
  return { type: "refused", code, retryAfterMs, message: text };
}

/**
 * What to answer when handling a request failed: a fault with a code of this protocol as it is, anything else as
 * `internal`, whose cause stays on the own device.
 */
export function toRefusal(error: unknown): Refused {
  if (!refusalFaults.owns(error)) return refusal("internal", "the holder could not do it; ask again later");
  const { retryAfterMs } = error.details;
  return refusal(error.code, error.message, isRetryTime(retryAfterMs) ? retryAfterMs : 0);
}

function isRetryTime(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

/** The Fault an asker throws for a refusal: same code, `details.retryAfterMs` where the holder gave a time. */
export function fromRefusal(refused: Refused): Fault<RefusalCode> {
  const text = refused.message === "" ? refusalFaults.entries[refused.code].meaning : refused.message;
  return refusalFaults.fault(refused.code, `the holder refused: ${text}`, {
    details: refused.retryAfterMs === 0 ? {} : { retryAfterMs: refused.retryAfterMs },
  });
}

export function writeRefused(writer: ByteWriter, refused: Refused): void {
  const text = toUtf8(refused.message);
  assertInRange(text.length, { min: 0, max: maxRefusalTextBytes }, "a text length");
  writer.u8(numbers[refused.code]).u32(refused.retryAfterMs).u16(text.length).raw(text);
}

export function readRefused(reader: ByteReader): Refused {
  const code = codes.get(reader.u8());
  if (code === undefined) throw malformed("the refusal has an unknown code");
  const retryAfterMs = reader.u32();
  const length = checkInRange(reader.u16(), { min: 0, max: maxRefusalTextBytes }, "a text length");
  const message = fromUtf8(reader.fixed(length));
  if (controlCharacters.test(message)) throw malformed("the refusal's text has control characters");
  return { type: "refused", code, retryAfterMs, message };
}
