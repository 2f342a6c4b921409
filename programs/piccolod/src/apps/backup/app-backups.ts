/**
 * Backups of apps in the storage network: each app's are looked after by a course of its own, so that one that hangs holds
 * up no other. What is to be done says `decideBackup`; nothing but records, backups and notes is remembered.
 */
import { createHash } from "node:crypto";
import type { AppManifest } from "@piccolo/app-manifest";
import { isFault } from "@piccolo/fault";
import { errorFacts, type Log } from "../../adapters/log.ts";
import { isOperatingFailure } from "../../operating-failure.ts";
import type { UnattendedVersions } from "../../owner/unattended-versions.ts";
import type { Apps } from "../apps.ts";
import { savedVolumes } from "../generations.ts";
import type { BundledImages } from "../image-source.ts";
import type { Progress } from "../executor.ts";
import type { AppPlanRecord, Generation, KeptSnapshot } from "../plan-types.ts";
import type { AppStorage } from "../runtime/app-storage.ts";
import type { InstalledApp } from "../types.ts";
import { decideBackup, type NextBackup, type Situation, tooFew, tooLarge } from "./decide-backup.ts";
import { KeptBackups, type KeptBackupsOptions, stalled } from "./kept-backups.ts";
import { LocalCopies, type LocalCopiesOptions } from "./local-copies.ts";
import { isLocal } from "./own-images.ts";
import { RestoredApps } from "./restored-apps.ts";
import { endingWhenStalled } from "./stall.ts";
import { type BackupCrashPoint, storeBackup } from "./storing.ts";
import { troubleOf } from "./trouble.ts";
import { backupFaults, type BackupNotes, type Trouble } from "./types.ts";

const lookAgainMs = 60_000;
/** Backups of so many apps are under way to the network at once. */
const storingAtOnce = 2;
const tidyEachMs = 3_600_000;

export interface AppBackupsOptions extends Omit<KeptBackupsOptions, "held"> {
  readonly apps: Pick<
    Apps,
    "go" | "freePlace" | "requireNew" | "requireRoom" | "requireSuited" | "isStuck" | "backUp" | "changeEnded" | "get"
  >;
  readonly storage: Pick<AppStorage, "snapshots"> & LocalCopiesOptions["storage"];
  readonly bundled: BundledImages;
  /** What the catalog of an app has under its name now; undefined where there is no such catalog. */
  readonly offered: (app: Pick<Generation, "manifest" | "catalog">) => AppManifest | undefined;
  readonly unattended: Pick<UnattendedVersions, "put" | "witnessed">;
  readonly inNetwork: () => boolean;
  readonly reach: () => Situation["reach"];
  /** What is done by itself rests while this is false. */
  readonly mayWork: () => boolean;
  /** Another one for each device. */
  readonly seed: () => string;
  readonly log: Log;
  readonly crashPoint: (name: BackupCrashPoint) => void;
}

/** Where a backup that somebody asked for is now. */
export interface BackupOutcome {
  readonly place: "network" | "device";
  /** Why it is on the device alone. */
  readonly trouble: Trouble | undefined;
}

