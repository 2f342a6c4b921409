/** Apps and their backups on a device of which everything else is in memory; another one can take its place. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type AppManifest, checkManifest } from "@piccolo/app-manifest";
import { deriveOwnerKeys, envelopeFaults, sealToFileKey } from "@piccolo/envelope";
import { fixedPolicy } from "@piccolo/storage/policy";
import { realWorld } from "@piccolo/world/real";
import { FolderSnapshotFiles } from "../src/adapters/app-storage/folder-snapshot-files.ts";
import { createLog } from "../src/adapters/log.ts";
import { Apps, type AppsOptions } from "../src/apps/apps.ts";
import { AppBackups, type BackupOutcome } from "../src/apps/backup/app-backups.ts";
import { RestoreDrills } from "../src/apps/backup/restore-drills.ts";
import { BackupStore } from "../src/apps/backup/store.ts";
import type { BackupCrashPoint } from "../src/apps/backup/storing.ts";
import type { StoredBackup } from "../src/apps/backup/types.ts";
import type { SnapshotFiles, SnapshotReader } from "../src/apps/runtime/snapshot-files.ts";
import { AppStore } from "../src/apps/store.ts";
import { controlMigrations } from "../src/db/control-schema.ts";
import { openDatabase } from "../src/db/database.ts";
import { openOwnerDatabase } from "../src/db/owner-database.ts";
import { UnattendedVersions } from "../src/owner/unattended-versions.ts";
import { MovedWorld } from "./device.ts";
import { FolderAppStorage } from "./folder-app-storage.ts";
import { EngineControl, MemoryEngine } from "./memory-engine.ts";
import { MemoryRuntime } from "./memory-runtime.ts";

const keys = deriveOwnerKeys(new Uint8Array(32).fill(5), 1);
export const never = new AbortController().signal;
export const untold = { signal: never, report: (): void => undefined };

/** An app with a volume of data and a secret, or without any data. */
export function manifestText(
  id: string,
  {
    hasData = true,
    version = "1",
    hasPassword = false,
    hasCheck = false,
    publicPaths = [],
    needsInternet = false,
    registry = "example.org",
  }: {
    readonly hasData?: boolean;
    readonly version?: string;
    readonly hasPassword?: boolean;
    readonly hasCheck?: boolean;
    readonly publicPaths?: readonly string[];
    readonly needsInternet?: boolean;
    readonly registry?: string;
  } = {},
): string {
  return `services:
  web:
    image: ${registry}/${id}@sha256:${version.padStart(64, "a")}
    environment: { KEY: "\${KEY}"${hasPassword ? ', ADMIN_PASSWORD: "${WORD}"' : ""} }
    ${hasCheck ? "healthcheck: { test: [CMD, well] }" : ""}
    ${hasData ? "volumes: [data:/data, cache:/cache]" : ""}
${hasData ? "volumes: { data: {}, cache: {} }" : ""}
x-piccolo:
  id: ${id}
  version: "${version}"
  name: Shelf
  summary: Books
  web: { service: web, port: 80 }
  secrets: { KEY: {} }
  ${needsInternet ? "grants: { internet: { reason: To fetch } }" : ""}
  ${publicPaths.length > 0 ? `grants: { public-paths: { reason: To share, paths: ${JSON.stringify(publicPaths)} } }` : ""}
  ${hasPassword ? "settings: { WORD: { type: password, label: Word } }" : ""}
  ${hasData ? "volumes: { data: { snapshot: live }, cache: { snapshot: live, backup: false } }" : ""}
`;
}

/** What lies in the network, and the owner's database as it would come back. */
export interface KeptElsewhere {
  readonly control: EngineControl;
  readonly ownerPath: string;
}

