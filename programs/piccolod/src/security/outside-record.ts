import { createHmac, hkdfSync } from "node:crypto";
import { z } from "zod";
import { equalConstantTime, fromBase64Url, fromHex, fromUtf8, toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import { slotListBytesMax } from "@piccolo/envelope";
import { catalogue } from "@piccolo/fault";
import { beginAnew, type VolumeBackend } from "./volume.ts";

export const outsideFaults = catalogue({
  "record-damaged": {
    retry: "never",
    meaning: `The file outside the volume was damaged or changed; ${beginAnew()}.`,
  },
  "record-missing": {
    retry: "never",
    meaning: `The file outside the volume is gone; ${beginAnew()}.`,
  },
});

/**
 * What a device keeps outside its volume, because it is needed to open it. It holds no secret: every key in it is
 * sealed in the chip, or wrapped in a slot.
 */
export interface OutsideRecord {
  /** Grows with every change, so that the newer of two copies can be told. */
  readonly number: number;
  /** `creating`: the volume was perhaps not made yet, and nothing in it was ever promised to anyone. */
  readonly state: "creating" | "made";
  readonly backend: VolumeBackend;
  /** Sealed in the chip for `volume`; absent where the password is asked at boot. */
  readonly sealedVolumeKey: Uint8Array | undefined;
  /** Sealed in the chip for `pepper`; absent before the claim. */
  readonly sealedPepper: Uint8Array | undefined;
  /** The owner's slots, encoded; absent before the claim. */
  readonly slots: Uint8Array | undefined;
}

/** Room for the largest slots there may be, in base64, and for what the chip sealed. */
export const recordBytesMax = Math.ceil((slotListBytesMax * 4) / 3) + 16 * 1024;
const tagBytes = 32;

const bytes = z.string().regex(/^[\w-]*$/);
const RecordFile = z.strictObject({
  format: z.literal(1),
  number: z.int().min(1),
  state: z.enum(["creating", "made"]),
  backend: z.enum(["gocryptfs", "luks2", "plain-folder"]),
  sealedVolumeKey: bytes.optional(),
  sealedPepper: bytes.optional(),
  slots: bytes.optional(),
});

/** The key (32 bytes) that authenticates the record; a copy lies in the volume, for starts that need no volume key. */
export function recordKey(volumeKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", volumeKey, new Uint8Array(0), "piccolo/outside-record/v1", 32));
}

/**
 * The public identity of a volume: as little tells of the record's key as the record's key of the volume's, and without the volume's key
 * nobody makes a volume of the same one.
 */
export function volumeIdentity(key: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, new Uint8Array(0), "piccolo/volume-identity/v1", 32));
}

const tagOf = (key: Uint8Array, body: Uint8Array): Uint8Array => createHmac("sha256", key).update(body).digest();

/** One line of JSON, and a line with its tag. */
export function encodeRecord(record: OutsideRecord, key: Uint8Array): Uint8Array {
  const text = (value: Uint8Array | undefined): string | undefined =>
    value === undefined ? undefined : toBase64Url(value);
  const file: z.input<typeof RecordFile> = {
    format: 1,
    number: record.number,
    state: record.state,
    backend: record.backend,
    sealedVolumeKey: text(record.sealedVolumeKey),
    sealedPepper: text(record.sealedPepper),
    slots: text(record.slots),
  };
  const body = JSON.stringify(file);
  return toUtf8(`${body}\n${toHex(tagOf(key, toUtf8(body)))}\n`);
}

export interface DecodedRecord {
  readonly record: OutsideRecord;
  /** Whether the one who made the volume wrote it: nothing of the record may be relied on before. */
  isAuthentic(key: Uint8Array): boolean;
}

/** Throws `record-damaged`. What it says can be checked only once the volume key is known. */
export function decodeRecord(content: Uint8Array): DecodedRecord {
  try {
    if (content.length > recordBytesMax) throw damaged();
    const [body = "", tagText = "", end, ...more] = fromUtf8(content).split("\n");
    const tag = fromHex(tagText);
    if (tag.length !== tagBytes || end !== "" || more.length > 0) throw damaged();
    const file = RecordFile.parse(JSON.parse(body));
    const binary = (value: string | undefined): Uint8Array | undefined =>
      value === undefined ? undefined : fromBase64Url(value);
    const record: OutsideRecord = {
      number: file.number,
      state: file.state,
      backend: file.backend,
      sealedVolumeKey: binary(file.sealedVolumeKey),
      sealedPepper: binary(file.sealedPepper),
      slots: binary(file.slots),
    };
    return { record, isAuthentic: (key) => equalConstantTime(tagOf(key, toUtf8(body)), tag) };
  } catch {
    throw damaged();
  }
}

/** What lies in a record's place. */
export type FoundOutside = DecodedRecord | "absent" | "damaged";

/**
 * Which of the record outside and its copy on the volume counts: the newer authentic one. A copy that is damaged cannot
 * show that the record outside is the newest, so nothing is believed then. Throws `record-damaged`.
 */
export function chooseRecord(
  outside: FoundOutside,
  copy: FoundOutside,
  key: Uint8Array,
): { readonly record: OutsideRecord; readonly isRestored: boolean; readonly isCopyCurrent: boolean } {
  if (copy === "damaged") throw damaged();
  const [own, other] = [authentic(outside, key), authentic(copy, key)];
  if (copy !== "absent" && other === undefined) throw damaged();
  const record = other !== undefined && (own === undefined || other.number > own.number) ? other : own;
  if (record === undefined) throw outsideFaults.fault("record-damaged", "the record of this volume is not authentic");
  return { record, isRestored: record !== own, isCopyCurrent: record.number === other?.number };
}

function authentic(found: FoundOutside, key: Uint8Array): OutsideRecord | undefined {
  return typeof found === "object" && found.isAuthentic(key) ? found.record : undefined;
}

function damaged(): Error {
  return outsideFaults.fault("record-damaged", "the file outside the volume is damaged");
}
