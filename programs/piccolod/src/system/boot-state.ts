/**
 * The port to what firmware and kernel say of how this machine was started. None of it is certain by itself: the security chip
 * confirms it, or does not. Adapters: `MachineBootState` in `adapters/machine`, `MemoryBootState` for tests; both run one suite.
 */
import { catalogue } from "@piccolo/fault";

export const bootStateFaults = catalogue({
  "boot-state-unreadable": {
    retry: "later",
    meaning: "The system does not give out its boot log or firmware variables whole; restart the device.",
  },
});

/** A PEM public key is a few hundred bytes. */
export const pcrKeyBytesMax = 8_192;

export interface FoundBoot {
  /** `bios`: the firmware is of the old kind, or started the system in its way; there is no Secure Boot then. */
  readonly firmware: "uefi" | "bios";
  /** Undefined where the firmware has no such variable. */
  readonly secureBoot: boolean | undefined;
  readonly setupMode: boolean | undefined;
  /** The firmware's log of what it measured, at most `logBytesMax`; undefined where there is none. */
  readonly log: Uint8Array | undefined;
  /** The PEM key for PCR policies that the boot stub handed over: measured as a part of the system image. */
  readonly pcrKey: Uint8Array | undefined;
}

export interface BootState {
  /** Throws `boot-state-unreadable`. */
  read(): Promise<FoundBoot>;
}

/** A machine that is none: a process on somebody's computer, with a chip of software. */
export const nothingMeasured: BootState = {
  read: async () => ({
    firmware: "bios",
    secureBoot: undefined,
    setupMode: undefined,
    log: undefined,
    pcrKey: undefined,
  }),
};
