/** What a device does at its start, decided from what it found; effects are in `boot.ts`. */
import type { OutsideRecord } from "./outside-record.ts";
import type { VolumeBackend, VolumeState } from "./volume.ts";

/** What stands outside the volume. */
export type FoundRecord = OutsideRecord | "absent" | "damaged";

export interface Found {
  readonly record: FoundRecord;
  readonly volume: VolumeState;
  /** The backend this start was told to use. */
  readonly backend: VolumeBackend;
  /** Whoever installed the system asked for a new volume, or nobody has to. */
  readonly mayCreate: boolean;
}

/** Why the device stays closed; the codes reach the status as they are. */
export type ClosedCode =
  | "not-installed"
  | "record-missing"
  | "record-damaged"
  | "volume-missing"
  | "volume-damaged"
  | "volume-backend"
  | "ask-at-boot";

export type BootPlan =
  /** Nothing is here, or what an interrupted first start left: a volume is made. */
  | { readonly do: "create" }
  /** The volume is open already, since a process before this one crashed: it is used as it is. */
  | { readonly do: "adopt" }
  | { readonly do: "unseal"; readonly sealedVolumeKey: Uint8Array }
  | { readonly do: "stay-closed"; readonly code: ClosedCode; readonly opensWith: readonly ("password" | "phrase")[] };

/**
 * A volume that is absent is taken for a new device's only where no record says that there was one, and a record that
 * is absent only where no volume lies here: whoever takes one of the two away gets no fresh device.
 */
export function decideBoot({ record, volume, backend, mayCreate }: Found): BootPlan {
  const isCreating = typeof record === "object" && record.state === "creating";
  // The open volume has a copy of its record, which replaces one outside that was taken away or changed.
  if (volume === "open" && !isCreating) return { do: "adopt" };
  if (record === "absent") {
    if (volume !== "absent") return closed("record-missing");
    return mayCreate ? { do: "create" } : closed("not-installed");
  }
  if (record === "damaged") return closed("record-damaged");
  if (isCreating) return { do: "create" };
  if (record.backend !== backend) return closed("volume-backend");
  if (volume === "absent") return closed("volume-missing");
  if (volume === "damaged") return closed("volume-damaged");
  const phrase = record.slots === undefined ? [] : (["phrase"] as const);
  if (record.sealedVolumeKey === undefined) return closed("ask-at-boot", ["password", ...phrase]);
  return { do: "unseal", sealedVolumeKey: record.sealedVolumeKey };
}

function closed(code: ClosedCode, opensWith: readonly ("password" | "phrase")[] = []): BootPlan {
  return { do: "stay-closed", code, opensWith };
}

/** What the chip says where it will not give the key any more, unless the machine becomes again what it was. */
const refusals: ReadonlySet<string> = new Set(["tpm-policy", "tpm-other-chip", "tpm-superseded", "tpm-nv-missing"]);

/** Whether nothing opens the volume of a device that nobody owns, as far as its record tells, which is not proven. */
export function isLostWithoutOwner(record: OutsideRecord, code: string): boolean {
  return record.slots === undefined && refusals.has(code);
}

/**
 * What still opens a device whose chip did not give the volume key. Where the chip asks for a restart, or refuses
 * everything for a time, only that helps without the phrase.
 */
export function opensAfterChip(record: OutsideRecord): readonly ("password" | "phrase")[] {
  return record.slots === undefined ? [] : ["phrase"];
}
