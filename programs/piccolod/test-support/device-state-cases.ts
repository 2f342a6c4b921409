/** The vectors in vectors/device-state; writing them: `node programs/piccolod/test-support/write-device-state-vectors.ts`. */
import { fromHex, fromUtf8, toHex, toUtf8 } from "@piccolo/bytes";
import { decodeIdentity, checkIdentity, encodeIdentity, type Identity } from "../src/security/identity.ts";
import {
  chooseRecord,
  decodeRecord,
  encodeRecord,
  type FoundOutside,
  type OutsideRecord,
  outsideFaults,
  recordBytesMax,
  recordKey,
  volumeIdentity,
} from "../src/security/outside-record.ts";

/** Bytes as text where they are text; `repeat` stands for as many letters x. */
type Bytes = { readonly text: string } | { readonly hex: string } | { readonly repeat: number };

export type Operation =
  | { readonly operation: "record-key"; readonly input: { readonly volumeKey: string } }
  | { readonly operation: "volume-identity"; readonly input: { readonly volumeKey: string } }
  | { readonly operation: "decode-record"; readonly input: { readonly bytes: Bytes; readonly key: string } }
  | {
      readonly operation: "choose-record";
      readonly input: { readonly outside: Bytes | "absent"; readonly copy: Bytes | "absent"; readonly key: string };
    }
  | { readonly operation: "decode-identity"; readonly input: { readonly bytes: Bytes } }
  | {
      readonly operation: "check-identity";
      readonly input: { readonly bytes: Bytes; readonly account: string; readonly epoch: number };
    };

export type Vector = {
  readonly spec: "device-state/1";
  readonly rule: string;
  readonly about: string;
  readonly expect: unknown;
} & Operation;

function bytesOf(bytes: Bytes): Uint8Array {
  if ("hex" in bytes) return fromHex(bytes.hex);
  return toUtf8("text" in bytes ? bytes.text : "x".repeat(bytes.repeat));
}

function found(bytes: Bytes | "absent"): FoundOutside {
  if (bytes === "absent") return "absent";
  try {
    return decodeRecord(bytesOf(bytes));
  } catch (error) {
    if (outsideFaults.owns(error)) return "damaged";
    throw error;
  }
}

const hexOrNone = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : toHex(bytes);

/** What this implementation answers, in the form of `expect`. */
export function answer({ operation, input }: Operation): unknown {
  if (operation === "record-key") return { key: toHex(recordKey(fromHex(input.volumeKey))) };
  if (operation === "volume-identity") return { identity: toHex(volumeIdentity(recordKey(fromHex(input.volumeKey)))) };
  if (operation === "decode-record") {
    const decoded = decodeRecord(bytesOf(input.bytes));
    const { record } = decoded;
    return JSON.parse(
      JSON.stringify({
        ...record,
        sealedVolumeKey: hexOrNone(record.sealedVolumeKey),
        sealedPepper: hexOrNone(record.sealedPepper),
        slots: hexOrNone(record.slots),
        authentic: decoded.isAuthentic(fromHex(input.key)),
      }),
    );
  }
  if (operation === "choose-record") {
    const { record, isRestored, isCopyCurrent } = chooseRecord(
      found(input.outside),
      found(input.copy),
      fromHex(input.key),
    );
    return { number: record.number, isRestored, isCopyCurrent };
  }
  const identity = decodeIdentity(bytesOf(input.bytes));
  if (operation === "check-identity") {
    checkIdentity(identity, { account: fromHex(input.account), epoch: input.epoch });
    return {};
  }
  return {
    ...identity,
    account: toHex(identity.account),
    ownerPublicKey: toHex(identity.ownerPublicKey),
    filePublicKey: toHex(identity.filePublicKey),
    certificate: {
      ...identity.certificate,
      deviceKey: toHex(identity.certificate.deviceKey),
      signature: toHex(identity.certificate.signature),
    },
    metadataKey: toHex(identity.metadataKey),
    formerMetadataKeys: identity.formerMetadataKeys.map(({ epoch, key }) => ({ epoch, key: toHex(key) })),
  };
}

const filled = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const key = recordKey(filled(1));
const otherKey = recordKey(filled(2));

export function cases(): Record<string, Vector> {
  const set: Record<string, Vector> = {};
  const add = (name: string, rule: string, about: string, one: Operation, fault?: string): void => {
    const expect = fault === undefined ? answer(one) : { fault };
    set[name] = { spec: "device-state/1", rule, about, ...one, expect };
  };
  addRecords(add);
  addChoices(add);
  addIdentities(add);
  return set;
}

