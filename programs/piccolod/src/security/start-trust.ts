/** Whether a person may type a secret into this device as it was started: else it could be there to catch just that. */
import { isFault } from "@piccolo/fault";
import type { SecureBootState } from "../adapters/firmware/secure-boot.ts";
import type { Reason } from "./boot.ts";
import type { SecurityChip } from "./security-chip.ts";

const notOn: Readonly<Record<Exclude<SecureBootState, "on">, Reason>> = {
  off: {
    code: "secure-boot-off",
    detail:
      "Secure Boot is switched off, so anybody's system could be running here: switch it on in the firmware set-up.",
  },
  "setup-mode": {
    code: "secure-boot-off",
    detail: "The firmware has no keys for Secure Boot yet: start the installer once more, which puts them in.",
  },
  "no-uefi": {
    code: "no-uefi",
    detail: "The machine was started in the old way (BIOS): choose UEFI in the firmware set-up.",
  },
};

/** `keys`: what speaks against the keys of this start (`start-keys.ts`); undefined where the chip measures nothing. */
export function distrustOf(
  secureBoot: () => SecureBootState,
  chip: Pick<SecurityChip, "checkStart">,
  keys?: () => Promise<Reason | undefined>,
): () => Promise<Reason | undefined> {
  return async () => {
    const state = secureBoot();
    if (state !== "on") return notOn[state];
    try {
      await chip.checkStart();
      return await keys?.();
    } catch (error) {
      if (!isFault(error)) throw error;
      return { code: error.code, detail: error.message };
    }
  };
}
