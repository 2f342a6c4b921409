/**
 * The ports to the boot loader and to the boot images it chooses from. Adapters: `SystemdBoot` (unified kernel images on the EFI system
 * partition) has both, `GrubBoot` (phase 1) the first; `MemoryBoot` for tests. All run the suites in `test-support`.
 */
import { catalogue } from "@piccolo/fault";

export const bootControlFaults = catalogue({
  "boot-entry-unknown": { retry: "never", meaning: "The boot loader has no such entry; look at the list again." },
  "boot-entry-in-use": {
    retry: "never",
    meaning: "The running system or the last one known to work was started by this entry; it is not removed.",
  },
  "boot-partition-full": {
    retry: "never",
    meaning: "The boot partition has no room for another system image; remove an older one first.",
  },
  "boot-partition-unreadable": {
    retry: "later",
    meaning: "The boot partition cannot be mounted, read or written; restart the device, and reinstall it if it stays.",
  },
  "boot-image-damaged": {
    retry: "later",
    meaning: "What was written of a system image is not what was meant to be; it was taken away, so fetch it again.",
  },
});

export interface BootEntry {
  /** As the boot loader names it, without what it counts: `piccolo-12.efi`. */
  readonly id: string;
  /** `good`: not counted, known to work. `trying`: counted, with tries left. `bad`: used up. */
  readonly state: "good" | "trying" | "bad";
  /** Starts that are left, and that were tried; only while they are counted. */
  readonly tries: { readonly left: number; readonly done: number } | undefined;
}

export interface BootChoice {
  readonly entries: readonly BootEntry[];
  /** The entry that started the running system, as the boot loader says. */
  readonly booted: string | undefined;
  /** The entry that was set as the standing choice; undefined = the newest that is not bad. */
  readonly preferred: string | undefined;
  /** The entry for the next start alone. */
  readonly next: string | undefined;
}

export interface BootControl {
  /** Throws `boot-partition-unreadable`. */
  choice(): Promise<BootChoice>;
  /** The entry works: its starts are not counted any more. Repeatable. Throws `boot-entry-unknown`. */
  bless(id: string): Promise<void>;
  /** Undefined goes back to the newest that is not bad. Throws `boot-entry-unknown`. */
  prefer(id: string | undefined): Promise<void>;
  /** For the next start only. Throws `boot-entry-unknown`. */
  once(id: string): Promise<void>;
}

export interface NewBootImage {
  /** `piccolo-12.efi`. */
  readonly id: string;
  readonly content: Uint8Array;
  /** How often it may be started before it has to be blessed. */
  readonly tries: number;
  /** What the release says the boot will measure, signed. */
  readonly prediction: Uint8Array | undefined;
}

export interface BootImages {
  /**
   * Writes an image as a new entry, over an earlier one of that name. A power cut at any moment leaves the old entries as they
   * were, and this one whole or not at all. Throws `boot-partition-full`, `boot-image-damaged`, `boot-entry-in-use`.
   */
  install(image: NewBootImage): Promise<void>;
  /** Repeatable. Throws `boot-entry-in-use` for the entry that is running, and for the only good one. */
  remove(id: string): Promise<void>;
  /** SHA-256 of an image as it lies there now, hexadecimal. Throws `boot-entry-unknown`. */
  digestOf(id: string): Promise<string>;
  /** The signed predictions beside the images. */
  predictions(): Promise<readonly Uint8Array[]>;
}

/** Entries are named after releases; nothing else on the boot partition is touched. */
export const bootEntryPattern = /^piccolo-[1-9]\d{0,9}\.efi$/;

export function unknownEntry(id: string): Error {
  return bootControlFaults.fault("boot-entry-unknown", `the boot loader has no entry ${JSON.stringify(id)}`);
}

export function entryInUse(id: string, why: string): Error {
  return bootControlFaults.fault("boot-entry-in-use", `${id} is not touched: ${why}`);
}
