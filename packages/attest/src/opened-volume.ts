/** What the device daemon measures into PCR 15: which volume was opened in this boot. `docs/spec/measured-boot.md`, section 6. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { concat, equalConstantTime, toUtf8 } from "@piccolo/bytes";
import { extend } from "./replay.ts";

export const volumePcr = 15;
export const volumeIdentityBytes = 32;

const openedPurpose = "piccolo/measured-boot/v1/volume";
const closedPurpose = "piccolo/measured-boot/v1/no-volume";

/** The digest PCR 15 is extended with: by the volume's public identity, or, undefined, because the volume stays closed. */
export function volumeMeasurement(identity: Uint8Array | undefined): Uint8Array {
  assert.ok(identity === undefined || identity.length === volumeIdentityBytes, "an identity has 32 bytes");
  const measured =
    identity === undefined ? toUtf8(closedPurpose) : concat(toUtf8(openedPurpose), new Uint8Array(1), identity);
  return hash("sha256", measured, "buffer");
}

/**
 * What PCR 15 can hold in a boot whose volume is open (it was opened at once, or by a person after it had stayed closed), or, undefined,
 * whose volume stays closed.
 */
export function predictPcr15(identity: Uint8Array | undefined): readonly Uint8Array[] {
  const zeros = new Uint8Array(32);
  const closed = extend("sha256", zeros, volumeMeasurement(undefined));
  if (identity === undefined) return [closed];
  const measurement = volumeMeasurement(identity);
  return [extend("sha256", zeros, measurement), extend("sha256", closed, measurement)];
}

/** Whether a value of PCR 15 tells of this volume already, or, undefined, of anything at all. */
export function tellsOfVolume(value: Uint8Array, identity: Uint8Array | undefined): boolean {
  if (identity === undefined) return value.some((byte) => byte !== 0);
  return predictPcr15(identity).some((predicted) => equalConstantTime(predicted, value));
}
