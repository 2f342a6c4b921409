/**
 * Restore drills: the newest backup of an app is brought back beside it, cut off from everything, started, asked for its
 * health, and thrown away. One at a time; the owner is shown how it went.
 */
import type { AppManifest } from "@piccolo/app-manifest";
import { orAborted } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../../adapters/log.ts";
import { isOperatingFailure } from "../../operating-failure.ts";
import type { Apps } from "../apps.ts";
import type { AppStore } from "../store.ts";
import type { Progress } from "../executor.ts";
import type { AppBackups } from "./app-backups.ts";
import { drillName } from "./restored-apps.ts";
import { nextDrillAtMs } from "./schedule.ts";
import { troubleOf } from "./trouble.ts";
import { backupFaults, type DrillNotes, type StoredBackup, type Trouble, unproven } from "./types.ts";

const lookAgainMs = 10 * 60_000;
const longestMs = 4 * 3_600_000;
const lockLookMs = 2_000;

const started: ReadonlySet<string> = new Set(["not-started", "not-healthy"]);

/** The copy has no way out: that an app which needs one does not come up says nothing of its backup, whose data has come back. */
function troubleInDrill(found: Trouble, { grants }: AppManifest): Trouble {
  const needsInternet = grants.some(({ kind, required }) => kind === "internet" && required);
  if (!needsInternet || !started.has(found.code)) return found;
  return {
    code: unproven,
    detail:
      "Its data came back whole, and the copy did not come up: it has no way to the internet, which the app needs.",
    nextStep: "Nothing; whether it starts is only seen where it is restored.",
  };
}

export interface RestoreDrillsOptions {
  readonly backups: AppBackups;
  readonly apps: Pick<Apps, "settled" | "purged">;
  readonly appStore: AppStore;
  readonly isUnlocked: () => boolean;
  readonly mayWork: () => boolean;
  readonly freeMemoryBytes: () => number;
  readonly world: World;
  readonly log: Log;
}

export class RestoreDrills {
  readonly #options: RestoreDrillsOptions;
  readonly #stopping = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();
  #running: Promise<void> | undefined;

  constructor(options: RestoreDrillsOptions) {
    this.#options = options;
  }

  /** What a drill that was cut off left goes first. */
  start(): void {
    this.#running ??= this.run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    await this.#running;
    await this.#turn.catch(() => undefined);
  }

  /** Until it is stopped; `start` runs it. */
  async run(): Promise<void> {
    const { world, log } = this.#options;
    const { signal } = this.#stopping;
    let isTidy = false;
    while (!signal.aborted) {
      try {
        if (!isTidy) this.#endCutOff();
        isTidy = true;
        await world.sleep(lookAgainMs, signal).catch(() => undefined);
        if (!signal.aborted) await this.#drillDue(signal);
      } catch (error) {
        if (!signal.aborted && !isOperatingFailure(error)) throw error;
        if (!signal.aborted) log.warn("restore-drill-failed", errorFacts(error));
        if (!isTidy) await world.sleep(lookAgainMs, signal).catch(() => undefined);
      }
    }
  }

