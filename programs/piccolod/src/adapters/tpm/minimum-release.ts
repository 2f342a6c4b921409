/**
 * The minimum release number, in an ordinary index of the TPM's memory. An ordinary one and not a counter: a TPM starts a
 * counter that is defined anew above every earlier value, so that a device could lose all its releases at once.
 */
import { isFault } from "@piccolo/fault";
import type { Session, Tpm } from "@piccolo/tpm2";
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
  return minimumRelease.read(tpm, session);
}

/** 0 where nothing was ever sealed here. */
export async function knownMinimumRelease(tpm: Tpm, session: Session): Promise<number> {
  try {
    return await minimumRelease.read(tpm, session);
  } catch (error) {
    if (isFault(error, "tpm-nv-missing")) return 0;
    throw error;
  }
}

/** Never downwards: an older number and the same one change nothing. */
export async function raiseMinimumRelease(tpm: Tpm, session: Session, to: number): Promise<void> {
  const minimum = await ensureMinimumRelease(tpm, session, to);
  if (to > minimum) await minimumRelease.write(tpm, session, to, false);
}
