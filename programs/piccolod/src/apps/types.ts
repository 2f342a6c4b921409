import { catalogue } from "@piccolo/fault";
import type { AppPlanRecord, FailureCode, TrashRecord } from "./plan-types.ts";

export const appFaults = catalogue({
  "app-not-found": { retry: "never", meaning: "No app of that name is installed." },
  "manifest-refused": {
    retry: "never",
    meaning: "The manifest has something this device does not take; see its problems.",
  },
  "manifest-of-another-app": { retry: "never", meaning: "The new manifest is not of the app it shall update." },
  "source-unclear": {
    retry: "never",
    meaning: "An app comes from a catalog or from a manifest: give one of the two.",
  },
  "app-name-reserved": {
    retry: "never",
    meaning: "The name belongs to the device itself; the app needs another one.",
  },
  "app-too-large": { retry: "never", meaning: "The app has more services than the device can keep apart." },
  "app-not-running": {
    retry: "later",
    meaning: "The app does not run at the moment; start it, or wait until it has started.",
  },
  "app-overloaded": { retry: "later", meaning: "Too many visits of the app are under way; try again in a moment." },
  "no-room": {
    retry: "later",
    meaning: "There is not enough room on the device; delete backups that lie on it, or remove something.",
  },
  "room-promised": {
    retry: "later",
    meaning:
      "What is free is promised to the data of other apps; remove one of them, or delete backups that lie on the device.",
  },
  "too-many-apps": { retry: "never", meaning: "The device has as many apps as it can keep apart; remove one first." },
});

/** Why a change of an app was given up, as the task that asked for it says. */
export const changeFaults = catalogue({
  "image-unreachable": { retry: "later", meaning: "The image's registry does not answer; try again later." },
  "registry-busy": {
    retry: "later",
    meaning:
      "Registries give each internet connection only so many images within some hours; nothing is wrong with yours. The device asks again by itself, at least once an hour; where it has given up, try again tomorrow.",
  },
  "image-refused": { retry: "never", meaning: "The image cannot be had, or is not the one the manifest names." },
  "disk-full": { retry: "later", meaning: "The disk is full; free some room, then try again." },
  "not-started": { retry: "later", meaning: "A part of the app cannot be started; look at what it said." },
  "not-healthy": { retry: "later", meaning: "The app was started and does not answer; look at what it said." },
  "not-answering": { retry: "later", meaning: "The app runs and does not answer any more; look at its log." },
  "not-stopped": { retry: "later", meaning: "A part of the app cannot be stopped; it is tried again." },
  "snapshot-failed": { retry: "later", meaning: "The app's data could not be copied; nothing was changed." },
  "restore-failed": { retry: "later", meaning: "The copy of the app's data could not be put back; it is tried again." },
  "data-missing": { retry: "never", meaning: "Data of the app is missing; restore the app from a backup." },
  "snapshot-missing": { retry: "never", meaning: "A copy of the app's data is gone; restore the app from a backup." },
  "record-behind": { retry: "never", meaning: "The device's database is older than what runs; restore the app." },
  "backup-unreadable": {
    retry: "later",
    meaning: "Too few of the devices that have the backup answer; it is tried again when more of them are online.",
  },
  "backup-damaged": { retry: "never", meaning: "The backup is not what was stored; choose an older one." },
  "device-locked": { retry: "later", meaning: "The device is locked; it goes on once the password was entered." },
  "runtime-unavailable": {
    retry: "later",
    meaning:
      "What runs the apps does not answer. It is started again by itself, and then this goes on; where that takes longer than a few minutes, restart the device.",
  },
  "step-failed": {
    retry: "later",
    meaning:
      "The device could not do it. Try again; where that does not help, restart the device, and where it stays so, report it with what is said here.",
  },
} satisfies Record<FailureCode, { retry: "later" | "never"; meaning: string }>);

/** What of the machine is an app's own, also while it is in the trash. */
export interface AppPlace {
  readonly slot: number;
  /** Names its bridges and addresses: its slot, unless something else had those. */
  readonly networkSlot: number;
  readonly idStart: number;
  readonly installedAtMs: number;
}

/** What a copy of an app's data is no use without. */
export interface SnapshotFacts {
  /** First of the ids that own its files. */
  readonly idStart: number;
  readonly secrets: Readonly<Record<string, string>>;
}

export interface InstalledApp extends AppPlace {
  readonly record: AppPlanRecord;
}

export interface TrashedPlace extends AppPlace {
  readonly trash: TrashRecord;
}