/** What is under way for an app. */
export interface BackupProgress {
  readonly step: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

type Report = (step: string, doneBytes: number, totalBytes: number) => void;

interface Course {
  readonly ended: Promise<unknown>;
  readonly held: Set<number>;
  /** The copy that is on its way into the network. */
  storing: string | undefined;
  progress: BackupProgress;
}

export class AppBackups {
  readonly #options: AppBackupsOptions;
  readonly kept: KeptBackups;
  readonly restored: RestoredApps;
  readonly copies: LocalCopies;
  readonly #courses = new Map<string, Course>();
  readonly #stopping = new AbortController();
  readonly #startedMonotonicMs: number;
  #storing = 0;
  readonly #waiting: (() => void)[] = [];
  #wake = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: AppBackupsOptions) {
    this.#options = options;
    this.#startedMonotonicMs = options.world.monotonicMs();
    this.kept = new KeptBackups({
      ...options,
      held: () => new Set([...this.#courses.values()].flatMap((course) => [...course.held])),
    });
    this.restored = new RestoredApps(options);
    this.copies = new LocalCopies({ ...options, storing: (app) => this.#courses.get(app)?.storing });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something has changed that it may be waiting for. */
  wake(): void {
    this.#wake.abort(new Error("it is looked at now"));
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    await this.#running;
    await Promise.allSettled([...this.#courses.values()].map(({ ended }) => ended));
  }

  async #run(): Promise<void> {
    const { world, mayWork, log } = this.#options;
    const { signal } = this.#stopping;
    let tidiedMs = world.monotonicMs();
    while (!signal.aborted) {
      this.#wake = new AbortController();
      try {
        if (mayWork()) for (const app of this.#appsToSave()) this.#consider(app);
        await this.copies.tidy();
        // Also where no app is left to be backed up, what was deleted goes.
        if (mayWork() && world.monotonicMs() - tidiedMs >= tidyEachMs) {
          tidiedMs = world.monotonicMs();
          await this.kept.removeUnused();
        }
      } catch (error) {
        if (!isOperatingFailure(error)) throw error;
        log.warn("app-backups-out-of-sight", errorFacts(error));
      }
      await world.sleep(lookAgainMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    }
  }

  #appsToSave(): readonly InstalledApp[] {
    return this.#options.appStore.all().filter(({ record }) => isSaved(record));
  }

  #consider({ record, installedAtMs }: InstalledApp): void {
    const { app } = record;
    if (this.#courses.has(app)) return;
    if (this.#options.appStore.notes(app) === undefined) this.#note(app, { ...fresh, sinceMs: installedAtMs });
    if (this.next(record).do === "wait") return;
    void this.#begin(app, (report) => this.#goOn(app, report));
  }

  /** What is to be done next for an app, as it is now. */
  next(record: AppPlanRecord): NextBackup {
    return decideBackup(this.#situation(record), this.#options.world.nowMs());
  }

  #situation(record: AppPlanRecord): Situation {
    const { app, backups, change } = record;
    const { store, inNetwork, reach, seed, world } = this.#options;
    const hash = createHash("sha256").update(`${seed()} ${app}`).digest();
    return {
      jitter: hash.readUInt32BE() / 2 ** 32,
      startedAtMs: world.nowMs() - (world.monotonicMs() - this.#startedMonotonicMs),
      inNetwork: inNetwork(),
      reach: reach(),
      isChanging: change !== undefined,
      hasData: hasData(record),
      copies: backups,
      stored: store.ofApp(app),
      notes: this.notes(app),
    };
  }

  notes(app: string): BackupNotes {
    const text = this.#options.appStore.notes(app);
    return text === undefined
      ? { ...fresh, sinceMs: this.#options.world.nowMs() }
      : { ...fresh, ...(JSON.parse(text) as BackupNotes) };
  }

  #note(app: string, change: Partial<BackupNotes>): void {
    this.#options.appStore.putNotes(app, JSON.stringify({ ...this.notes(app), ...change }));
    this.#options.changed(app);
  }

  /** Where it stays on the device for now, what failed before it is over. */
  #noteCopied(app: string, record: AppPlanRecord): void {
    const { failed } = this.notes(app);
    const isOver = failed !== undefined && failed.code !== tooLarge && this.next(record).do === "wait";
    if (isOver) this.#note(app, { failed: undefined });
  }

  #noteUnstorable(app: string, copy: string): void {
    const here = this.#options.appStore.get(app)?.record;
    const unstorable = [...this.notes(app).unstorable, copy].filter((id) => isKept(here, id));
    this.#note(app, { unstorable });
  }

  /** Of the last restore drill. */
  noteDrill(app: string, drill: NonNullable<BackupNotes["drill"]>): void {
    this.#note(app, { drill, drillHeldUp: undefined });
  }

  /** Noted once: it is tried again every few minutes. */
  noteDrillHeldUp(app: string, trouble: Trouble): void {
    if (this.notes(app).drillHeldUp?.code === trouble.code) return;
    this.#note(app, { drillHeldUp: trouble });
    this.#options.changed(app);
  }

  progress(app: string): BackupProgress | undefined {
    return this.#courses.get(app)?.progress;
  }

  /** At most one course an app: its end is waited for by nobody but `stop`, and by who asked for it. */
  #begin<T>(app: string, work: (report: Report) => Promise<T>): Promise<T> {
    const { changed } = this.#options;
    const held = new Set<number>();
    const starting = Promise.withResolvers<undefined>();
    const report: Report = (step, doneBytes, totalBytes) => {
      course.progress = { step, doneBytes, totalBytes };
      changed(app);
    };
    const result = starting.promise
      .then(() => work(report))
      .finally(() => {
        this.#courses.delete(app);
        changed(app);
      });
    const progress = { step: "Preparing", doneBytes: 0, totalBytes: 0 };
    const course: Course = { ended: result, held, storing: undefined, progress };
    this.#courses.set(app, course);
    starting.resolve(undefined);
    return result;
  }

  /** Until there is nothing to do for the moment; what fails is noted. */
  async #goOn(app: string, report: Report): Promise<Trouble | undefined> {
    const { signal } = this.#stopping;
    try {
      for (;;) {
        signal.throwIfAborted();
        const record = this.#options.appStore.get(app)?.record;
        if (record === undefined || !isSaved(record)) return undefined;
        const next = this.next(record);
        if (next.do === "wait") return next.trouble;
        if (next.do === "forget") {
          if (!(await this.#forget(app, next.copy))) return undefined;
        } else if (next.do === "store") {
          await this.#store(app, next.copy, report, signal);
        } else {
          const copy = await this.#copied(app, report, signal);
          const now = this.#options.appStore.get(app)?.record;
          if (!isKept(now, copy)) await this.#store(app, copy, report, signal);
          else this.#noteCopied(app, now);
        }
      }
    } catch (error) {
      if (signal.aborted) return undefined;
      return this.#failed(app, error);
    }
  }

  #failed(app: string, error: unknown): Trouble {
    const { world, log, reach } = this.#options;
    const trouble = isFault(error, "too-few-holders") ? tooFew(reach()) : troubleOf(error);
    if (trouble === undefined) throw error;
    log.warn("app-backup-failed", { app, code: trouble.code, ...errorFacts(error) });
    try {
      const count = (this.notes(app).failed?.count ?? 0) + 1;
      this.#note(app, { failed: { ...trouble, atMs: world.nowMs(), count } });
    } catch (unnoted) {
      // The next look finds it due again.
      if (!isOperatingFailure(unnoted)) throw unnoted;
    }
    return trouble;
  }

  /**
   * The app's lane makes a copy. An app without data has none to make, and is stored as it is: the id is its backup's then.
   * Throws what making it throws, and `app-changing` where none was made, or it is gone again.
   */
  async #copied(app: string, report: Report, signal: AbortSignal): Promise<string> {
    const { apps, world } = this.#options;
    const before = new Set(apps.get(app).record.backups.map(({ id }) => id));
    if (hasData(apps.get(app).record)) {
      apps.backUp(app);
      await apps.changeEnded(app, report, signal);
    }
    const { record } = apps.get(app);
    const made = newestCopy(record);
    if (made !== undefined && !before.has(made.id)) return made.id;
    if (hasData(record)) throw noCopy();
    return Buffer.from(world.randomBytes(16)).toString("hex");
  }

  /** Throws what storing throws. */
  async #store(app: string, copy: string, report: Report, outer: AbortSignal): Promise<void> {
    const { apps, appStore, storage, files, store, unattended, world, bundled, crashPoint } = this.#options;
    const { record, ...place } = apps.get(app);
    const kept = record.backups.find(({ id }) => id === copy);
    const generation = kept?.generation ?? record.current;
    if (generation === undefined) return;
    if (kept === undefined && hasData(record)) throw noCopy();
    if (kept !== undefined && storage.snapshots().get(copy) !== "complete") {
      this.restored.forgetCopy(app, copy);
      throw backupFaults.fault("app-backup-gone", "the copy that was to be stored is not on the device any more");
    }
    const { idStart, secrets } = appStore.snapshotFacts(copy) ?? {
      idStart: place.idStart,
      secrets: appStore.secretsOf(place),
    };
    const request = {
      id: copy,
      document: {
        app,
        takenAtMs: kept?.takenAtMs ?? world.nowMs(),
        cause: kept?.cause ?? "backup",
        generation: withoutNumber(generation),
        secrets,
        idStart,
      },
      volumes: kept?.volumes ?? [],
      localImages: localImages(generation, bundled),
    };
    const course = this.#courses.get(app);
    if (course !== undefined) course.storing = kept?.id;
    await this.#turn(outer);
    try {
      const step = "Storing it in the network";
      report(step, 0, 0);
      await endingWhenStalled(world, stalled, outer, (signal, alive) =>
        storeBackup({ store, files, unattended, world, crashPoint }, request, {
          signal,
          held: course?.held ?? new Set(),
          report: (doneBytes, totalBytes) => {
            alive();
            report(step, doneBytes, totalBytes);
          },
        }),
      );
      this.#note(app, { failed: undefined });
      await this.kept.tidy(app);
    } catch (error) {
      // However often it is tried, this copy is never stored; it is a backup on the device all the same.
      if (isFault(error, tooLarge)) this.#noteUnstorable(app, copy);
      throw error;
    } finally {
      if (course !== undefined) course.storing = undefined;
      this.#storing--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#storing >= storingAtOnce) {
      const turn = Promise.withResolvers<undefined>();
      const take = (): void => turn.resolve(undefined);
      this.#waiting.push(take);
      signal.addEventListener("abort", take, { once: true });
      await turn.promise;
      signal.removeEventListener("abort", take);
      if (!signal.aborted) continue;
      // Whose turn it would have been may go instead.
      const at = this.#waiting.indexOf(take);
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.#waiting.shift()?.();
      signal.throwIfAborted();
    }
    this.#storing++;
  }

  /** Whether the network has it for sure, so that the copy on the device could go. */
  async #forget(app: string, copy: string): Promise<boolean> {
    if (!(await this.#options.unattended.witnessed())) return false;
    this.restored.forgetCopy(app, copy);
    this.#note(app, { failed: undefined });
    const record = this.#options.appStore.get(app)?.record;
    // One that a change starts from stays until that has ended.
    return !isKept(record, copy);
  }

  /**
   * Throws what making a copy throws; where it cannot be stored at the moment, or ever, it stays on the device, and says why.
   */
  async backUpNow(app: string, { signal, report }: Progress): Promise<BackupOutcome> {
    this.#options.apps.get(app);
    for (let course = this.#courses.get(app); course !== undefined; course = this.#courses.get(app)) {
      report("Waiting for the backup under way");
      await Promise.race([course.ended, aborted(signal)]).catch(() => undefined);
      signal.throwIfAborted();
    }
    const both = AbortSignal.any([signal, this.#stopping.signal]);
    return this.#begin(app, async (told) => {
      const tell: Report = (step, done, total) => {
        told(step, done, total);
        report(step, done, total);
      };
      return this.#saveAndStore(app, tell, both);
    });
  }

  /** Where it cannot be made the owner is told so beside the backups, as where it is made by itself. */
  async #copiedByHand(app: string, report: Report, signal: AbortSignal): Promise<string> {
    try {
      return await this.#copied(app, report, signal);
    } catch (error) {
      if (!signal.aborted) this.#failed(app, error);
      throw error;
    }
  }

  async #saveAndStore(app: string, report: Report, signal: AbortSignal): Promise<BackupOutcome> {
    const { apps, inNetwork } = this.#options;
    const copy = await this.#copiedByHand(app, report, signal);
    const waiting = this.next(apps.get(app).record);
    if (!inNetwork()) {
      return { place: "device", trouble: waiting.do === "wait" ? waiting.trouble : undefined };
    }
    try {
      await this.#store(app, copy, report, signal);
      await this.#forget(app, copy);
      return { place: "network", trouble: undefined };
    } catch (error) {
      if (signal.aborted) throw error;
      return { place: "device", trouble: this.#failed(app, error) };
    }
  }
}

const fresh: BackupNotes = { sinceMs: 0, failed: undefined, unstorable: [], drill: undefined };

/** Installed for good, and no copy that is only looked at. */
function isSaved({ current, wanted, isDrill }: AppPlanRecord): boolean {
  return current !== undefined && wanted !== "removed" && isDrill !== true;
}

/** Whether there is something of which a copy can be made. */
function hasData(record: AppPlanRecord): boolean {
  return savedVolumes(record).length > 0;
}

function isKept(record: AppPlanRecord | undefined, copy: string): record is AppPlanRecord {
  return record?.backups.some(({ id }) => id === copy) === true;
}

function noCopy(): Error {
  return backupFaults.fault("app-changing", "there is no copy, since something else was done with the app meanwhile");
}

function newestCopy({ backups }: AppPlanRecord): KeptSnapshot | undefined {
  return backups.at(-1);
}

function withoutNumber({ manifest, grants, publicPaths, settings, catalog }: Generation): Omit<Generation, "number"> {
  // Without them the paths would be all those of the manifest when it comes back.
  const paths = publicPaths === undefined ? {} : { publicPaths };
  return { manifest, grants, ...paths, settings, ...(catalog === undefined ? {} : { catalog }) };
}

/** Images that no registry has, and that did not come with the device: another device cannot have them. */
export function localImages({ manifest }: Pick<Generation, "manifest">, bundled: BundledImages): readonly string[] {
  return manifest.services
    .map(({ image }) => image)
    .filter((image) => isLocal(image) && !bundled.has(image.digest))
    .map(({ repository }) => repository);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}
