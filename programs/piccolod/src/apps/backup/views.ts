/** What the interface shows of backups. Pure. */
import type { AppBackup, AppBackupsView, BackedUpApp } from "@piccolo/device-api";
import type { BundledImages } from "../image-source.ts";
import type { AppPlanRecord } from "../plan-types.ts";
import { type BackupProgress, localImages } from "./app-backups.ts";
import type { NextBackup } from "./decide-backup.ts";
import { timelyFirst } from "./retention.ts";
import type { BackupNotes, StoredBackup, Trouble } from "./types.ts";

export interface ShownBackups {
  readonly record: AppPlanRecord;
  readonly stored: readonly StoredBackup[];
  readonly notes: BackupNotes;
  readonly next: NextBackup;
  readonly progress: BackupProgress | undefined;
  readonly bundled: BundledImages;
  readonly nowMs: number;
}

export function backupsView({ record, stored, notes, next, progress, bundled, nowMs }: ShownBackups): AppBackupsView {
  const trouble = next.do === "wait" ? next.trouble : notes.failed;
  const [newest] = stored;
  const { drill, drillHeldUp } = notes;
  const known = new Set(stored.map(({ id }) => id));
  const here = record.backups
    .filter(({ id }) => !known.has(id))
    .map(({ id, takenAtMs, generation, cause }): AppBackup => ({
      id,
      takenAtMs,
      version: generation.manifest.version,
      cause,
      place: "device",
      imageOnlyHere: localImages(generation, bundled).length > 0,
    }));
  const state =
    progress !== undefined
      ? "saving"
      : notes.failed !== undefined && notes.failed.code !== "too-few-holders"
        ? "failing"
        : trouble !== undefined
          ? "waiting"
          : newest === undefined
            ? "none"
            : "saved";
  return {
    state,
    ...(newest === undefined ? {} : { lastAtMs: newest.takenAtMs }),
    ...(next.do === "wait" && next.atMs !== undefined ? { nextAtMs: next.atMs } : {}),
    ...(trouble === undefined || progress !== undefined ? {} : { trouble: shown(trouble) }),
    ...(progress === undefined ? {} : { progress: { ...progress } }),
    backups: timelyFirst(
      [...here, ...stored.map(storedView)].toSorted((a, b) => b.takenAtMs - a.takenAtMs),
      nowMs,
    ),
    ...(drill === undefined
      ? {}
      : {
          drill: {
            atMs: drill.atMs,
            backup: drill.backup,
            backupAtMs: drill.backupAtMs,
            ...(drill.trouble === undefined ? {} : { trouble: shown(drill.trouble) }),
            comparedBytes: drill.comparedBytes,
            tookMs: drill.tookMs,
          },
        }),
    ...(drillHeldUp === undefined ? {} : { drillHeldUp: shown(drillHeldUp) }),
  };
}

export function shown({ code, detail, nextStep }: Trouble): Trouble {
  return { code, detail, nextStep };
}

function storedView({ id, takenAtMs, facts }: StoredBackup): AppBackup {
  return {
    id,
    takenAtMs,
    version: facts.version,
    cause: facts.cause,
    place: "network",
    sizeBytes: facts.plainBytes,
    newBytes: facts.newBytes,
    imageOnlyHere: facts.localImages.length > 0,
  };
}

/** Of all apps, in the order of their names; `backups` are newest first. */
export function backedUpApps(
  backups: readonly StoredBackup[],
  installed: ReadonlySet<string>,
  trashed: ReadonlySet<string>,
): BackedUpApp[] {
  const byApp = Map.groupBy(backups, ({ app }) => app);
  return Array.from(byApp, ([app, stored]) => ({
    app,
    name: { ...(stored[0]?.facts.name ?? { en: app }) },
    installed: installed.has(app),
    inTrash: trashed.has(app),
    backups: stored.map(storedView),
  }));
}