  #endCutOff(): void {
    const { appStore, backups } = this.#options;
    for (const { record } of appStore.all()) {
      if (record.isDrill === true) backups.restored.endDrill(record.app.slice(drillName("").length));
    }
  }

  async #drillDue(signal: AbortSignal): Promise<void> {
    const { mayWork, isUnlocked } = this.#options;
    const due = mayWork() && isUnlocked() ? this.#due() : undefined;
    if (due === undefined) return;
    try {
      await this.drill(due.id, { signal, report: () => undefined });
    } catch (error) {
      const trouble = signal.aborted ? undefined : troubleOf(error);
      if (trouble !== undefined) this.#options.backups.noteDrillHeldUp(due.app, trouble);
      throw error;
    }
  }

  /** The app whose backups were looked at the longest time ago. */
  #due(): StoredBackup | undefined {
    const { appStore, backups, world } = this.#options;
    const nowMs = world.nowMs();
    const all = appStore.all();
    const names = new Set(all.map(({ record }) => record.app));
    const due = all
      .filter(({ record }) => record.isDrill !== true && record.wanted === "running" && record.change === undefined)
      .flatMap(({ record }) => {
        const stored = backups.kept.ofApp(record.app);
        const [newest] = stored;
        // What the last one left goes first.
        const isGoing = names.has(drillName(record.app));
        if (newest === undefined || isGoing) return [];
        const firstMs = Math.min(...stored.map(({ takenAtMs }) => takenAtMs));
        return [{ newest, atMs: nextDrillAtMs(backups.notes(record.app).drill, firstMs, nowMs) }];
      })
      .filter(({ atMs }) => atMs <= nowMs)
      .toSorted((a, b) => a.atMs - b.atMs);
    return due[0]?.newest;
  }

  /** Resolves to how it went, which is noted too. Throws where none could be held, and what the signal says. */
  async drill(id: string, progress: Progress): Promise<DrillNotes> {
    const before = this.#turn;
    const turn = Promise.withResolvers<undefined>();
    this.#turn = turn.promise;
    try {
      await before;
      progress.signal.throwIfAborted();
      return await this.#drill(id, progress);
    } finally {
      turn.resolve(undefined);
    }
  }

  async #drill(id: string, { signal, report }: Progress): Promise<DrillNotes> {
    const { backups, world, freeMemoryBytes } = this.#options;
    const limit = AbortSignal.any([signal, this.#stopping.signal]);
    const startMs = world.monotonicMs();
    report("Reading the backup");
    const { backup, document } = await backups.kept.read(id, limit);
    const memoryBytes = document.generation.manifest.services.reduce((sum, service) => sum + service.memoryBytes, 0);
    if (freeMemoryBytes() < memoryBytes) {
      throw backupFaults.fault("drill-no-memory", "there is not enough memory for a second copy of the app now");
    }
    backups.restored.startDrill(backup, document);
    let trouble: DrillNotes["trouble"];
    try {
      await this.#untilUp(backup.app, limit, report);
    } catch (error) {
      limit.throwIfAborted();
      const found = troubleOf(error);
      if (found === undefined) throw error;
      trouble = troubleInDrill(found, document.generation.manifest);
    } finally {
      await this.#end(backup.app, limit);
    }
    const drill: DrillNotes = {
      atMs: world.nowMs(),
      backup: id,
      backupAtMs: backup.takenAtMs,
      trouble,
      comparedBytes: trouble === undefined || trouble.code === unproven ? backup.facts.plainBytes : 0,
      tookMs: world.monotonicMs() - startMs,
    };
    backups.noteDrill(backup.app, drill);
    return drill;
  }

  /** The copy's lane fetches, compares, starts and probes it. */
  async #untilUp(app: string, signal: AbortSignal, report: Progress["report"]): Promise<void> {
    const { apps, isUnlocked, world } = this.#options;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const watch = async (): Promise<never> => {
      const endMs = world.monotonicMs() + longestMs;
      while (isUnlocked() && world.monotonicMs() < endMs) await world.sleep(lockLookMs, either);
      throw backupFaults.fault(
        "drill-failed",
        isUnlocked() ? "the copy was not up after hours" : "the device was locked meanwhile",
      );
    };
    const watching = watch();
    watching.catch(() => undefined);
    try {
      await Promise.race([
        apps.settled(drillName(app), (step, doneUnits, totalUnits) => report(`Copy: ${step}`, doneUnits, totalUnits)),
        watching,
      ]);
    } finally {
      over.abort(new Error("it has ended"));
    }
  }

  async #end(app: string, limit: AbortSignal): Promise<void> {
    const { backups, apps } = this.#options;
    if (!backups.restored.endDrill(app)) return;
    // A device that stops goes on with it at its next start.
    const { signal } = this.#stopping;
    await orAborted(
      apps.settled(drillName(app), () => undefined),
      signal,
    ).catch(() => undefined);
    if (!limit.aborted) await apps.purged(undefined, limit);
  }
}
