/**
 * What keeps an app, or a version of it, off this device: one answer for who asks before an install, for the install, for
 * each change that copies data first, and for what comes back from a backup or the trash. Pure.
 */
import type { AppManifest, DataVolume } from "@piccolo/app-manifest";
import type { Fault } from "@piccolo/fault";
import { servicesMax, slotsMax } from "./addresses.ts";
import { catalogSourceFaults } from "./catalog-faults.ts";
import type { Blocked } from "./catalogs.ts";
import { placedVolumes, savedVolumes } from "./generations.ts";
import type { AppPlanRecord, Change } from "./plan-types.ts";
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

/** `no-room`, where so much is not free. `copyBytes`: of that for copies of the app's data. */
export function roomTrouble(neededBytes: number, freeBytes: number, copyBytes = 0): readonly Fault[] {
  if (freeBytes >= neededBytes) return [];
  const forCopies = copyBytes === 0 ? "" : `, ${inWords(copyBytes)} of it for copies of its data while it changes`;
  const why = `it needs about ${inWords(neededBytes)} of room${forCopies}, and ${inWords(freeBytes)} are free; delete backups that lie on the device, or remove something`;
  return [appFaults.fault("no-room", why)];
}

const inWords = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;

export interface RoomFacts {
  /** Of the images and data that it brings. */
  readonly roomBytes: number;
  /** Of copies of the data there is. */
  readonly copyBytes?: number;
  readonly bounds: BoundFacts;
  /** Volumes that are to be made. */
  readonly missing: readonly DataVolume[];
}

/** `no-room`; or `room-promised`, where what is free is what volumes of other apps may still take. */
function troubleOfRoom(manifest: AppManifest, facts: RoomFacts): readonly Fault[] {
  const { roomBytes, copyBytes = 0, bounds, missing } = facts;
  const { freeBytes, othersBytes } = bounds;
  const otherBytes = roomBytes + copyBytes;
  const trouble = roomTrouble(leastFreeBytes + otherBytes, freeBytes, copyBytes);
  if (trouble.length > 0 || isRoomFor(missing, manifest, { ...bounds, freeBytes: freeBytes - otherBytes }))
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

type BytesByVolume = Readonly<Record<string, number>>;

export interface ChangeFacts {
  /** What each volume of the app takes. */
  readonly usedBytes: BytesByVolume;
  /** What each volume of the local copy takes that the change starts from. */
  readonly placedBytes: BytesByVolume;
  readonly bounds: BoundFacts;
  /** Volumes of the next generation that are not there. */
  readonly missing: readonly DataVolume[];
  /** Of the images and data that it brings; undefined where it brings none, as new settings do. */
  readonly roomBytes: number | undefined;
}

/**
 * As `troubleOfRoom`, where the change that the record begins with has none for the copies of the data it makes, and for
 * what it brings. A copy that shares its blocks with the data needs its size, too: the kernel's bound on all content counts
 * it in full when it is made (docs/adr/0015), and that is what it takes once the app has written over what it shares.
 */
export function changeRefusals(
  record: AppPlanRecord,
  { usedBytes, placedBytes, missing, roomBytes, ...facts }: ChangeFacts,
): readonly Fault[] {
  const { change } = record;
  if (change === undefined) return [];
  const copyBytes = copiesBytes(record, change, usedBytes, placedBytes);
  // A change that writes nothing helps an owner whose disk is full, who takes a grant back for instance.
  if (copyBytes === undefined && roomBytes === undefined) return [];
  const brought = placedVolumes(record);
  return troubleOfRoom(change.to.manifest, {
    ...facts,
    missing: missing.filter(({ name }) => !brought.includes(name)),
    roomBytes: roomBytes ?? 0,
    copyBytes: copyBytes ?? 0,
  });
}

/**
 * The most that copies take at once: the one made first, and what the copy that is put in the data's place is larger than
 * that data, which goes first where both have no room (`AppStorage.restore`). To put the first one back takes no more than
 * there was. What is fetched from a backup has that counted with it. Undefined where there are none.
 */
function copiesBytes(
  record: AppPlanRecord,
  change: Change,
  usedBytes: BytesByVolume,
  placedBytes: BytesByVolume,
): number | undefined {
  const saved = change.safety === undefined ? [] : savedVolumes(record).map(({ name }) => name);
  const placed = change.fetched === undefined ? placedVolumes(record) : [];
  if (saved.length === 0 && placed.length === 0) return undefined;
  const sum = (names: readonly string[], of: (name: string) => number): number =>
    names.reduce((total, name) => total + of(name), 0);
  return (
    sum(saved, (name) => usedBytes[name] ?? 0) +
    sum(placed, (name) => Math.max(0, (placedBytes[name] ?? 0) - (usedBytes[name] ?? 0)))
  );
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
