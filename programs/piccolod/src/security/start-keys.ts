/**
 * Whose keys the firmware trusted in this start. That Secure Boot is on says nothing of it: whoever has the firmware's set-up may have
 * enrolled keys of their own, and what they started can have measured whatever a release measures.
 */
import { confirmedSecureBootEvents, readSecureBoot, secureBootPcr } from "@piccolo/attest";
import { isFault } from "@piccolo/fault";
import type { BootState } from "../system/boot-state.ts";
import type { Reason } from "./boot.ts";
import type { SecurityChip } from "./security-chip.ts";

const keysOfOthers: Reason = {
  code: "start-keys-of-others",
  detail:
    "The firmware let something start by a key that is not the release's: delete its platform key (setup mode), then start the installer, which enrols the release's keys alone.",
};
const weakened: Reason = {
  code: "start-weakened",
  detail:
    "The firmware runs with a protection switched off: switch its debugger off, and the IOMMU (VT-d, AMD-Vi, DMA protection) on.",
};
const unknown: Reason = {
  code: "start-keys-unknown",
  detail:
    "The security chip does not confirm which keys the firmware started the system by: restart the device; if that does not help, update the firmware, or report which machine it is.",
};

export const startKeyCodes = [keysOfOthers, weakened, unknown].map(({ code }) => code);

/** Fingerprints of keys by which a release's programs start. */
export interface ReleaseStartKeys {
  readonly signing: ReadonlySet<string>;
  /** Of sets that were replaced: they sign the boot loader that an older device was installed with, and no image of this release. */
  readonly replaced: ReadonlySet<string>;
}

/** `log` and `pcr7` are as the machine gives them. `docs/spec/release-keys.md`, rule 15. */
export function decideStartKeys(
  log: Uint8Array | undefined,
  pcr7: Uint8Array | undefined,
  { signing, replaced }: ReleaseStartKeys,
): Reason | undefined {
  if (log === undefined || pcr7 === undefined) return unknown;
  try {
    const events = confirmedSecureBootEvents(log, pcr7);
    if (events === undefined) return unknown;
    const { enabled, weakened: how, authorities } = readSecureBoot(events);
    if (!enabled || authorities.length === 0) return unknown;
    if (how.length > 0) return weakened;
    const seen = authorities.map(({ fingerprint = "" }) => fingerprint);
    const isReleased =
      seen.some((one) => signing.has(one)) && seen.every((one) => signing.has(one) || replaced.has(one));
    return isReleased ? undefined : keysOfOthers;
  } catch (error) {
    if (!isFault(error)) throw error;
    return unknown;
  }
}

export interface StartKeysOptions {
  readonly bootState: BootState;
  readonly chip: Pick<SecurityChip, "pcrs">;
  readonly released: () => ReleaseStartKeys;
}

/** Resolves to what speaks against this start. */
export function startKeys({ bootState, chip, released }: StartKeysOptions): () => Promise<Reason | undefined> {
  return async () => {
    try {
      const { log } = await bootState.read();
      return decideStartKeys(log, (await chip.pcrs()).get(secureBootPcr), released());
    } catch (error) {
      if (!isFault(error)) throw error;
      return { code: error.code, detail: error.message };
    }
  };
}
