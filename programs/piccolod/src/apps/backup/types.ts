/** Words of the backups of apps in the storage network. */
import type { LocalizedText } from "@piccolo/app-manifest";
import { catalogue } from "@piccolo/fault";
import type { KeptSnapshot } from "../plan-types.ts";

/** Why an app is not backed up at the moment, or a backup not restored. */
export const backupFaults = catalogue({
  "app-backup-not-found": { retry: "never", meaning: "There is no such backup any more; choose another one." },
  "no-network": {
    retry: "later",
    meaning:
      "The device is in no network yet, so backups stay on it; join a network, and they are spread by themselves.",
  },
  "app-backup-stalled": {
    retry: "later",
    meaning: "Nothing of the backup came through for a while; it is tried again by itself.",
  },
  "app-backup-too-large": {
    retry: "never",
    meaning:
      "The app has more data than one backup can hold, so its copies stay on this device; remove some of its data to have them in the network, too.",
  },
  "app-backup-damaged": {
    retry: "never",
    meaning: "The backup is not what was stored; choose an older one.",
  },
  "app-backup-gone": {
    retry: "never",
    meaning: "The copy that was to be stored is gone from the device; back the app up again.",
  },
  "app-changing": { retry: "later", meaning: "The app is being changed; it is backed up when that has ended." },
  "drill-no-room": {
    retry: "later",
    meaning: "A restore drill needs room for two copies of the app's data; free some, then try again.",
  },
  "drill-no-memory": {
    retry: "later",
    meaning: "A restore drill needs as much memory as the app; it is tried again when there is some.",
  },
  "drill-going": {
    retry: "later",
    meaning: "The copy of the last restore drill has not gone yet; the next one can be held afterwards.",
  },
  "drill-failed": { retry: "later", meaning: "The restored copy did not work; the app's page has the reason." },
});

/** What is shown of a backup without the owner's keys. */
export interface BackupFacts {
  readonly name: LocalizedText;
  readonly version: string;
  readonly cause: KeptSnapshot["cause"];
  /** Of its volumes that is not zeros. */
  readonly plainBytes: number;
  /** Stored for this backup, beside what others have already. */
  readonly newBytes: number;
  /** Images that come neither from a registry nor with every device. */
  readonly localImages: readonly string[];
}

export interface StoredBackup {
  /** 32 hex digits: that of the local copy it was made from. */
  readonly id: string;
  readonly app: string;
  readonly takenAtMs: number;
  readonly versionId: Uint8Array;
  readonly documentBytes: number;
  readonly facts: BackupFacts;
}

export interface StoredChunk {
  readonly number: number;
  readonly versionId: Uint8Array;
  readonly storedBytes: number;
}

/** What a drill found of a backup whose data is whole and whose app could not be tried. */
export const unproven = "drill-unproven";

/** Why something could not be done, for a person. */
export interface Trouble {
  readonly code: string;
  readonly detail: string;
  readonly nextStep: string;
}

/** How backing up an app goes, kept over a restart. */
export interface BackupNotes {
  /** Since when there is something to save. */
  readonly sinceMs: number;
  /** The last try that failed, and how many in a row. */
  readonly failed: (Trouble & { readonly atMs: number; readonly count: number }) | undefined;
  /** Local copies that are more than a backup can hold. */
  readonly unstorable: readonly string[];
  readonly drill: DrillNotes | undefined;
  /** Why the drill that is due could not be held by itself so far. */
  readonly drillHeldUp?: Trouble | undefined;
}

/** The last restore drill. */
export interface DrillNotes {
  readonly atMs: number;
  readonly backup: string;
  readonly backupAtMs: number;
  /** Absent where it went well. */
  readonly trouble: Trouble | undefined;
  /** Bytes that were brought back and found to be those that were stored. */
  readonly comparedBytes: number;
  readonly tookMs: number;
}
