/** Puts the parts of the apps feature together on their adapters. */
import type { DatabaseSync } from "node:sqlite";
import type { World } from "@piccolo/world";
import type { Log } from "../adapters/log.ts";
import type { AppCrashPoint } from "../crash-points.ts";
import { isOperatingFailure } from "../operating-failure.ts";
import type { BackupCrashPoint } from "./backup/storing.ts";
import type { Sessions } from "../auth/sessions.ts";
import type { DeviceEvents } from "../events/events.ts";
import type { Api } from "../http/api.ts";
import type { StreamRoute } from "../http/server.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { DeviceNetworks } from "./addresses.ts";
import { Apps } from "./apps.ts";
import { AppBackups, type AppBackupsOptions } from "./backup/app-backups.ts";
import { RestoreDrills } from "./backup/restore-drills.ts";
import { drillName } from "./backup/restored-apps.ts";
import { mountAppBackups } from "./backup/routes.ts";
import { BackupStore } from "./backup/store.ts";
import { CatalogStore } from "./catalog-store.ts";
import { Catalogs, type CatalogSource, type CatalogsOptions } from "./catalogs.ts";
import type { AppPlanRecord } from "./plan-types.ts";
import type { BundledImages } from "./image-source.ts";
import { healthEveryMs } from "./health-watch.ts";
import { AppHosts } from "./proxy/app-hosts.ts";
import { Entrance } from "./proxy/entrance.ts";
import { LogStreams } from "./log-streams.ts";
import { hostNames } from "./proxy/host-names.ts";
import { enterApp, mountApps } from "./routes.ts";
import type { ExecutorOptions } from "./executor.ts";
import type { AppStorage } from "./runtime/app-storage.ts";
import type { ContainerRuntime } from "./runtime/container-runtime.ts";
import type { Firewall } from "./runtime/firewall.ts";
import type { SnapshotFiles } from "./runtime/snapshot-files.ts";
import { AppStore } from "./store.ts";

/** What the machine gives apps to run on. */
export interface AppAdapters {
  readonly runtime: ContainerRuntime;
  readonly storage: AppStorage;
  readonly files: SnapshotFiles;
  readonly firewall: Firewall;
  readonly bundled: BundledImages;
  readonly probe: ExecutorOptions["probe"];
  readonly device: DeviceNetworks;
}

export interface AppsFeatureOptions
  extends
    AppAdapters,
    Pick<AppBackupsOptions, "unattended" | "engine" | "inNetwork" | "reach" | "mayWork" | "isUnlocked" | "seed"> {
  readonly controlDb: DatabaseSync;
  readonly ownerDb: DatabaseSync;
  readonly world: World;
  readonly log: Log;
  readonly sessions: Sessions;
  readonly events: DeviceEvents;
  readonly tasks: Tasks;
  readonly hostName: string;
  readonly deviceName: string;
  /** Another pace than `healthEveryMs` at which running apps are asked whether they are well. */
  readonly healthEveryMs: number | undefined;
  /** Such as `https://piccolo.local`. */
  readonly portalOrigin: () => string;
  /** Whether that is HTTPS; apps are reached the same way. */
  readonly isSecure: boolean;
  readonly ownerName: () => string;
  readonly catalogs: readonly CatalogSource[];
  readonly fetchCatalog: CatalogsOptions["fetch"];
  readonly architecture: "amd64" | "arm64";
  /** Of the running release; a manifest may ask for a later one. */
  readonly osVersion: string;
  readonly freeMemoryBytes: () => number;
  /** Told the host names of all apps, at the start and whenever they are others. */
  readonly hostsChanged: (names: readonly string[]) => void;
  readonly crashPoint: (name: AppCrashPoint | BackupCrashPoint) => void;
}

export interface AppsFeature {
  readonly hosts: AppHosts;
  readonly streams: readonly StreamRoute[];
  /** Whether the name (lower case, without port) is an app's host. */
  isHost(name: string): boolean;
  mount(api: Api): void;
  start(): void;
  /** Begins to back up apps, once what is backed up may be changed; again is harmless. */
  startBackups(): void;
  /** Something has changed that a backup, or an app that comes from one, may be waiting for. */
  wake(): void;
  stop(): Promise<void>;
}

const keyPurpose = "app-cookies";

