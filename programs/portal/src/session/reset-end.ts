/** When a device that is being reset has come back as a new one. */
export interface ResetSeen {
  /** The device had no owner before already, so that its saying so tells nothing at first. */
  readonly wasUnclaimed: boolean;
  /** It did not answer, or as something else, since the reset was asked for. */
  readonly wentAway: boolean;
}

/** `phase`: of the last answer; undefined = none. `isSilent`: the last question got none. */
export function resetSeen(before: ResetSeen, phase: string | undefined, isSilent: boolean): ResetSeen {
  return before.wentAway || !(isSilent || (phase !== undefined && phase !== "unclaimed"))
    ? before
    : { ...before, wentAway: true };
}

/** Longer than a device takes until it goes down. A page that slept meanwhile has not seen it go. */
const goesDownWithinMs = 60_000;

/** `askedMs`: from the reset to the last answer. */
export const isAnew = (seen: ResetSeen, phase: string | undefined, isSilent: boolean, askedMs: number): boolean =>
  phase === "unclaimed" && !isSilent && (!seen.wasUnclaimed || seen.wentAway || askedMs >= goesDownWithinMs);
