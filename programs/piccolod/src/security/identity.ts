import { z } from "zod";
import { fromHex, fromUtf8, toHex, toUtf8 } from "@piccolo/bytes";
import type { DeviceCertificate } from "@piccolo/envelope";
import { catalogue } from "@piccolo/fault";
import type { DurableFolder } from "../adapters/state-folder.ts";

export const identityFaults = catalogue({
  "identity-damaged": {
    retry: "never",
    meaning: "The file that says whose device this is was damaged; reset the device and recover by the phrase.",
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
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const IdentityFile = z.strictObject({
  format: z.literal(1),
  name: z.string(),
  account: hex(32),
  ownerPublicKey: hex(32),
  epoch: z.int().min(1),
  deviceKey: hex(32),
  deviceEpoch: z.int().min(1),
  certificate: hex(64),
  metadataKey: hex(32),
  formerMetadataKeys: z.array(z.strictObject({ epoch: z.int().min(1), key: hex(32) })),
  passwordChangedAtMs: z.number(),
  phraseMadeAtMs: z.number(),
  phraseConfirmed: z.boolean(),
});

/** Undefined where none was written. Throws `identity-damaged`. */
export function readIdentity(folder: DurableFolder): Identity | undefined {
  const bytes = folder.read(fileName);
  if (bytes === undefined) return undefined;
  try {
    const file = IdentityFile.parse(JSON.parse(fromUtf8(bytes)));
    const { name, epoch, passwordChangedAtMs, phraseMadeAtMs, phraseConfirmed } = file;
    return {
      name,
      epoch,
      passwordChangedAtMs,
      phraseMadeAtMs,
      phraseConfirmed,
      account: fromHex(file.account),
      ownerPublicKey: fromHex(file.ownerPublicKey),
      certificate: {
        deviceKey: fromHex(file.deviceKey),
        deviceEpoch: file.deviceEpoch,
        signature: fromHex(file.certificate),
      },
      metadataKey: fromHex(file.metadataKey),
      formerMetadataKeys: file.formerMetadataKeys.map(({ epoch: of, key }) => ({ epoch: of, key: fromHex(key) })),
    };
  } catch {
    // The parser's own words may quote the file, and the file holds keys: no cause is passed on.
    throw identityFaults.fault("identity-damaged", `${folder.file(fileName)} is damaged; restore it from a copy`);
  }
}

/** Durable when it returns. */
export function writeIdentity(folder: DurableFolder, identity: Identity): void {
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
    deviceKey: toHex(certificate.deviceKey),
    deviceEpoch: certificate.deviceEpoch,
    certificate: toHex(certificate.signature),
    metadataKey: toHex(identity.metadataKey),
    formerMetadataKeys: identity.formerMetadataKeys.map(({ epoch: of, key }) => ({ epoch: of, key: toHex(key) })),
  };
  folder.write(fileName, toUtf8(`${JSON.stringify(file)}\n`));
}
