/**
 * The minimum release number, in an ordinary index of the TPM's memory. An ordinary one and not a counter: a TPM starts a
 * counter that is defined anew above every earlier value, so that a device could lose all its releases at once.
 */
import { isFault } from "@piccolo/fault";
import type { Session, Tpm } from "@piccolo/tpm2";
import { securityChipFaults } from "../../security/security-chip.ts";
import { NumberIndex } from "./number-index.ts";

export const minimumRelease = new NumberIndex({
  handle: 0x0180_9c01,
  kind: "ordinary",
  what: "the minimum release",
});

/** Makes the index where it is absent, with the first minimum. A power cut between making and writing is caught up. */
export async function ensureMinimumRelease(tpm: Tpm, session: Session, first: number): Promise<number> {
  const isWritten = await minimumRelease.ensureDefined(tpm, session);
  if (!isWritten) await minimumRelease.write(tpm, session, first, true);
  return readMinimumRelease(tpm, session);
}

/** A number that no release can have, which other software may have written, is above each of them. Throws as the index does. */
export async function readMinimumRelease(tpm: Tpm, session: Session): Promise<number> {
  try {
    return await minimumRelease.read(tpm, session);
  } catch (error) {
    if (isFault(error, "malformed")) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** 0 where nothing was ever sealed here. */
export async function knownMinimumRelease(tpm: Tpm, session: Session): Promise<number> {
  try {
    return await readMinimumRelease(tpm, session);
  } catch (error) {
    if (isFault(error, "tpm-nv-missing")) return 0;
    throw error;
  }
}

/** Throws `release-too-old` where the running release must not run any more. */
export function refuseOlderRelease(running: number, minimum: number): void {
  if (running >= minimum) return;
  const named = Number.isFinite(minimum) ? `the minimum release ${minimum}` : "what the TPM holds as the minimum";
  const message = `release ${running} is older than ${named}: install a later release, or clear the TPM in the firmware set-up, after which the recovery phrase opens the device`;
  throw securityChipFaults.fault("release-too-old", message);
}

/** Never downwards: an older number and the same one change nothing. */
export async function raiseMinimumRelease(tpm: Tpm, session: Session, to: number): Promise<void> {
  const minimum = await ensureMinimumRelease(tpm, session, to);
  if (to > minimum) await minimumRelease.write(tpm, session, to, false);
}