export function createAppsFeature(options: AppsFeatureOptions): AppsFeature {
  const { world, log, events, tasks, deviceName, sessions, portalOrigin } = options;
  const store = new AppStore(options.controlDb);
  const names = hostNames(options);
  let toldHosts: string | undefined;
  const tellHosts = (): void => {
    const hostsNow = apps.look().flatMap(({ app: { record } }) => (hasPage(record) ? [names.hostOf(record.app)] : []));
    if (hostsNow.join() === toldHosts) return;
    toldHosts = hostsNow.join();
    options.hostsChanged(hostsNow);
  };
  const changed = (app: string): void => {
    const isTold = (toldHosts ?? "").split(",").includes(names.hostOf(app));
    try {
      if (isTold !== (store.get(app) !== undefined)) tellHosts();
    } catch (error) {
      // That the records cannot be read is among what is told. The names are looked at again with the next change.
      if (!isOperatingFailure(error)) throw error;
    }
    // What nobody sees does not change either.
    if (!app.startsWith(drillName(""))) events.appChanged(app);
  };
  const apps: Apps = new Apps({
    ...options,
    healthEveryMs: options.healthEveryMs ?? healthEveryMs,
    store,
    mayHaveName: (app) => names.mayHave(app),
    unsuited: (manifest) => catalogs.unsuited(manifest),
    originOf: (app) => hosts.originOf(app),
    changed,
    fetchBackup: (step, progress) => backups.kept.fetch(step, progress),
    drained: (app) => hosts.drained(app),
  });
  const backups: AppBackups = new AppBackups({
    ...options,
    apps,
    appStore: store,
    db: options.ownerDb,
    store: new BackupStore(options.ownerDb),
    offered: (app) => catalogs.offered(app),
    changed,
  });
  const drills = new RestoreDrills({ ...options, backups, apps, appStore: store });
  const hosts: AppHosts = new AppHosts({
    apps,
    entrance: new Entrance({
      world,
      deviceName,
      key: () => store.key(keyPurpose, () => world.randomBytes(32)),
      isSecure: options.isSecure,
      session: (tokenHash) => sessions.findByHash(tokenHash),
      onSessionEnd: (listener) => sessions.onEnd(listener),
    }),
    names,
    portalOrigin,
    ownerName: options.ownerName,
    world,
    log,
  });
  const logs = new LogStreams({ apps, world, onSessionEnd: (listener) => sessions.onEnd(listener) });
  const { bundled, architecture, osVersion } = options;
  const facts = { architecture, osVersion, hasImage: (digest: string) => bundled.has(digest) };
  const catalogs: Catalogs = new Catalogs({
    sources: options.catalogs,
    store: new CatalogStore(options.controlDb, options.ownerDb),
    facts,
    fetch: options.fetchCatalog,
    mayWork: options.mayWork,
    log,
    world,
  });
  const stopping = new AbortController();
  let renewing: Promise<void> = Promise.resolve();
  return {
    hosts,
    streams: [
      { pattern: /^\/apps\/([a-z0-9-]{1,32})\/enter$/, methods: { GET: enterApp(apps, hosts) }, shared: true },
      { pattern: /^\/apps\/([a-z0-9-]{1,32})\/logs\/follow$/, methods: { GET: logs.handle } },
    ],
    mount: (api) => {
      mountApps(api, { apps, tasks, catalogs, freeMemoryBytes: options.freeMemoryBytes });
      mountAppBackups(api, { apps, backups, drills, bundled, tasks, world });
    },
    isHost: (name) => {
      const app = names.appOf(name);
      const record = app === undefined ? undefined : store.get(app)?.record;
      return record !== undefined && record.isDrill !== true && hasPage(record);
    },
    start: () => {
      apps.start();
      tellHosts();
      renewing = catalogs.run(stopping.signal);
    },
    startBackups: () => {
      backups.start();
      drills.start();
      // A device that has just taken another one's place has its list from now on.
      catalogs.wake();
    },
    wake: () => {
      backups.wake();
      apps.wake();
      catalogs.wake();
    },
    stop: async () => {
      logs.stop();
      hosts.close();
      stopping.abort(new Error("the device stops"));
      await renewing;
      await drills.stop();
      await backups.stop();
      await apps.close();
    },
  };
}

function hasPage({ current, change }: AppPlanRecord): boolean {
  return (current ?? change?.to)?.manifest.web !== undefined;
}