export class AppDevice {
  readonly folder: string;
  readonly world = new MovedWorld();
  readonly runtime = new MemoryRuntime(() => this.world.nowMs());
  readonly storage: FolderAppStorage;
  readonly elsewhere: KeptElsewhere;
  readonly events: string[] = [];
  inNetwork = true;
  reach = { online: 9, needed: 5 as number | undefined };
  freeMemoryBytes = 1e12;
  unlocked = true;
  witnessed = true;
  clockBelieved = true;
  /** Whether the packet filter has the apps' rules. */
  isFiltered = false;
  health = 200;
  /** The origin apps want to be asked by; whoever asks by another one is told 400. */
  answersTo: string | undefined;
  /** Of the next start. */
  healthEveryMs = 3_600_000;
  /** Addresses at which nothing is answered any more after the first answer. */
  readonly hanging = new Set<string>();
  /** Names no app may have here. */
  readonly reservedNames = new Set<string>();
  /** Why no manifest fits the device. */
  unsuited: ReturnType<AppsOptions["unsuited"]>;
  /** Digests of images that came with the system, and what its catalog has under an app's name now. */
  readonly bundled = new Set<string>();
  offered: AppManifest | undefined;
  /** What copies hold, in place of what was copied. */
  copyReader: (() => Promise<SnapshotReader>) | undefined;
  onChanged: () => void = () => undefined;
  crashPoint: (name: BackupCrashPoint) => void = () => undefined;
  apps!: Apps;
  backups!: AppBackups;
  drills!: RestoreDrills;
  store!: BackupStore;
  appStore!: AppStore;
  engine!: MemoryEngine;
  #close: () => Promise<void> = () => Promise.resolve();

  private constructor(folder: string, elsewhere: KeptElsewhere) {
    this.folder = folder;
    this.elsewhere = elsewhere;
    this.storage = new FolderAppStorage(join(folder, "apps"));
  }

  static start(context: TestContext, kept?: KeptElsewhere): AppDevice {
    const folder = mkdtempSync(join(tmpdir(), "piccolo-app-device-"));
    mkdirSync(folder, { recursive: true });
    const elsewhere = kept ?? { control: new EngineControl(), ownerPath: join(folder, "owner.db") };
    const device = new AppDevice(folder, elsewhere);
    context.after(async () => {
      await device.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    device.start();
    return device;
  }

  start(): void {
    const { world, runtime, storage } = this;
    const controlDb = openDatabase(join(this.folder, "control.db"), {
      name: "control",
      synchronous: "NORMAL",
      migrations: controlMigrations,
    });
    const owner = openOwnerDatabase(this.elsewhere.ownerPath);
    const log = createLog(
      () => undefined,
      () => world.nowMs(),
    );
    const engine = new MemoryEngine(
      {
        world,
        metadata: owner.metadata,
        keys: () => {
          if (!this.unlocked) throw envelopeFaults.fault("locked", "the device is locked");
          return keys;
        },
        sealFek: (fek: Uint8Array, versionId: Uint8Array) => ({
          wrappedFek: sealToFileKey(keys.filePublicKey, fek, { account: keys.account, versionId, epoch: 1 }, realWorld),
          fekEpoch: 1,
        }),
        policy: fixedPolicy({ k: 3, n: 9 }),
        events: { committed: () => undefined, placementChanged: () => undefined },
      } as unknown as ConstructorParameters<typeof MemoryEngine>[0],
      this.elsewhere.control,
    );
    const appStore = new AppStore(controlDb);
    const apps: Apps = new Apps({
      store: appStore,
      runtime,
      storage,
      firewall: {
        apply: async () => void (this.isFiltered = true),
        remove: async () => void (this.isFiltered = false),
      },
      bundled: { has: () => false, open: () => undefined },
      device: { tag: "test", base: 0x0a80_0000 },
      world,
      log,
      mayHaveName: (app) => !this.reservedNames.has(app),
      unsuited: () => this.unsuited,
      originOf: (app) => `http://${app}.localhost`,
      probe: async ({ address, origin, timeoutMs }) => {
        if (this.answersTo !== undefined && origin !== this.answersTo) return 400;
        // Who waits for the first answer is more patient.
        if (timeoutMs > this.healthEveryMs || !this.hanging.has(address)) return this.health;
        await realWorld.sleep(timeoutMs, never);
        return undefined;
      },
      changed: (app) => {
        this.events.push(app);
        this.onChanged();
      },
      fetchBackup: (step, progress) => backups.kept.fetch(step, progress),
      drained: () => Promise.resolve(),
      crashPoint: () => undefined,
      healthEveryMs: this.healthEveryMs,
      mayWork: () => this.clockBelieved,
    });
    const store = new BackupStore(owner.db);
    const flush = () => Promise.resolve({ witnessed: this.witnessed } as const);
    const backups: AppBackups = new AppBackups({
      apps,
      appStore,
      storage,
      files: this.#files(),
      bundled: { has: (digest) => this.bundled.has(digest), open: () => undefined },
      offered: () => this.offered,
      db: owner.db,
      store,
      unattended: new UnattendedVersions({
        db: owner.db,
        engine: () => engine,
        backup: { untilReady: () => Promise.resolve(), flush } as never,
      }),
      engine: () => engine,
      inNetwork: () => this.inNetwork,
      reach: () => this.reach,
      mayWork: () => true,
      isUnlocked: () => this.unlocked,
      seed: () => "a device",
      world,
      log,
      changed: (app) => this.events.push(app),
      crashPoint: (name) => this.crashPoint(name),
    });
    const drills = new RestoreDrills({
      backups,
      apps,
      appStore,
      isUnlocked: () => this.unlocked,
      mayWork: () => true,
      freeMemoryBytes: () => this.freeMemoryBytes,
      world,
      log,
    });
    Object.assign(this, { apps, backups, drills, store, appStore, engine });
    this.#close = async () => {
      await drills.stop();
      await backups.stop();
      await apps.close();
      controlDb.close();
      owner.db.close();
    };
    apps.start();
  }

  #files(): SnapshotFiles {
    const folder = new FolderSnapshotFiles(this.storage.snapshotFolder);
    return {
      open: (id, volume) => this.copyReader?.() ?? folder.open(id, volume),
      openPartial: (id, volume, sizeBytes) => folder.openPartial(id, volume, sizeBytes),
      complete: (id, volumes) => folder.complete(id, volumes),
    };
  }

