import { createHash } from "node:crypto";
import type { AppManifest, GrantKind, LocalizedText } from "@piccolo/app-manifest";
import { type Fault, type FaultEntry, isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { bridgePrefix, type DeviceNetworks, idStartOf, servicesMax, slotsMax } from "./addresses.ts";
import type { BundledImages } from "./image-source.ts";
import { type AppStorage, appStorageFaults } from "./runtime/app-storage.ts";
import type { ContainerRuntime, ContainerState, LogLine, LogOptions } from "./runtime/container-runtime.ts";
import { runtimeFaults } from "./runtime/faults.ts";
import { type Firewall, firewallFaults } from "./runtime/firewall.ts";
import { AppRunner, type Progress, type RunnerOptions } from "./runner.ts";
import { appLabel, containerName, networksOf, serviceAddress } from "./specs.ts";
import type { AppStore } from "./store.ts";
import { appFaults, type AppRecord } from "./types.ts";
import { type UsagePoint, UsageSeries } from "./usage-series.ts";

const lookAgainMs = 20_000;
const retryMs = 2_000;
const measureMs = 5_000;
const removedForMs = 30 * 24 * 3_600_000;
const secretAlphabets = {
  alphanumeric: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
  hex: "0123456789abcdef",
  base64url: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
} as const;

export type AppActivity = "idle" | "installing" | "starting" | "stopping" | "removing";

export interface AppFailure {
  readonly code: string;
  readonly detail: string;
  readonly nextStep: string;
}

interface StepProgress {
  readonly step: string;
  readonly doneUnits: number;
  /** 0 = not known. */
  readonly totalUnits: number;
}

/** An app as it is seen from here now. */
export interface AppLook {
  readonly record: AppRecord;
  readonly activity: AppActivity;
  /** Undefined where the runtime cannot be asked. */
  readonly services:
    | readonly { readonly name: string; readonly phase: ContainerState["phase"] | "absent" }[]
    | undefined;
  readonly failure: AppFailure | undefined;
  readonly progress: StepProgress | undefined;
}

/** Where an app's page is, as long as it runs. */
export interface Route {
  readonly address: string;
  readonly port: number;
  readonly containerId: string;
}

export interface AppsOptions {
  readonly store: AppStore;
  readonly runtime: ContainerRuntime;
  readonly storage: AppStorage;
  readonly firewall: Firewall;
  readonly bundled: BundledImages;
  readonly device: DeviceNetworks;
  readonly world: World;
  readonly log: Log;
  readonly reservedNames: ReadonlySet<string>;
  readonly originOf: (app: string) => string;
  readonly probe: RunnerOptions["probe"];
  readonly changed: (app: string) => void;
}

/** One app's work goes one after the other; no app waits for another one's. */
interface Lane {
  tail: Promise<void>;
  activity: AppActivity;
  failure: AppFailure | undefined;
  progress: StepProgress | undefined;
  /** Ends what is under way, because something else is wanted now. */
  cancel: AbortController | undefined;
}

export class Apps {
  readonly #options: AppsOptions;
  readonly #runner: AppRunner;
  readonly #lanes = new Map<string, Lane>();
  readonly #stopping = new AbortController();
  readonly #series = new Map<string, UsageSeries>();
  #watching: Promise<unknown> = Promise.resolve();
  #isOpen = false;
  #opening: Promise<void> | undefined;

  constructor(options: AppsOptions) {
    this.#options = options;
    const { runtime, storage, bundled, device, world, store } = options;
    this.#runner = new AppRunner({
      runtime,
      storage,
      bundled,
      device,
      world,
      secretsOf: (id) => store.secretsOf(id),
      factsOf: (app) => ({
        PICCOLO_APP_URL: options.originOf(app.id),
        PICCOLO_APP_HOST: new URL(options.originOf(app.id)).host,
        PICCOLO_PROXY_ADDRESS: networksOf(app, device)[0]?.gateway ?? "",
        PICCOLO_TIME_ZONE: "UTC",
        PICCOLO_LANGUAGE: "en",
      }),
      filter: () => this.#filter(),
      probe: options.probe,
    });
  }

  /** Goes on where the last start left off. A device without apps touches nothing of the machine. */
  start(): void {
    if (this.#options.store.all().length === 0) return;
    this.#watch();
  }

  #watch(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#watching = Promise.all([this.#run(), this.#measure()]);
  }

  /** Until the device stops: whatever happened, each app is made what it shall be. */
  async #run(): Promise<void> {
    const { world, log, runtime } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#open();
        for (const { id } of this.#options.store.all()) this.#settle(id);
        await this.#untilSomethingHappens(runtime, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isFault(error)) throw error;
        // What cannot be seen is not gone: nothing is torn down, and it is looked at again.
        log.warn("apps-out-of-sight", { code: error.code, ...errorFacts(error) });
        await world.sleep(retryMs, signal).catch(() => undefined);
      }
    }
  }

  /** A container's end, or a while. */
  async #untilSomethingHappens(runtime: ContainerRuntime, signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    const round = new AbortController();
    const either = AbortSignal.any([round.signal, signal]);
    const heard = (async () => {
      for await (const { what } of runtime.events(either)) if (what === "died") return;
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
      await this.#filter();
    })().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #filter(): Promise<void> {
    const { firewall, device, store } = this.#options;
    const running = store.all().filter(({ wanted }) => wanted === "running");
    await firewall.apply({
      bridgePrefix: bridgePrefix(device),
      networks: running.flatMap((app) =>
        networksOf(app, device).map(({ bridge, gateway, internal }) => ({ bridge, gateway, egress: !internal })),
      ),
    });
  }

  #lane(id: string): Lane {
    let lane = this.#lanes.get(id);
    if (lane === undefined) {
      lane = { tail: Promise.resolve(), activity: "idle", failure: undefined, progress: undefined, cancel: undefined };
      this.#lanes.set(id, lane);
    }
    return lane;
  }

  #queue<T>(id: string, activity: AppActivity, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const lane = this.#lane(id);
    const cancel = new AbortController();
    const run = async (): Promise<T> => {
      this.#stopping.signal.throwIfAborted();
      cancel.signal.throwIfAborted();
      lane.activity = activity;
      lane.cancel = cancel;
      this.#options.changed(id);
      try {
        const result = await work(AbortSignal.any([cancel.signal, this.#stopping.signal]));
        lane.failure = undefined;
        return result;
      } catch (error) {
        if (isFault(error) && !cancel.signal.aborted) lane.failure = failureOf(error);
        throw error;
      } finally {
        lane.activity = "idle";
        lane.progress = undefined;
        lane.cancel = undefined;
        this.#options.changed(id);
      }
    };
    const result = lane.tail.then(run);
    lane.tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Looks at an app that nothing is done to, and makes it what it shall be. */
  #settle(id: string): void {
    const { log, store } = this.#options;
    const lane = this.#lane(id);
    if (lane.activity !== "idle") return;
    this.#queue(id, "idle", async (signal) => {
      const app = store.get(id);
      if (app === undefined || (await this.#isAsWanted(app))) return;
      lane.activity = app.wanted === "running" ? "starting" : "stopping";
      this.#options.changed(id);
      log.info("app-settled", { app: id, wanted: app.wanted });
      await this.#make(app, this.#told(id, { signal, report: () => undefined }, signal));
    }).catch((error: unknown) => {
      if (this.#stopping.signal.aborted || isFault(error)) return;
      log.error("app-not-settled", { app: id, ...errorFacts(error) });
    });
  }

  async #isAsWanted(app: AppRecord): Promise<boolean> {
    if (app.wanted === "removed") {
      const dueMs = (app.removedAtMs ?? 0) + removedForMs;
      const states = await this.#containersOf(app.id);
      return states.length === 0 && this.#options.world.nowMs() < dueMs;
    }
    const states = await this.#containersOf(app.id);
    if (app.wanted === "stopped")
      return states.every(({ phase }) => phase !== "running" && phase !== "paused" && phase !== "lost");
    return app.manifest.services.every(({ name }) => {
      const now = states.find((state) => state.name === containerName(app, name));
      if (now?.phase === "running") return true;
      return this.#runner.isOneShot(app.manifest, name) && now?.phase === "stopped" && now.exitCode === 0;
    });
  }

  async #make(app: AppRecord, progress: Progress): Promise<void> {
    switch (app.wanted) {
      case "running":
        await this.#runner.run(app, progress);
        break;
      case "stopped":
        await this.#runner.halt(app);
        break;
      case "removed": {
        const isDue = this.#options.world.nowMs() >= (app.removedAtMs ?? 0) + removedForMs;
        await this.#runner.remove(app, !isDue);
        if (isDue) this.#options.store.delete(app.id);
        break;
      }
    }
  }

  async #containersOf(id: string): Promise<readonly ContainerState[]> {
    return (await this.#options.runtime.containers()).filter(({ labels }) => labels[appLabel] === id);
  }

  /** Throws `app-not-found`; removed ones are not found. */
  get(id: string): AppRecord {
    const app = this.#options.store.get(id);
    if (app === undefined || app.wanted === "removed") {
      throw appFaults.fault("app-not-found", "there is no app of that name on this device");
    }
    return app;
  }

  /** Only what is wanted and what was seen to fail, where the runtime cannot be asked. */
  async look(): Promise<readonly AppLook[]> {
    const records = this.#options.store.all().filter(({ wanted }) => wanted !== "removed");
    if (records.length === 0) return [];
    const states = await this.#options.runtime.containers().catch((error: unknown) => {
      if (isFault(error)) return undefined;
      throw error;
    });
    return records.map((record) => {
      const { activity, failure, progress } = this.#lane(record.id);
      const services =
        states &&
        record.manifest.services.map(({ name }) => ({
          name,
          phase: states.find((state) => state.name === containerName(record, name))?.phase ?? ("absent" as const),
        }));
      return { record, activity, failure, progress, services };
    });
  }

  /** Throws `app-exists`, `app-name-reserved`, `grant-missing`, `setting-missing`, `no-room`, `too-many-apps`. */
  admit(
    manifest: AppManifest,
    given: { readonly grants: readonly GrantKind[]; readonly settings: Readonly<Record<string, string>> },
  ): AppRecord {
    const { store, world, reservedNames, storage } = this.#options;
    const { id } = manifest;
    if (reservedNames.has(id))
      throw appFaults.fault("app-name-reserved", `the name ${id} belongs to the device itself`);
    if (store.get(id) !== undefined)
      throw appFaults.fault("app-exists", `there is an app ${id} on this device already`);
    if (manifest.services.length > servicesMax) {
      throw appFaults.fault("too-many-apps", `an app has at most ${servicesMax} services`);
    }
    for (const { kind, required } of manifest.grants) {
      if (required && !given.grants.includes(kind)) {
        throw appFaults.fault("grant-missing", `this app cannot run without the grant "${kind}"`, {
          details: { kind },
        });
      }
    }
    const secrets: Record<string, string> = {};
    const settings: Record<string, string> = {};
    for (const setting of manifest.settings) {
      const value = given.settings[setting.name];
      const hasDefault = setting.kind !== "password" && setting.default !== undefined;
      if (value === undefined && !hasDefault) {
        throw appFaults.fault("setting-missing", `the setting "${setting.name}" needs a value`, {
          details: { setting: setting.name },
        });
      }
      if (value === undefined) continue;
      if (setting.kind === "password") secrets[setting.name] = value;
      else settings[setting.name] = value;
    }
    for (const { name, length, alphabet } of manifest.secrets) {
      secrets[name] = randomText(world, length, secretAlphabets[alphabet]);
    }
    const neededBytes = 256 * 1024 * 1024;
    if (storage.freeBytes() < neededBytes) throw appFaults.fault("no-room", "there is not enough room for this app");
    const taken = new Set(store.all().map(({ slot }) => slot));
    const slot = this.#freeSlot(taken, id);
    const record: AppRecord = {
      id,
      manifest,
      wanted: "running",
      idStart: idStartOf(slot),
      slot,
      generation: 1,
      grants: given.grants.filter((kind) => manifest.grants.some((grant) => grant.kind === kind)),
      settings,
      installedAtMs: world.nowMs(),
      removedAtMs: undefined,
    };
    store.insert(record, secrets);
    return record;
  }

  /** Spread, so that a slot freed today is not another app's tomorrow. */
  #freeSlot(taken: ReadonlySet<number>, id: string): number {
    const [high = 0, low = 0] = createHash("sha256").update(id).digest();
    const first = (high * 256 + low) % slotsMax;
    for (let at = 0; at < slotsMax; at++) {
      const slot = (first + at) % slotsMax;
      if (!taken.has(slot)) return slot;
    }
    throw appFaults.fault("too-many-apps", "this device has as many apps as it can keep apart");
  }

  /** Brings an admitted app up. Where that fails before it ever ran, nothing of it stays. */
  async install(app: AppRecord, progress: Progress): Promise<void> {
    this.#watch();
    try {
      await this.#queue(app.id, "installing", async (signal) => {
        await this.#open();
        await this.#runner.run(app, this.#told(app.id, progress, signal));
      });
    } catch (error) {
      if (!this.#stopping.signal.aborted) await this.#undo(app);
      throw error;
    }
  }

  /** What is reported to a task is shown at the app, too. */
  #told(id: string, progress: Progress, signal: AbortSignal): Progress {
    return {
      signal: AbortSignal.any([signal, progress.signal]),
      report: (step, doneUnits = 0, totalUnits = 0) => {
        this.#lane(id).progress = { step, doneUnits, totalUnits };
        this.#options.changed(id);
        progress.report(step, doneUnits, totalUnits);
      },
    };
  }

  async #undo(app: AppRecord): Promise<void> {
    const { store, log } = this.#options;
    store.want(app.id, "removed", 0);
    await this.#queue(app.id, "removing", async () => {
      await this.#runner.remove(app, false);
      store.delete(app.id);
      this.#lanes.delete(app.id);
      await this.#filter();
    }).catch((error: unknown) => log.warn("install-not-undone", { app: app.id, ...errorFacts(error) }));
  }

  /** What is under way gives way, unless it is the same. */
  #want(id: string, wanted: AppRecord["wanted"], removedAtMs?: number): AppRecord {
    this.get(id);
    this.#options.store.want(id, wanted, removedAtMs);
    this.#lane(id).cancel?.abort(new Error("something else is wanted now"));
    const app = this.#options.store.get(id);
    if (app === undefined) throw appFaults.fault("app-not-found", "there is no app of that name on this device");
    return app;
  }

  async startApp(id: string, progress: Progress): Promise<void> {
    const app = this.#want(id, "running");
    this.#watch();
    await this.#queue(id, "starting", async (signal) => {
      await this.#open();
      await this.#runner.run(app, this.#told(id, progress, signal));
    });
  }

  async stopApp(id: string): Promise<void> {
    const app = this.#want(id, "stopped");
    await this.#queue(id, "stopping", async () => this.#runner.halt(app));
    await this.#filter();
  }

  async uninstall(id: string, keepData: boolean): Promise<void> {
    const { store, world } = this.#options;
    const app = this.#want(id, "removed", keepData ? world.nowMs() : 0);
    await this.#queue(id, "removing", async () => {
      await this.#runner.remove(app, keepData);
      if (!keepData) store.delete(id);
    });
    if (!keepData) this.#lanes.delete(id);
    await this.#filter();
  }

  /** Throws `app-not-found`, `app-not-running`. */
  async route(id: string): Promise<Route> {
    const app = this.get(id);
    const { web } = app.manifest;
    if (web === undefined) throw appFaults.fault("app-not-running", "this app has no page to open");
    const name = containerName(app, web.service);
    const now = await this.#options.runtime.container(name);
    const network = networksOf(app, this.#options.device)[0]?.name ?? "";
    const address = serviceAddress(app, this.#options.device, web.service);
    // The address is only an app's as long as its own container has it.
    if (now?.phase !== "running" || now.labels[appLabel] !== id || now.addresses[network] !== address) {
      throw appFaults.fault("app-not-running", "the app does not run at the moment");
    }
    return { address, port: web.port, containerId: now.id };
  }

  logs(id: string, service: string, options: LogOptions): AsyncIterable<LogLine> {
    const app = this.get(id);
    if (!app.manifest.services.some(({ name }) => name === service)) {
      throw appFaults.fault("app-not-found", "the app has no such part");
    }
    return this.#options.runtime.logs(containerName(app, service), options);
  }

  /** Of the last hour, oldest first. */
  series(id: string): readonly UsagePoint[] {
    this.get(id);
    return this.#series.get(id)?.points ?? [];
  }

  /** While the device runs: what each app uses. */
  async #measure(): Promise<void> {
    const { world, runtime, store } = this.#options;
    const { signal } = this.#stopping;
    await world.sleep(measureMs, signal).catch(() => undefined);
    while (!signal.aborted) {
      const usages = await runtime.usage().catch((error: unknown) => {
        if (isFault(error)) return undefined;
        throw error;
      });
      for (const app of usages === undefined ? [] : store.all()) {
        const names = new Set(app.manifest.services.map(({ name }) => containerName(app, name)));
        const own = (usages ?? []).filter(({ name }) => names.has(name));
        let series = this.#series.get(app.id);
        if (series === undefined) this.#series.set(app.id, (series = new UsageSeries()));
        if (own.length > 0) series.add(world.nowMs(), own);
      }
      await world.sleep(measureMs, signal).catch(() => undefined);
    }
  }

  /** By volume. */
  usedBytes(id: string): Readonly<Record<string, number>> {
    return this.#options.storage.usedBytes(id);
  }

  /** Generated values that the manifest shows to the owner. */
  shownSecrets(
    id: string,
  ): readonly { readonly name: string; readonly label: LocalizedText; readonly value: string }[] {
    const { manifest } = this.get(id);
    const values = this.#options.store.secretsOf(id);
    return manifest.secrets.flatMap(({ name, shownAs }) =>
      shownAs === undefined ? [] : [{ name, label: shownAs, value: values[name] ?? "" }],
    );
  }

  /** Ends all apps and what runs them; the volume is free afterwards. */
  async close(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    await this.#watching;
    await Promise.all([...this.#lanes.values()].map(({ tail }) => tail));
    if (!this.#isOpen) return;
    const { runtime, storage, firewall, log } = this.#options;
    try {
      await runtime.shutDown();
    } catch (error) {
      log.warn("apps-not-stopped", errorFacts(error));
    }
    await firewall.remove();
    await storage.close();
  }
}

/** The reason a person reads, and what to do next: the catalogue's own words for it. */
function failureOf(fault: Fault): AppFailure {
  const entries: Readonly<Record<string, FaultEntry>> = {
    ...runtimeFaults.entries,
    ...appFaults.entries,
    ...firewallFaults.entries,
    ...appStorageFaults.entries,
  };
  return {
    code: fault.code,
    detail: fault.message,
    nextStep: entries[fault.code]?.meaning ?? "Try again; the device's log has more.",
  };
}

function randomText(world: World, length: number, alphabet: string): string {
  const most = 256 - (256 % alphabet.length);
  let text = "";
  while (text.length < length) {
    for (const byte of world.randomBytes(length)) {
      if (byte < most && text.length < length) text += alphabet[byte % alphabet.length] ?? "";
    }
  }
  return text;
}
