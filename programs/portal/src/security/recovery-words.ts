/** Why a recovery ended, and what may help. */
export interface RecoveryTrouble {
  readonly text: string;
  /** Whether another place to look at may help. */
  readonly asksPlace: boolean;
  /** Whether this device has to be reset first. */
  readonly resets?: boolean;
}

const notFound =
  "Your network was not found. Check that this device is online. If you have your recovery sheet, or know the address of a member's device, enter it below.";
const wrongPhrase =
  "Nothing is kept under this phrase. It may be an older one that was replaced, or belong to somebody else: look at the words again.";

const known: Readonly<Record<string, RecoveryTrouble>> = {
  "phrase-unknown": { text: wrongPhrase, asksPlace: false },
  "slot-not-found": { text: wrongPhrase, asksPlace: true },
  "unknown-slot": { text: wrongPhrase, asksPlace: true },
  "central-unreachable": { text: notFound, asksPlace: true },
  "peer-unreachable": { text: notFound, asksPlace: true },
  "membership-not-found": { text: notFound, asksPlace: true },
  "not-enough-fragments": {
    text: "Your keys were found, but too few devices that store your data are online. Try again later; nothing is lost.",
    asksPlace: false,
  },
  "recovery-ended": {
    text: "The recovery ended before it was complete. Nothing was changed; try it again.",
    asksPlace: false,
  },
};

/** The device's own words say all there is to say, and no other place would change it. */
const placeless: Readonly<Record<string, Pick<RecoveryTrouble, "resets">>> = {
  "clock-wrong": {},
  "device-key-used": { resets: true },
};

/** What this version does not know is told in the device's own words. */
export function recoveryTroubleInWords({
  code,
  detail,
}: {
  readonly code: string;
  readonly detail: string;
}): RecoveryTrouble {
  const own = placeless[code];
  if (own !== undefined && detail !== "") return { text: detail, asksPlace: false, ...own };
  return known[code] ?? { text: detail === "" ? "The recovery did not work. Try it again." : detail, asksPlace: true };
}