  async stop(): Promise<void> {
    const close = this.#close;
    this.#close = () => Promise.resolve();
    await close();
  }

  /** As after the process ended in whatever it was doing. */
  async restart(): Promise<void> {
    await this.stop();
    this.start();
  }

  /** Of an app whose image can be had from now on. */
  manifest(id: string, options: Parameters<typeof manifestText>[1] = {}): AppManifest {
    const { manifest, problems } = checkManifest(manifestText(id, options));
    assert.ok(manifest, JSON.stringify(problems));
    for (const { image } of manifest.services) {
      this.runtime.registry.set(image.digest, { digest: image.digest, architecture: "amd64", sizeBytes: 1, user: "" });
    }
    return manifest;
  }

  async install(id: string, options: Parameters<typeof manifestText>[1] = {}, catalog?: string): Promise<void> {
    const manifest = this.manifest(id, options);
    this.apps.install({
      manifest,
      grants: manifest.grants.map(({ kind }) => kind),
      settings: options.hasPassword === true ? { WORD: "first" } : {},
      catalog,
    });
    await this.apps.settled(id, () => undefined);
  }

  write(app: string, content: Uint8Array | string): void {
    writeFileSync(this.storage.volumeFolder(app, "data"), content);
  }

  read(app: string): Buffer {
    return readFileSync(this.storage.volumeFolder(app, "data"));
  }

  async backUp(app: string): Promise<BackupOutcome> {
    return this.backups.backUpNow(app, untold);
  }

  newest(app: string): StoredBackup {
    const [newest] = this.backups.kept.ofApp(app);
    assert.ok(newest, `there is a backup of ${app}`);
    return newest;
  }

  newestAtMs(app: string): number | undefined {
    return this.backups.kept.ofApp(app)[0]?.takenAtMs;
  }

  async restore(id: string): Promise<void> {
    const { backup, document } = await this.backups.kept.read(id, never);
    this.backups.restored.restore(backup, document);
    await this.apps.settled(backup.app, () => undefined);
  }

  /** A device that has nothing but what lies in the network. */
  replacement(context: TestContext): AppDevice {
    return AppDevice.start(context, this.elsewhere);
  }
}
