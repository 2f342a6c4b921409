/** The form of what `Tpm2Chip` seals (docs/spec/sealed-blob.md). Nothing in it is secret, and it proves nothing itself. */
import { ByteWriter, malformed, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import {
  decodePublic,
  digestBytes,
  encodePublic,
  nameBytesMax,
  privateBytesMax,
  publicBytesMax,
  sealedTemplate,
  type SealedPublic,
  tpmFaults,
  TpmReader,
} from "@piccolo/tpm2";
import type { SealedUse } from "../../security/security-chip.ts";
import { firmwareStatesMax, type Sealing } from "./sealing-policy.ts";

const format = 4;
const uses: readonly SealedUse[] = ["volume", "pepper"];

/** `release` sealed it: it opens while the minimum release is not above, and the seals' generation not above its own. */
export interface SealedBlob extends Sealing {
  /** Name of the storage root key it lies under. */
  readonly parentName: Uint8Array;
  readonly publicArea: SealedPublic;
  readonly wrapped: Uint8Array;
}

export function encodeSealedBlob(blob: SealedBlob): Uint8Array {
  const writer = new ByteWriter()
    .u8(format)
    .u8(uses.indexOf(blob.use) + 1)
    .u64(blob.release)
    .u64(blob.generation);
  const add = (field: Uint8Array): void => void writer.u16(field.length).raw(field);
  add(blob.signer ?? new Uint8Array(0));
  writer.u8(blob.firmware.length);
  for (const state of blob.firmware) writer.raw(state);
  for (const field of [blob.parentName, encodePublic(blob.publicArea), blob.wrapped]) add(field);
  return writer.finish();
}

/** Bytes that are no such blob are `tpm-other-chip`: this TPM did not make them, and only the phrase helps. */
export function decodeSealedBlob(bytes: Uint8Array): SealedBlob {
  try {
    return decode(bytes);
  } catch (cause) {
    if (!isFault(cause, "malformed")) throw cause;
    const message = "what the TPM sealed is damaged; enter the recovery phrase to seal it anew";
    throw tpmFaults.fault("tpm-other-chip", message, { cause });
  }
}

function decode(bytes: Uint8Array): SealedBlob {
  const reader = new TpmReader(bytes);
  reader.expect(reader.u8(), format, "the format");
  const use = uses[reader.u8() - 1];
  if (use === undefined) throw malformed("the use is unknown");
  const release = reader.u64();
  const generation = reader.u64();
  const signer = reader.tpm2b(nameBytesMax);
  const states = reader.u8();
  if (signer.length === 0 ? states !== 0 : states < 1 || states > firmwareStatesMax) {
    throw malformed("the number of the firmware's states is wrong");
  }
  const firmware = Array.from({ length: states }, () => reader.fixed(digestBytes));
  if (new Set(firmware.map(toHex)).size !== states) throw malformed("a state of the firmware comes twice");
  const parentName = reader.tpm2b(nameBytesMax);
  const publicArea = decodePublic(reader.tpm2b(publicBytesMax));
  const wrapped = reader.tpm2b(privateBytesMax);
  reader.end();
  const { attributes } = sealedTemplate(new Uint8Array(0));
  if (publicArea.type !== "sealed") throw malformed("the object is not sealed data");
  reader.expect(publicArea.attributes, attributes, "what may be done with the sealed data");
  const signed = { signer: signer.length === 0 ? undefined : signer };
  return { use, release, generation, ...signed, firmware, parentName, publicArea, wrapped };
}