type Add = (name: string, rule: string, about: string, one: Operation, fault?: string) => void;

const made: OutsideRecord = {
  number: 7,
  state: "made",
  backend: "gocryptfs",
  sealedVolumeKey: filled(3, 5),
  sealedPepper: filled(4, 6),
  slots: filled(5, 7),
};
const textOf = (record: OutsideRecord, under = key): string => fromUtf8(encodeRecord(record, under));

function addRecords(add: Add): void {
  const whole = textOf(made);
  const read = (name: string, rule: string, about: string, bytes: Bytes, fault?: string): void =>
    add(`record-${name}`, rule, about, { operation: "decode-record", input: { bytes, key: toHex(key) } }, fault);
  const refuse = (name: string, about: string, bytes: Bytes): void =>
    read(`refuse-${name}`, "D2", about, bytes, "record-damaged");
  refuse("empty", "No bytes.", { text: "" });
  refuse("huge", "A byte more than a record may have.", { repeat: recordBytesMax + 1 });
  refuse("not-utf8", "No UTF-8.", { hex: "ff0a" });
  refuse("cut", "The last line feed is missing.", { text: whole.slice(0, -1) });
  refuse("cut-tag", "A tag of 31 bytes.", { text: `${whole.slice(0, -3)}\n` });
  refuse("cut-body", "The body ends early.", { text: whole.slice(20) });
  refuse("longer", "Bytes behind the end.", { text: `${whole}x` });
  refuse("third-line", "A third line.", { text: `${whole}\n` });
  refuse("format-2", "Another format.", { text: whole.replace('"format":1', '"format":2') });
  refuse("number-0", "Numbers begin with 1.", { text: whole.replace('"number":7', '"number":0') });
  refuse("number-fraction", "A number that is none.", { text: whole.replace('"number":7', '"number":7.5') });
  refuse("state", "A state nobody knows.", { text: whole.replace('"made"', '"done"') });
  refuse("backend", "A backend nobody knows.", { text: whole.replace('"gocryptfs"', '"ext4"') });
  refuse("field", "A field nobody knows.", { text: whole.replace('"state"', '"more":1,"state"') });
  refuse("base64", "A character that is not base64url.", { text: whole.replace('"slots":"', '"slots":"+') });
  read("whole", "D2", "A record with all fields.", { text: whole });
  const unclaimed = { ...made, sealedPepper: undefined, slots: undefined };
  read("unclaimed", "D2", "Before the claim.", { text: textOf(unclaimed) });
  const asking = { ...made, sealedVolumeKey: undefined };
  read("asks-at-boot", "D2", "Where the password is asked at boot.", { text: textOf(asking) });
  read("creating", "D5", "A volume that was perhaps not made.", { text: textOf({ ...unclaimed, state: "creating" }) });
  read("other-key", "D3", "Another volume's: it reads, and is not authentic.", { text: textOf(made, otherKey) });
  const raised = whole.replace('"number":7', '"number":9');
  read("raised", "D3", "A number raised by somebody else.", { text: raised });
  const { sealedPepper: sealedVolumeKey, sealedVolumeKey: sealedPepper } = made;
  const [, tag] = whole.split("\n");
  const [swapped] = textOf({ ...made, sealedVolumeKey, sealedPepper }).split("\n");
  read("swapped", "D3", "Volume key and pepper have changed places.", { text: `${swapped}\n${tag}\n` });
  add("key", "D3", "The key of a record.", { operation: "record-key", input: { volumeKey: toHex(filled(1)) } });
  add("identity-of-volume", "D12", "The public identity of a volume.", {
    operation: "volume-identity",
    input: { volumeKey: toHex(filled(1)) },
  });
}

