/**
 * The port to the keys in the machine's firmware, as far as a release changes them (docs/spec/release-keys.md, rules 11 and 12). The adapter is
 * `EfiKeys` in `adapters/firmware`.
 */
import { catalogue } from "@piccolo/fault";

export const firmwareKeyFaults = catalogue({
  "firmware-keys-refused": {
    retry: "never",
    meaning:
      "The firmware does not take the release's change of its Secure Boot keys; the device goes on with those of before.",
  },
  "firmware-keys-unreadable": {
    retry: "later",
    meaning:
      "The machine's Secure Boot keys, or the release's list of them, cannot be read; the device goes on with those that are there. Start it again.",
  },
});

export interface FirmwareKeyChange {
  /** Values that PCR 7 may have in starts after it, of this release and the next. */
  readonly expected: readonly Uint8Array[];
  /** The firmware has the keys when it returns; the present start is as it was. Repeatable. Throws `firmware-keys-refused`, `firmware-keys-unreadable`. */
  apply(): Promise<void>;
}

export interface FirmwareKeys {
  /** Undefined where the firmware has what the release wants it to have, or where nobody knows what it would measure then. */
  pending(): Promise<FirmwareKeyChange | undefined>;
}
