/** The apps of a device: what the owner asks for goes into their records, and each app's lane makes it so. */
import { createHash } from "node:crypto";
import type { AppManifest, LocalizedText, Setting } from "@piccolo/app-manifest";
import { toHex } from "@piccolo/bytes";
import { type Fault, isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import type { AppCrashPoint } from "../crash-points.ts";
import { isOperatingFailure } from "../operating-failure.ts";
import {
  changeRefusals,
  installRefusals,
  leastFreeBytes,
  misfits,
  newcomerMisfits,
  roomTrouble,
  throwFirst,
  tooManyApps,
} from "./admission.ts";
import type { KeptEvent } from "./app-events.ts";
import { grantsFor } from "./agreed-grants.ts";
import { type DeviceNetworks, idStartOf, networkOf, slotsMax } from "./addresses.ts";
import { AppFilter } from "./app-filter.ts";
import { Executor, type ExecutorOptions } from "./executor.ts";
import { changedSecrets, newSecrets, passwordsOf } from "./app-secrets.ts";
import { BoundedVolumes } from "./bounded-volumes.ts";
import { drilledApp } from "./backup/restored-apps.ts";
import type { Blocked } from "./catalogs.ts";
import type { BundledImages } from "./image-source.ts";
import { Lane } from "./lane.ts";
import { generationsOf, observe } from "./observe.ts";
import type { AppPlanRecord, Generation, Route } from "./plan-types.ts";
import {
  requestBackup,
  requestConfigure,
  requestDismissal,
  requestInstall,
  requestRemoval,
  requestRestore,
  requestRetry,
  requestRollback,
  requestRun,
  requestTrashRestore,
  requestUpdate,
  type Wish,
} from "./requests.ts";
import type { AppStorage } from "./runtime/app-storage.ts";
import type { ContainerRuntime, LogLine, LogOptions } from "./runtime/container-runtime.ts";
import type { Firewall } from "./runtime/firewall.ts";
import { type FormerSettings, missingSettings } from "./settings.ts";
import { orInTime, stopInOrder } from "./shut-down.ts";
import { type AppForm, appLabel, containerName, networksOf, serviceAddress, specLabel, specOf } from "./specs.ts";
import type { AppStore } from "./store.ts";
import { removeStrangers } from "./strangers.ts";
import { Trash } from "./trash.ts";
import { appFaults, type AppPlace, changeFaults, type InstalledApp, type TrashedPlace } from "./types.ts";
import { UsageMeter } from "./usage-meter.ts";
import type { UsagePoint } from "./usage-series.ts";

const lookAgainMs = 20_000;
const retryMs = 2_000;
/** Between two looks at all apps, whatever happens: where the clock was set back, what happened before lies ahead and is told again. */
const restMs = 200;
/** Requests of an app that changes over wait so long, or as long as its manifest says that it may take to start. */
const heldMs = 60_000;
const heldPauseMs = 50;
const followPauseMs = 200;
/** So long what is under way is waited for when all apps have ended. */
const workMs = 10_000;
const dayMs = 24 * 3_600_000;

/** An app as it is seen from here now. */
export interface AppLook {
  readonly app: InstalledApp;
  readonly lane: Lane;
}

/** Where an app's page is, as long as it runs. */
export interface OpenRoute {
  /** Good as long as it is the app's route. */
  readonly route: Route;
  readonly address: string;
  readonly port: number;
  readonly containerId: string;
}

export type ProgressReport = (step: string, doneUnits: number, totalUnits: number) => void;

export interface AppsOptions {
  readonly store: AppStore;
  readonly runtime: ContainerRuntime;
  readonly storage: AppStorage;
  readonly firewall: Firewall;
  readonly bundled: BundledImages;
  readonly device: DeviceNetworks;
  readonly world: World;
  readonly log: Log;
  /** Whether an app may have the name: it becomes a host's. */
  readonly mayHaveName: (app: string) => boolean;
  /** Why a manifest does not fit this device, wherever it is from. */
  readonly unsuited: (manifest: AppManifest) => Blocked | undefined;
  readonly originOf: (app: string) => string;
  readonly probe: ExecutorOptions["probe"];
  readonly changed: (app: string) => void;
  readonly fetchBackup: ExecutorOptions["fetchBackup"];
  /** Resolves when no visit that was let in on another route is under way any more, or it has been waited for long enough. */
  readonly drained: (app: string) => Promise<void>;
  readonly crashPoint: (name: AppCrashPoint) => void;
  /** How often a running app is asked whether it is well. */
  readonly healthEveryMs: number;
  /** Whether what is done for good by the clock may be done. */
  readonly mayWork: () => boolean;
}

export class Apps {
  readonly #options: AppsOptions;
  readonly #executor: Executor;
  readonly #volumes: BoundedVolumes;
  readonly #lanes = new Map<string, Lane>();
  readonly #usage: UsageMeter;
  readonly #filter: AppFilter;
  readonly #trash: Trash;
  readonly #stopping = new AbortController();
  #watching: Promise<unknown> | undefined;
  #opening: Promise<void> | undefined;
  /** What runs the apps was made ready once. */
  #isOpen = false;
  #strangers: Promise<void> | undefined;
  #tidying: Promise<void> | undefined;

  constructor(options: AppsOptions) {
    this.#options = options;
    const { store } = options;
    this.#usage = new UsageMeter(options);
    this.#filter = new AppFilter(options);
    this.#trash = new Trash(options);
    this.#volumes = new BoundedVolumes(options);
    this.#executor = new Executor({
      ...options,
      volumes: this.#volumes,
      around: (form) => this.#around(form),
      originOf: (app) => this.#originOf(app),
      secretsOf: (place) => store.secretsOf(place),
      snapshots: store,
      filter: () => this.#filter.apply(),
    });
  }

  /** Goes on where the last start left off. A device without apps touches nothing of the machine. */
  start(): void {
    const { store } = this.#options;
    if (store.all().length > 0 || store.trash().length > 0) this.#watch();
  }

  /** Something has changed that lanes may be waiting for, as the owner's keys are. */
  wake(): void {
    const { store, world } = this.#options;
    for (const { record } of store.all()) {
      if (record.change?.failure?.code === "device-locked") store.put(requestRetry(record, world.nowMs()));
    }
    for (const lane of this.#lanes.values()) lane.kick();
  }

  #watch(): void {
    if (this.#stopping.signal.aborted) return;
    this.#watching ??= Promise.all([this.#run(), this.#usage.run(this.#stopping.signal)]);
  }

  /** Until the device stops: whatever happened, each app is made what it shall be. */
  async #run(): Promise<void> {
    const { world, log, store } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#open();
        // From before the first look on, so that nothing happens in between unheard.
        const sinceMs = world.nowMs();
        for (const { record } of store.all()) this.#lane(record.app).kick();
        this.#tidyTrash();
        this.#removeStrangers();
        await this.#untilSomethingHappens(signal, sinceMs);
        await world.sleep(restMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isOperatingFailure(error)) throw error;
        // What cannot be seen is not gone: nothing is torn down, and it is looked at again.
        log.warn("apps-out-of-sight", { code: error.code, ...errorFacts(error) });
        if (!this.#isOpen) this.#tellOutOfSight(error);
        await world.sleep(retryMs, signal).catch(() => undefined);
      }
    }
  }

  /** Where not even the records can be read, nobody can be told. */
  #tellOutOfSight(why: unknown): void {
    try {
      for (const { record } of this.#options.store.all()) this.#lane(record.app).outOfSight(why);
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
    }
  }

  /** What goes for long holds up no app. A trash that cannot be read is looked at again. */
  #tidyTrash(): void {
    this.#tidying ??= this.#trash
      .tidy()
      .catch((error: unknown) => {
        if (!isOperatingFailure(error)) throw error;
        this.#options.log.warn("trash-out-of-sight", { code: error.code, ...errorFacts(error) });
      })
      .finally(() => {
        this.#tidying = undefined;
      });
  }

  /** One that cannot be removed, or not for long, holds up no app. */
  #removeStrangers(): void {
    this.#strangers ??= removeStrangers(this.#options)
      .catch((error: unknown) => {
        if (!isOperatingFailure(error)) throw error;
        this.#options.log.warn("strangers-out-of-sight", { code: error.code, ...errorFacts(error) });
      })
      .finally(() => {
        this.#strangers = undefined;
      });
  }

  /** A container's end, or a while. */
  async #untilSomethingHappens(signal: AbortSignal, sinceMs: number): Promise<void> {
    const { world, runtime } = this.#options;
    const round = new AbortController();
    const either = AbortSignal.any([round.signal, signal]);
    const heard = (async () => {
      for await (const { what } of runtime.events(either, sinceMs)) if (what === "died") return;
    })();
    try {
      await Promise.race([heard, world.sleep(lookAgainMs, either)]);
    } finally {
      round.abort(new Error("the round is over"));
      await heard.catch(() => undefined);
    }
  }

  #open(): Promise<void> {
    this.#opening ??= (async () => {
      await this.#options.storage.open();
      await this.#options.runtime.describe();
      await this.#filter.apply();
      this.#isOpen = true;
    })().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** The copy of a restore drill is the app: its data has the app's name in it, and its own is no host's. */
  #originOf(app: string): string {
    return this.#options.originOf(drilledApp(app) ?? app);
  }

  #around({ app, place, generation }: AppForm): Parameters<typeof specOf>[2] {
    const { device, storage, store } = this.#options;
    const origin = this.#originOf(app);
    const change = store.get(app)?.record.change;
    return {
      device,
      secrets: {
        ...store.secretsOf(place),
        ...(change?.to.number === generation.number ? changedSecrets(change) : undefined),
      },
      volumeFolder: (volume) => storage.volumeFolder(app, volume),
      secretFile: (name) => storage.secretFile(app, name),
      facts: {
        PICCOLO_APP_URL: origin,
        PICCOLO_APP_HOST: new URL(origin).host,
        PICCOLO_PROXY_ADDRESS: networkOf(device, place.networkSlot, "inner").gateway,
        // No setting of the owner's says either (A19).
        PICCOLO_TIME_ZONE: "UTC",
        PICCOLO_LANGUAGE: "en",
      },
    };
  }

  #lane(app: string): Lane {
    let lane = this.#lanes.get(app);
    if (lane === undefined) {
      const { runtime, storage, store, device, world, log, changed, drained, crashPoint, healthEveryMs } =
        this.#options;
      lane = new Lane({
        app,
        store,
        executor: this.#executor,
        volumes: this.#volumes,
        world,
        log,
        stopping: this.#stopping.signal,
        changed: () => changed(app),
        drained: () => drained(app),
        crashPoint,
        healthEveryMs,
        observe: ({ record, ...place }, route, health) =>
          observe(record, {
            runtime,
            storage,
            route,
            health,
            networkNames: (generation) => networksOf({ app, place, generation }, device).map(({ name }) => name),
            specLabelOf: (generation, name) => {
              const service = generation.manifest.services.find((one) => one.name === name);
              const form = { app, place, generation };
              return service === undefined ? undefined : specOf(form, service, this.#around(form)).labels[specLabel];
            },
          }),
      });
      this.#lanes.set(app, lane);
    }
    return lane;
  }

  /** Throws `app-not-found`; one that is being uninstalled is not found. */
  get(id: string): InstalledApp {
    const app = this.#options.store.get(id);
    if (app === undefined || app.record.wanted === "removed" || app.record.isDrill === true) {
      throw appFaults.fault(
        "app-not-found",
        "there is no app of that name on this device; look at the list of apps again",
      );
    }
    return app;
  }

  look(): readonly AppLook[] {
    const seen = this.#options.store.all().filter(({ record }) => record.isDrill !== true);
    return seen.map((app) => ({ app, lane: this.#lane(app.record.app) }));
  }

  trash(): readonly TrashedPlace[] {
    return this.#trash.all();
  }

  freeBytes(): number {
    return this.#options.storage.freeBytes();
  }

  /** Why an install would be refused now; empty when it would not. `roomBytes`: of its images. */
  refusals(manifest: AppManifest, roomBytes: number): readonly Fault[] {
    const { store } = this.#options;
    return installRefusals(manifest, {
      ...this.#options,
      isInstalled: store.get(manifest.id) !== undefined,
      slotsTaken: store.takenNetworkSlots().size,
      roomBytes,
      bounds: this.#volumes.facts(manifest.id),
      missing: this.#volumes.missing(manifest.id, manifest),
    });
  }

  /** Puts it into the database; the lane does the rest. Throws what `refusals` names, and what `requestInstall` does. */
  install(wish: Wish, roomBytes = 0): void {
    const { store, world } = this.#options;
    const { id } = wish.manifest;
    throwFirst(this.refusals(wish.manifest, roomBytes));
    const record = requestInstall(store.get(id)?.record, wish, world.nowMs());
    const place = this.freePlace(id, leastFreeBytes + roomBytes);
    const secrets = { ...newSecrets(wish.manifest, {}, world), ...passwordsOf(wish.manifest, wish.settings) };
    store.insert(record, place, secrets);
    this.go(id);
  }

  /** Of an app that comes from a backup or the trash. Throws what `newcomerMisfits` names. */
  requireNew(manifest: AppManifest): void {
    throwFirst(newcomerMisfits(manifest, this.#options));
  }

  /** Throws what `misfits` names. */
  requireSuited(manifest: AppManifest): void {
    throwFirst(misfits(manifest, this.#options));
  }

  /**
   * Those images of a manifest that are here, by digest; undefined where what runs the apps does not answer. A device that
   * has not looked after apps since it started does not touch the machine for that, and knows of none.
   */
  async imagesHere({ services }: AppManifest): Promise<ReadonlySet<string> | undefined> {
    const here = new Set<string>();
    if (!this.#isOpen) return here;
    try {
      for (const { image } of services) {
        if ((await this.#options.runtime.image(image.digest)) !== undefined) here.add(image.digest);
      }
      return here;
    } catch (error) {
      if (!isFault(error)) throw error;
      return undefined;
    }
  }

  /** Throws `no-room` where not as much is free, `too-many-apps`. */
  freePlace(id: string, neededBytes: number): AppPlace {
    const { world, storage } = this.#options;
    throwFirst(roomTrouble(neededBytes, storage.freeBytes()));
    const slot = this.#freeSlot(id);
    return { slot, networkSlot: slot, idStart: idStartOf(slot), installedAtMs: world.nowMs() };
  }

  /** Spread, so that a slot freed today is not another app's tomorrow. */
  #freeSlot(id: string): number {
    const taken = this.#options.store.takenNetworkSlots();
    const [high = 0, low = 0] = createHash("sha256").update(id).digest();
    const first = (high * 256 + low) % slotsMax;
    for (let at = 0; at < slotsMax; at++) {
      const slot = (first + at) % slotsMax;
      if (!taken.has(slot)) return slot;
    }
    throw tooManyApps();
  }

  /** The app's record says something else. */
  go(id: string): void {
    this.#watch();
    this.#lane(id).interrupt();
    this.#options.changed(id);
  }

  #change(id: string, request: (record: AppPlanRecord) => AppPlanRecord): void {
    const { record } = this.get(id);
    this.#options.store.put(request(record));
    this.go(id);
  }

  #changeWithCopy(id: string, request: (record: AppPlanRecord) => AppPlanRecord): void {
    this.#change(id, (before) => {
      const after = request(before);
      this.requireRoom(after);
      return after;
    });
  }

  /** A name for a copy of data, unlike any other. */
  #snapshotId(): string {
    return toHex(this.#options.world.randomBytes(16));
  }

  /**
   * Settings stay as they are where they have the name and the type they had, unless they are given anew. Secrets the new manifest has and
   * the old one had not are made; those there are stay. Grants beyond what was agreed to are new. Throws `no-room`, and what `misfits`
   * and `requestUpdate` name.
   */
  update(
    id: string,
    { manifest, grants, catalog, settings = {} }: Omit<Wish, "settings"> & Partial<Pick<Wish, "settings">>,
    roomBytes = 0,
  ): void {
    const { store, world } = this.#options;
    if (manifest.id !== id) {
      throw appFaults.fault(
        "manifest-of-another-app",
        `the manifest is of ${manifest.id}, not of ${id}; give the one of this app`,
      );
    }
    this.requireSuited(manifest);
    const app = this.get(id);
    const wish = {
      manifest,
      ...grantsFor(currentOf(app.record), manifest, grants),
      settings,
      passwords: passwordsOf(manifest, settings),
      former: this.#told(app),
      catalog,
    };
    const record = requestUpdate(app.record, wish, this.#snapshotId(), world.nowMs());
    this.requireRoom(record, roomBytes);
    store.transact(() => {
      store.putSecrets(app, newSecrets(manifest, store.secretsOf(app), world));
      store.put(record);
    });
    this.go(id);
  }

  /** Settings that an update to the manifest has to be given values of; undefined where it is of no app that is installed. */
  missingSettings(manifest: AppManifest): readonly Setting[] | undefined {
    const { store } = this.#options;
    const app = store.get(manifest.id);
    if (app === undefined || app.record.wanted === "removed") return undefined;
    return missingSettings(manifest, this.#told(app));
  }

  /** The settings and passwords it has; before an install has succeeded, those it shall have. */
  #told(app: InstalledApp): FormerSettings {
    const { current, change } = app.record;
    const meant = current === undefined ? change?.passwords : undefined;
    return { ...currentOf(app.record), passwords: { ...this.#options.store.secretsOf(app), ...meant } };
  }

  /** For the change the record begins with. Throws what `changeRefusals` names. */
  requireRoom(record: AppPlanRecord, roomBytes?: number): void {
    const { app, change } = record;
    const { storage } = this.#options;
    throwFirst(
      changeRefusals(record, {
        usedBytes: storage.usedBytes(app),
        placedBytes: change?.placed === undefined ? {} : storage.snapshotBytes(change.placed),
        bounds: this.#volumes.facts(app),
        missing: change === undefined ? [] : this.#volumes.missing(app, change.to.manifest),
        roomBytes,
      }),
    );
  }

  /** Throws `no-room`, and what `requestConfigure` does. */
  configure(id: string, given: { readonly grants?: Wish["grants"]; readonly settings?: Wish["settings"] }): void {
    const { store, world } = this.#options;
    const app = this.get(id);
    const before = currentOf(app.record);
    const { settings = {} } = given;
    const passwords = passwordsOf(before.manifest, settings);
    const agreed = given.grants ?? before.grants;
    // Who wants all the paths turns the grant off and on again.
    const keepsPaths = before.publicPaths !== undefined && agreed.includes("public-paths");
    const paths = keepsPaths ? { publicPaths: before.publicPaths } : {};
    const wish = { grants: agreed, ...paths, settings, passwords };
    const record = requestConfigure(app.record, wish, this.#snapshotId(), world.nowMs());
    this.requireRoom(record);
    store.put(record);
    this.go(id);
  }

  /** To a version it had before; the device may have gone back to a lower release since. Throws what `misfits` names, `no-room`. */
  #changeBack(id: string, request: (record: AppPlanRecord) => AppPlanRecord): void {
    this.#changeWithCopy(id, (before) => {
      const after = request(before);
      if (after.change !== undefined) this.requireSuited(after.change.to.manifest);
      return after;
    });
  }

  rollBack(id: string): void {
    const { world } = this.#options;
    const isStuck = this.isStuck(id);
    this.#changeBack(id, (record) => requestRollback(record, this.#snapshotId(), world.nowMs(), isStuck));
  }

  restore(id: string, backup: string): void {
    const { world } = this.#options;
    const isStuck = this.isStuck(id);
    this.#changeBack(id, (record) => requestRestore(record, backup, this.#snapshotId(), world.nowMs(), isStuck));
  }

  /** Whether nothing goes on with an app before its owner decides something. */
  isStuck(id: string): boolean {
    const { isActive, waiting } = this.#lane(id);
    return !isActive && waiting?.for === "owner";
  }

  backUp(id: string): void {
    this.#changeWithCopy(id, (record) => requestBackup(record, this.#snapshotId(), this.#options.world.nowMs()));
  }

  run(id: string, wanted: "running" | "stopped"): void {
    this.#change(id, (record) =>
      requestRun(wanted === "running" ? requestRetry(record, this.#options.world.nowMs()) : record, wanted),
    );
  }

  /** What failed is tried again; whether it runs afterwards stays as it is wanted. */
  retry(id: string): void {
    this.#change(id, (record) => requestRetry(record, this.#options.world.nowMs()));
  }

  /** The owner has read why a change was given up; another notice stays. */
  dismiss(id: string, notice: string): void {
    const { record } = this.get(id);
    const after = requestDismissal(record, notice);
    if (after === record) return;
    this.#options.store.put(after);
    this.#options.changed(id);
  }

  remove(id: string): void {
    this.#change(id, (record) => requestRemoval(record, this.#snapshotId()));
  }

  restoreFromTrash(trashId: string): string {
    const { store, world } = this.#options;
    const { trash, ...place } = this.#trash.get(trashId);
    this.requireNew(trash.generation.manifest);
    const record = requestTrashRestore(trash, store.get(trash.app)?.record, world.nowMs());
    store.insert(record, place, {});
    this.go(trash.app);
    return trash.app;
  }

  purge(trashId: string): void {
    this.#trash.markForPurge(trashId);
    this.#watch();
  }

  purged(id: string | undefined, signal: AbortSignal): Promise<void> {
    return this.#trash.purged(id, signal);
  }

  /**
   * Resolves when what was asked for is so, or the app is gone where it was to be removed. Throws why it was given up, as
   * a fault of `changeFaults`, and what the signal says.
   */
  settled(id: string, report: ProgressReport, signal?: AbortSignal): Promise<void> {
    return this.#follow(id, report, signal, (record, lane) => {
      if (lane.isActive) return false;
      if (lane.waiting?.for === "owner") throw givenUp(lane.waiting.failure);
      return record.change === undefined && lane.waiting === undefined && record.wanted !== "removed";
    });
  }

  /** The same of a change alone: an app that is not well has come to rest neither before nor after it. */
  changeEnded(id: string, report: ProgressReport, signal?: AbortSignal): Promise<void> {
    return this.#follow(id, report, signal, (record) => record.change === undefined);
  }

  async #follow(
    id: string,
    report: ProgressReport,
    signal: AbortSignal | undefined,
    hasEnded: (record: AppPlanRecord, lane: Lane) => boolean,
  ): Promise<void> {
    const { store } = this.#options;
    const either = signal === undefined ? this.#stopping.signal : AbortSignal.any([signal, this.#stopping.signal]);
    const lane = this.#lane(id);
    const beforeNotice = store.get(id)?.record.notice;
    for (;;) {
      either.throwIfAborted();
      const { progress } = lane;
      if (progress !== undefined) report(progress.step, progress.doneUnits, progress.totalUnits);
      const record = store.get(id)?.record;
      if (record === undefined) return;
      if (!lane.isActive) {
        const { notice } = record;
        if (notice !== undefined && JSON.stringify(notice) !== JSON.stringify(beforeNotice))
          throw givenUp(notice.failure);
        const failure = record.change === undefined ? record.failure : record.change.failure;
        if (failure !== undefined && failure.retryAtMs === undefined) throw givenUp(failure);
      }
      if (hasEnded(record, lane)) return;
      await this.#orAWhile(lane, followPauseMs, either);
    }
  }

  /** Resolves when the lane comes to rest, but never at once: who asks again and again must let others have their turn. */
  async #orAWhile(lane: Lane, ms: number, signal = this.#stopping.signal): Promise<void> {
    const { world } = this.#options;
    const late = new AbortController();
    const slept = world.sleep(ms, AbortSignal.any([late.signal, signal]));
    try {
      await (lane.isActive ? Promise.race([lane.rest(), slept]) : slept);
    } finally {
      late.abort(new Error("it is not waited for any longer"));
      await slept.catch(() => undefined);
    }
  }

  /** What the app's lane has the route at now. */
  routeOf(id: string): Route {
    return this.#lane(id).route;
  }

  /** Waits while the app changes over. Throws `app-not-found`, `app-not-running`. */
  async openRoute(id: string): Promise<OpenRoute> {
    const { world, runtime, device } = this.#options;
    // As long as the app may take to start, which another version may do slowly.
    const { web: asked } = describedOf(this.get(id).record).manifest;
    const untilMs = world.monotonicMs() + Math.max(heldMs, (asked?.startSeconds ?? 0) * 1_000);
    for (;;) {
      const { record, ...place } = this.get(id);
      const lane = this.#lane(id);
      const { route } = lane;
      if (route.kind === "open") {
        const generation = generationsOf(record).find(({ number }) => number === route.generation);
        const web = generation?.manifest.web;
        if (generation === undefined || web === undefined) throw notRunning();
        const form = { app: id, place, generation };
        const now = await runtime.container(containerName(id, generation.number, web.service));
        const network = networksOf(form, device)[0]?.name ?? "";
        const address = serviceAddress(form, device, web.service);
        // The address is only an app's as long as its own container has it.
        const isItsOwn = now?.labels[appLabel] === id && now.addresses[network] === address;
        if (now?.phase === "running" && isItsOwn) return { route, address, port: web.port, containerId: now.id };
        if (lane.route !== route) continue;
        lane.kick();
      }
      // A device that has just started has not looked yet.
      const mayOpen = route.kind === "held" || (record.wanted === "running" && (!lane.hasRested || lane.isActive));
      if (!mayOpen || world.monotonicMs() > untilMs) throw notRunning();
      await this.#orAWhile(lane, heldPauseMs);
    }
  }

  /** By name: the parts of the app, and where it is being changed those of what it becomes. Throws `app-not-found`. */
  logParts(id: string): readonly string[] {
    const all = servingFirst(this.get(id).record).flatMap(({ manifest }) => manifest.services);
    return [...new Set(all.map(({ name }) => name))];
  }

  /**
   * What a part of the app writes its log as; another one once another version has taken its place, which is so as soon
   * as the container of the one that served is gone. Throws `app-not-found`.
   */
  async logSource(id: string, service: string): Promise<string> {
    const sources = servingFirst(this.get(id).record)
      .filter(({ manifest }) => manifest.services.some(({ name }) => name === service))
      .map(({ number }) => containerName(id, number, service));
    const [first, next] = sources;
    if (first === undefined) {
      throw appFaults.fault("app-not-found", "the app has no such part; look at its page again");
    }
    const { runtime } = this.#options;
    if (next === undefined || (await runtime.container(first)) !== undefined) return first;
    return (await runtime.container(next)) === undefined ? first : next;
  }

  logsOf(source: string, options: LogOptions): AsyncIterable<LogLine> {
    return this.#options.runtime.logs(source, options);
  }

  /** Of the last hour, oldest first. */
  series(id: string): readonly UsagePoint[] {
    return this.#usage.of(id, this.get(id).installedAtMs);
  }

  /** By volume. */
  usedBytes(id: string): Readonly<Record<string, number>> {
    return this.#options.storage.usedBytes(id);
  }

  /** By volume: how much it can hold at most. */
  boundBytes(id: string): Readonly<Record<string, number>> {
    return this.#options.storage.boundBytes(id);
  }

  /** What has happened to it, newest first, and how often in the last day it was started again after it had ended by itself. */
  happened(id: string): { readonly events: readonly KeptEvent[]; readonly restarts: number } {
    const { store, world } = this.#options;
    const events = store.eventsOf(this.get(id));
    const sinceMs = world.nowMs() - dayMs;
    return { events, restarts: events.filter(({ kind, atMs }) => kind === "restarted" && atMs > sinceMs).length };
  }

  /** Generated values that the manifest shows to the owner. */
  shownSecrets(
    id: string,
  ): readonly { readonly name: string; readonly label: LocalizedText; readonly value: string }[] {
    const app = this.get(id);
    const values = this.#options.store.secretsOf(app);
    return describedOf(app.record).manifest.secrets.flatMap(({ name, shownAs }) =>
      shownAs === undefined ? [] : [{ name, label: shownAs, value: values[name] ?? "" }],
    );
  }

  /** Ends all apps and what runs them; the volume is free afterwards. Where one cannot be ended, the packet filter stays. */
  async close(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    if (this.#watching === undefined) return;
    const { runtime, storage, firewall, store, world, log } = this.#options;
    const rested = async (app: string): Promise<void> =>
      this.#lanes
        .get(app)
        ?.ended()
        .catch(() => undefined);
    // The last round may begin more of it.
    const work = this.#watching.then(() => {
      const lanes = [...this.#lanes].flatMap(([app, lane]) => [rested(app), lane.healthEnded()]);
      return Promise.all([this.#strangers, this.#tidying, ...lanes]);
    });
    const records = store.all().map(({ record }) => record);
    await stopInOrder(records, { runtime, world, log, rested });
    // What waited for an app's end has seen it now; what else takes its time is cut off, as by a power cut.
    if (!(await orInTime(world, work, workMs))) log.warn("apps-cut-off");
    let areEnded = false;
    try {
      await runtime.shutDown();
      areEnded = true;
    } catch (error) {
      log.warn("apps-not-stopped", errorFacts(error));
    }
    try {
      // What may run on would reach everything without its rules; the next start replaces them.
      if (areEnded) await firewall.remove();
      await storage.close();
    } catch (error) {
      log.warn("apps-not-cleared", errorFacts(error));
    }
  }
}

function currentOf(record: AppPlanRecord): Generation {
  return record.current ?? describedOf(record);
}

/** What serves, and what shall. */
function servingFirst({ current, change }: AppPlanRecord): readonly Generation[] {
  return [current, change?.to].filter((one) => one !== undefined);
}

/** What serves; before an install has succeeded, what shall. */
export function describedOf({ current, change }: AppPlanRecord): Generation {
  const generation = current ?? change?.to;
  if (generation === undefined)
    throw appFaults.fault("app-not-found", "the app is not installed; look at the list of apps again");
  return generation;
}

function givenUp({
  code,
  detail,
}: {
  readonly code: keyof typeof changeFaults.entries;
  readonly detail: string;
}): Error {
  return changeFaults.fault(code, detail);
}

function notRunning(): Error {
  return appFaults.fault(
    "app-not-running",
    "the app does not run at the moment; start it, or wait until it has started",
  );
}