function addChoices(add: Add): void {
  const older: Bytes = { text: textOf({ ...made, number: 6 }) };
  const newer: Bytes = { text: textOf(made) };
  const foreign: Bytes = { text: textOf({ ...made, number: 99 }, otherKey) };
  const damaged: Bytes = { text: "nothing" };
  const choose = (
    name: string,
    about: string,
    outside: Bytes | "absent",
    copy: Bytes | "absent",
    fault?: string,
  ): void =>
    add(
      `choose-${name}`,
      "D4",
      about,
      { operation: "choose-record", input: { outside, copy, key: toHex(key) } },
      fault,
    );
  choose("nothing", "Neither is there.", "absent", "absent", "record-damaged");
  choose("both-damaged", "Neither can be read.", damaged, damaged, "record-damaged");
  choose("foreign-alone", "Another volume's, and no copy.", foreign, "absent", "record-damaged");
  choose(
    "damaged-copy",
    "A damaged copy cannot tell whether the record is the newest.",
    newer,
    damaged,
    "record-damaged",
  );
  choose("foreign-copy", "Nor can another volume's.", newer, foreign, "record-damaged");
  choose("older-outside", "An older record was put back.", older, newer);
  choose("damaged-outside", "The record outside was damaged.", damaged, newer);
  choose("foreign-outside", "The record outside was forged.", foreign, newer);
  choose("absent-outside", "The record outside was taken away.", "absent", newer);
  choose("older-copy", "The power went between the two writes.", newer, older);
  choose("no-copy", "The power went before the first copy.", newer, "absent");
  choose("same", "As it is most of the time.", newer, newer);
}

const identity: Identity = {
  name: "Ada",
  account: filled(1),
  ownerPublicKey: filled(2),
  filePublicKey: filled(8),
  epoch: 3,
  certificate: { deviceKey: filled(3), deviceEpoch: 2, signature: filled(4, 64) },
  metadataKey: filled(5),
  formerMetadataKeys: [
    { epoch: 1, key: filled(6) },
    { epoch: 2, key: filled(7) },
  ],
  passwordChangedAtMs: 1_800_000_000_000,
  phraseMadeAtMs: 1_700_000_000_000,
  phraseConfirmed: true,
};

function addIdentities(add: Add): void {
  const text = fromUtf8(encodeIdentity(identity));
  const read = (name: string, about: string, bytes: Bytes, fault?: string): void =>
    add(`identity-${name}`, "D7", about, { operation: "decode-identity", input: { bytes } }, fault);
  const refuse = (name: string, about: string, bytes: Bytes): void =>
    read(`refuse-${name}`, about, bytes, "identity-damaged");
  refuse("empty", "No bytes.", { text: "" });
  refuse("huge", "A byte more than it may have.", { repeat: 16 * 1024 + 1 });
  refuse("cut", "The end is missing.", { text: text.slice(0, -10) });
  refuse("no-end", "The last line feed is missing.", { text: text.slice(0, -1) });
  refuse("longer", "Bytes behind the end.", { text: `${text}{}\n` });
  refuse("format-2", "Another format.", { text: text.replace('"format":1', '"format":2') });
  refuse("field", "A field nobody knows.", { text: text.replace('"name"', '"more":1,"name"') });
  refuse("missing", "A field is missing.", { text: text.replace('"phraseConfirmed":true,', "") });
  refuse("epoch-0", "Epochs begin with 1.", { text: text.replace('"epoch":3,', '"epoch":0,') });
  refuse("short-key", "A key of 31 bytes.", { text: text.replace('"metadataKey":"05', '"metadataKey":"') });
  refuse("no-file-key", "Nothing to seal a locked device's keys to.", {
    text: text.replace(`"filePublicKey":"${"08".repeat(32)}",`, ""),
  });
  refuse("upper-case", "Hexadecimal in upper case.", {
    text: text.replace(`"${"04".repeat(64)}"`, `"${"0A".repeat(64)}"`),
  });
  refuse("former-order", "Former keys out of order.", { text: text.replace('"epoch":2,"key"', '"epoch":1,"key"') });
  refuse("former-present", "A former key of the present epoch.", {
    text: text.replace('"epoch":2,"key"', '"epoch":3,"key"'),
  });
  refuse("long-name", "A name nobody may have.", { text: text.replace('"Ada"', `"${"a".repeat(257)}"`) });
  read("whole", "A device in its second place, under its owner's third keys.", { text });
  const first = { ...identity, epoch: 1, formerMetadataKeys: [] };
  read("first", "A device under its owner's first keys.", { text: fromUtf8(encodeIdentity(first)) });
  const check = (name: string, about: string, account: Uint8Array, epoch: number, fault?: string): void =>
    add(
      `identity-${name}`,
      "D8",
      about,
      { operation: "check-identity", input: { bytes: { text }, account: toHex(account), epoch } },
      fault,
    );
  check("refuse-other-account", "The slots are another owner's.", filled(9), 3, "identity-damaged");
  check("refuse-older-slots", "The slots are of an earlier epoch.", identity.account, 2, "identity-damaged");
  check("fits", "Of one owner and one epoch.", identity.account, 3);
  check("rekeying", "A re-key is on its way.", identity.account, 4);
}
