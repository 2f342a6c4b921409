import { z } from "zod";
import { equalConstantTime, fromHex, fromUtf8, toHex, toUtf8 } from "@piccolo/bytes";
import { type DeviceCertificate, rotationsMax, type SlotList } from "@piccolo/envelope";
import { catalogue } from "@piccolo/fault";
import { type DurableFolder, stateFaults } from "../adapters/state-folder.ts";
import { beginAnew } from "./volume.ts";

export const identityFaults = catalogue({
  "identity-damaged": {
    retry: "never",
    meaning: `The file that says whose device this is was damaged; ${beginAnew()}.`,
  },
});

/**
 * What a locked device knows of its owner: enough to serve the network and to look after what is stored, nothing that
 * opens a file. It lies on the sealed volume.
 */
export interface Identity {
  readonly name: string;
  readonly account: Uint8Array;
  /** Of the current epoch. */
  readonly ownerPublicKey: Uint8Array;
  /** Of the current epoch: what seals the keys of versions that are made while the device is locked. */
  readonly filePublicKey: Uint8Array;
  readonly epoch: number;
  readonly certificate: DeviceCertificate;
  /** Of the current epoch: backups of the metadata go on while the device is locked. */
  readonly metadataKey: Uint8Array;
  /** Of earlier epochs whose entries no checkpoint has made superfluous yet. */
  readonly formerMetadataKeys: readonly { readonly epoch: number; readonly key: Uint8Array }[];
  readonly passwordChangedAtMs: number;
  readonly phraseMadeAtMs: number;
  readonly phraseConfirmed: boolean;
}

const fileName = "identity";
export const identityBytesMax = 16 * 1024;
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
/** In UTF-16 units; a name has fewer characters (docs/spec/membership.md). */
const nameUnitsMax = 256;
const epochNumber = z.int().min(1).max(0xffff_ffff);
const IdentityFile = z.strictObject({
  format: z.literal(1),
  name: z.string().max(nameUnitsMax),
  account: hex(32),
  ownerPublicKey: hex(32),
  filePublicKey: hex(32),
  epoch: epochNumber,
  deviceKey: hex(32),
  deviceEpoch: epochNumber,
  certificate: hex(64),
  metadataKey: hex(32),
  formerMetadataKeys: z.array(z.strictObject({ epoch: epochNumber, key: hex(32) })).max(rotationsMax),
  passwordChangedAtMs: z.number().min(0),
  phraseMadeAtMs: z.number().min(0),
  phraseConfirmed: z.boolean(),
});

/** Throws `identity-damaged`. */
export function decodeIdentity(bytes: Uint8Array): Identity {
  try {
    if (bytes.length > identityBytesMax) throw damaged();
    const text = fromUtf8(bytes);
    if (!text.endsWith("}\n")) throw damaged();
    const file = IdentityFile.parse(JSON.parse(text));
    const { name, epoch, passwordChangedAtMs, phraseMadeAtMs, phraseConfirmed } = file;
    const formerMetadataKeys = file.formerMetadataKeys.map(({ epoch: of, key }) => ({ epoch: of, key: fromHex(key) }));
    const epochs = [...formerMetadataKeys.map((former) => former.epoch), epoch];
    if (!epochs.every((of, at) => at === 0 || of > (epochs[at - 1] ?? 0))) throw damaged();
    return {
      name,
      epoch,
      passwordChangedAtMs,
      phraseMadeAtMs,
      phraseConfirmed,
      account: fromHex(file.account),
      ownerPublicKey: fromHex(file.ownerPublicKey),
      filePublicKey: fromHex(file.filePublicKey),
      certificate: {
        deviceKey: fromHex(file.deviceKey),
        deviceEpoch: file.deviceEpoch,
        signature: fromHex(file.certificate),
      },
      metadataKey: fromHex(file.metadataKey),
      formerMetadataKeys,
    };
  } catch {
    // The parser's own words may quote the file, and the file holds keys: no cause is passed on.
    throw damaged();
  }
}

export function encodeIdentity(identity: Identity): Uint8Array {
  const { certificate, name, epoch, passwordChangedAtMs, phraseMadeAtMs, phraseConfirmed } = identity;
  const file: z.input<typeof IdentityFile> = {
    format: 1,
    name,
    epoch,
    passwordChangedAtMs,
    phraseMadeAtMs,
    phraseConfirmed,
    account: toHex(identity.account),
    ownerPublicKey: toHex(identity.ownerPublicKey),
    filePublicKey: toHex(identity.filePublicKey),
    deviceKey: toHex(certificate.deviceKey),
    deviceEpoch: certificate.deviceEpoch,
    certificate: toHex(certificate.signature),
    metadataKey: toHex(identity.metadataKey),
    formerMetadataKeys: identity.formerMetadataKeys.map(({ epoch: of, key }) => ({ epoch: of, key: toHex(key) })),
  };
  return toUtf8(`${JSON.stringify(file)}\n`);
}

/** Undefined where none was written. Throws `identity-damaged`. */
export function readIdentity(folder: DurableFolder): Identity | undefined {
  let bytes: Uint8Array | undefined;
  try {
    bytes = folder.read(fileName, identityBytesMax);
  } catch (error) {
    if (!stateFaults.owns(error)) throw error;
    throw damaged();
  }
  return bytes === undefined ? undefined : decodeIdentity(bytes);
}

/** Durable when it returns. */
export function writeIdentity(folder: DurableFolder, identity: Identity): void {
  folder.write(fileName, encodeIdentity(identity));
}

/**
 * Whether an identity fits the slots: of the same account, and of their epoch, or of one before while a re-key is on its
 * way. Throws `identity-damaged`.
 */
export function checkIdentity(identity: Identity, slots: Pick<SlotList, "account" | "epoch">): void {
  if (equalConstantTime(identity.account, slots.account) && identity.epoch <= slots.epoch) return;
  throw identityFaults.fault("identity-damaged", "the file `identity` and the owner's slots are not of one owner");
}

function damaged(): Error {
  return identityFaults.fault(
    "identity-damaged",
    "the file `identity` of the volume is damaged; restore it from a copy",
  );
}
