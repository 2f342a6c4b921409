import assert from "node:assert/strict";
import { ByteWriter, malformed } from "@piccolo/bytes";
import { algorithms, digestBytes } from "./constants.ts";
import { sha256 } from "./digests.ts";
import type { TpmReader } from "./reader.ts";

export const pcrCount = 24;

/** A TPML_PCR_SELECTION (Part 2, 10.9.7) of PCRs in the SHA-256 bank, the only bank this package looks at. */
export function encodePcrSelection(pcrs: readonly number[]): Uint8Array<ArrayBuffer> {
  const bitmap = new Uint8Array(pcrCount / 8);
  for (const pcr of pcrs) {
    assert.ok(Number.isInteger(pcr) && pcr >= 0 && pcr < pcrCount, "a PCR is numbered 0 to 23");
    bitmap[pcr >> 3] = (bitmap[pcr >> 3] ?? 0) | (1 << (pcr & 7));
  }
  return new ByteWriter().u32(1).u16(algorithms.sha256).u8(bitmap.length).raw(bitmap).finish();
}

/** The PCRs in ascending order. Other banks than SHA-256, more than one bank and PCRs beyond 23 are `malformed`. */
export function decodePcrSelection(reader: TpmReader): readonly number[] {
  reader.expect(reader.u32(), 1, "the number of PCR banks");
  reader.expect(reader.u16(), algorithms.sha256, "the PCR bank");
  const length = reader.u8();
  if (length > 4) throw malformed("a PCR bitmap is longer than 4 bytes");
  const pcrs: number[] = [];
  for (const [at, byte] of reader.fixed(length).entries()) {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) pcrs.push(at * 8 + bit);
  }
  if (pcrs.some((pcr) => pcr >= pcrCount)) throw malformed("a PCR beyond 23 is selected");
  return pcrs;
}

/** The digest of PCR values by number, as policies and quotes have it: concatenated in ascending order (Part 1, 17.5). */
export function pcrDigest(values: ReadonlyMap<number, Uint8Array>): Uint8Array<ArrayBuffer> {
  const ordered = [...values].sort(([a], [b]) => a - b).map(([, value]) => value);
  assert.ok(
    ordered.every((value) => value.length === digestBytes),
    "a PCR has 32 bytes",
  );
  return sha256(...ordered);
}

/** What a PCR holds after an extension (Part 1, 17.2). */
export function extended(value: Uint8Array, digest: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(value, digest);
}
