/**
 * What keeps an app, or a version of it, off this device: one answer for who asks before an install, for the install, for
 * each change that copies data first, and for what comes back from a backup or the trash. Pure.
 */
import type { AppManifest, DataVolume } from "@piccolo/app-manifest";
import type { Fault } from "@piccolo/fault";
import { servicesMax, slotsMax } from "./addresses.ts";
import { catalogSourceFaults } from "./catalog-faults.ts";
import type { Blocked } from "./catalogs.ts";
import { savedVolumes } from "./generations.ts";
import type { AppPlanRecord } from "./plan-types.ts";
import { nameTaken, planFaults } from "./requests.ts";
import { appFaults } from "./types.ts";
import { type BoundFacts, isRoomFor } from "./volume-bounds.ts";

/** Stays free beside what is known to be needed. */
export const leastFreeBytes = 256 * 1024 * 1024;
/** What an image takes once it is unpacked, by what it is to fetch: layers of programs and texts shrink to about a third. */
const unpackedFactor = 3;

/** What the images of an app need that are not here yet. */
export interface ImageNeeds {
  /** Undefined where nobody knows. */
  readonly downloadBytes: number | undefined;
  /** Fetched and unpacked, since both lie on the disk for a while; as far as it is known. */
  readonly roomBytes: number;
}

/** `sizeBytes`: of each image as a registry has it, where it is known; a bundled one is not fetched, and unpacked all the same. */
export function imageNeeds(
  images: readonly { readonly sizeBytes: number | undefined; readonly bundled: boolean }[],
): ImageNeeds {
  const fetched = images.filter(({ bundled }) => !bundled);
  const sum = (some: typeof images): number => some.reduce((all, { sizeBytes = 0 }) => all + sizeBytes, 0);
  return {
    downloadBytes: fetched.some(({ sizeBytes }) => sizeBytes === undefined) ? undefined : sum(fetched),
    roomBytes: sum(fetched) + unpackedFactor * sum(images),
  };
}

export interface DeviceLimits {
  readonly mayHaveName: (app: string) => boolean;
  readonly unsuited: (manifest: AppManifest) => Blocked | undefined;
}

/** Why it does not fit, wherever it comes from; empty where it does: `wrong-architecture`, `needs-newer-os`, `app-too-large`. */
export function misfits(manifest: AppManifest, { unsuited }: Pick<DeviceLimits, "unsuited">): readonly Fault[] {
  const blocked = unsuited(manifest);
  return [
    ...(blocked === undefined ? [] : [catalogSourceFaults.fault(blocked.reason, blocked.detail)]),
    ...(manifest.services.length > servicesMax
      ? [
          appFaults.fault(
            "app-too-large",
            `an app has at most ${servicesMax} services on this device; choose another one`,
          ),
        ]
      : []),
  ];
}

/** As `misfits`, of an app that is not here yet; and `app-name-reserved`. */
export function newcomerMisfits(manifest: AppManifest, limits: DeviceLimits): readonly Fault[] {
  const { id } = manifest;
  if (limits.mayHaveName(id)) return misfits(manifest, limits);
  const why = `the name ${id} belongs to the device itself, or is too long beside its own`;
  return [appFaults.fault("app-name-reserved", why), ...misfits(manifest, limits)];
}

/** `no-room`, where so much is not free. */
export function roomTrouble(neededBytes: number, freeBytes: number): readonly Fault[] {
  if (freeBytes >= neededBytes) return [];
  const why = `it needs about ${inWords(neededBytes)} of room, and ${inWords(freeBytes)} are free; delete backups that lie on the device, or remove something`;
  return [appFaults.fault("no-room", why)];
}

const inWords = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;

export interface RoomFacts {
  /** Of the images and data that it brings. */
  readonly roomBytes: number;
  readonly bounds: BoundFacts;
  /** Volumes that are to be made. */
  readonly missing: readonly DataVolume[];
}

/** `no-room`; or `room-promised`, where what is free is what volumes of other apps may still take. */
function troubleOfRoom(manifest: AppManifest, { roomBytes, bounds, missing }: RoomFacts): readonly Fault[] {
  const { freeBytes, othersBytes } = bounds;
  const trouble = roomTrouble(leastFreeBytes + roomBytes, freeBytes);
  if (trouble.length > 0 || isRoomFor(missing, manifest, { ...bounds, freeBytes: freeBytes - roomBytes }))
    return trouble;
  const why = `${inWords(freeBytes)} are free, and ${inWords(othersBytes)} of that are promised to the data of other apps; remove one of them, or delete backups that lie on the device`;
  return [appFaults.fault("room-promised", why)];
}

export interface InstallFacts extends DeviceLimits, RoomFacts {
  readonly isInstalled: boolean;
  readonly slotsTaken: number;
}

/** Why an install would be refused; empty when it would not. */
export function installRefusals(manifest: AppManifest, facts: InstallFacts): readonly Fault[] {
  return [
    ...newcomerMisfits(manifest, facts),
    ...(facts.isInstalled ? [planFaults.fault("app-name-taken", nameTaken(manifest.id))] : []),
    ...(facts.slotsTaken >= slotsMax ? [tooManyApps()] : []),
    ...troubleOfRoom(manifest, facts),
  ];
}

export interface ChangeFacts {
  /** What each volume of the app takes. */
  readonly usedBytes: Readonly<Record<string, number>>;
  readonly bounds: BoundFacts;
  /** Volumes of the next generation that are to be made. */
  readonly missing: readonly DataVolume[];
  /** Of the images and data that it brings; undefined where it brings none, as new settings do. */
  readonly roomBytes: number | undefined;
}

/**
 * As `troubleOfRoom`, where the change that the record begins with has none for the copy of the data it makes first, and for what it
 * brings. A copy that shares its blocks with the data needs its size, too: the kernel's bound on all content counts it in full
 * when it is made (docs/adr/0015), and that is what it takes once the app has written over what it shares.
 */
export function changeRefusals(
  record: AppPlanRecord,
  { usedBytes, roomBytes, ...facts }: ChangeFacts,
): readonly Fault[] {
  const copied = record.change?.safety === undefined ? [] : savedVolumes(record);
  // A change that writes nothing helps an owner whose disk is full, who takes a grant back for instance.
  if (record.change === undefined || (copied.length === 0 && roomBytes === undefined)) return [];
  const copyBytes = copied.reduce((sum, { name }) => sum + (usedBytes[name] ?? 0), 0);
  return troubleOfRoom(record.change.to.manifest, { ...facts, roomBytes: (roomBytes ?? 0) + copyBytes });
}

export function tooManyApps(): Fault {
  return appFaults.fault(
    "too-many-apps",
    "this device has as many apps as it can keep apart; uninstall one, and erase it",
  );
}

export function throwFirst([first]: readonly Fault[]): void {
  if (first !== undefined) throw first;
}
