/** What whoever stands before the device has to know, and nobody else is told. Pure. */

export interface ScreenFacts {
  readonly version: string;
  readonly deviceName: string;
  readonly origin: string;
  /** Undefined where it would prove nothing. */
  readonly fingerprint: string | undefined;
  /** Why the volume is closed; empty where it is open. */
  readonly reasons: readonly string[];
  /** Whether somebody could type a secret into the page of the closed device. */
  readonly takesSecret: boolean;
  /** Whether the machine's own clock lost the time, and nobody has told it. */
  readonly hasForgottenTime: boolean;
  /** Undefined where there is an owner, or the volume is closed. */
  readonly claimCode: string | undefined;
}

/** What keeps an owner from a page that only looks like the device's; the portal says the same. */
const secretWarning = [
  "",
  "Type password or phrase only if your browser opens the page without a warning about its certificate",
  "that it did not show before, or shows the fingerprint that you noted at set-up. This screen cannot prove it.",
];
const clockWarning = [
  "",
  "The clock lost the time: connect the device to the internet, or set the clock in the firmware set-up.",
];

export function screenLines(facts: ScreenFacts): readonly string[] {
  const { version, deviceName, origin, fingerprint, reasons, claimCode } = facts;
  return [
    `Piccolo-OS ${version}   ${deviceName}`,
    "",
    `Open ${origin}/ in a browser on this network.`,
    ...(fingerprint === undefined ? [] : ["Fingerprint of its authority (SHA-256):", fingerprint]),
    "",
    ...reasons,
    ...(facts.takesSecret ? secretWarning : []),
    ...(claimCode === undefined ? [] : [`Claim code: ${claimCode}`]),
    ...(facts.hasForgottenTime ? clockWarning : []),
  ];
}
