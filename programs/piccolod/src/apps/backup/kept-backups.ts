/** The backups there are: which are kept, how one is read, and how it comes back. */
import type { DatabaseSync } from "node:sqlite";
import { envelopeFaults } from "@piccolo/envelope";
import type { OwnerEngine } from "@piccolo/storage/owner";
import type { World } from "@piccolo/world";
import { transact } from "../../db/database.ts";
import type { Progress } from "../executor.ts";
import type { Step } from "../plan-types.ts";
import type { SnapshotFiles } from "../runtime/snapshot-files.ts";
import type { AppStore } from "../store.ts";
import type { BackupDocument } from "./document.ts";
import { fetchVolumes, readDocument } from "./fetching.ts";
import { decideDropped, timelyFirst } from "./retention.ts";
import { endingWhenStalled } from "./stall.ts";
import type { BackupCrashPoint } from "./storing.ts";
import type { BackupStore } from "./store.ts";
import { backupFaults, type StoredBackup } from "./types.ts";

/** Parts of a backup that was cut off are kept so long for the next try. */
const unusedKeptMs = 2 * 24 * 3_600_000;
const removedAtOnce = 100;
const removedMost = 5_000;

/** What is on its way to the network, or back, and shows no sign of life for so long is given up. */
export const stalled = {
  afterMs: 15 * 60_000,
  error: (): Error =>
    backupFaults.fault("app-backup-stalled", "nothing of the backup came through for a quarter of an hour"),
} as const;

export interface KeptBackupsOptions {
  readonly db: DatabaseSync;
  readonly store: BackupStore;
  readonly appStore: AppStore;
  readonly files: SnapshotFiles;
  readonly engine: () => Pick<OwnerEngine, "read" | "removeVersion">;
  readonly isUnlocked: () => boolean;
  readonly world: World;
  readonly changed: (app: string) => void;
  /** Chunks that somebody is about to make a backup of. */
  readonly held: () => ReadonlySet<number>;
  readonly crashPoint: (name: BackupCrashPoint) => void;
}

export class KeptBackups {
  readonly #options: KeptBackupsOptions;

  constructor(options: KeptBackupsOptions) {
    this.#options = options;
  }

  /** Throws `app-backup-not-found`. */
  get(id: string): StoredBackup {
    const backup = this.#options.store.get(id);
    if (backup === undefined) throw backupFaults.fault("app-backup-not-found", "there is no such backup any more");
    return backup;
  }

  /** Of each app newest first, as `ofApp` has them. */
  all(): readonly StoredBackup[] {
    return timelyFirst(this.#options.store.all(), this.#options.world.nowMs());
  }

  /** Newest first; those last that a clock which was ahead has dated. */
  ofApp(app: string): readonly StoredBackup[] {
    return timelyFirst(this.#options.store.ofApp(app), this.#options.world.nowMs());
  }

  /** Drops what is not kept any more, and the parts that no backup has. */
  async tidy(app: string): Promise<void> {
    const { store, world } = this.#options;
    for (const id of decideDropped(store.ofApp(app), world.nowMs())) this.#drop(id);
    await this.removeUnused();
  }

  /** The owner wants it gone. Throws `app-backup-not-found`. */
  async delete(id: string): Promise<void> {
    const { app } = this.get(id);
    this.#drop(id);
    await this.removeUnused();
    this.#options.changed(app);
  }

  #drop(id: string): void {
    const { db, store, engine } = this.#options;
    const backup = store.get(id);
    if (backup === undefined) return;
    transact(db, () => {
      engine().removeVersion(backup.versionId);
      store.delete(id);
    });
  }

  async removeUnused(): Promise<void> {
    const { db, store, engine, world, held } = this.#options;
    const unused = [...store.unused(world.nowMs() - unusedKeptMs, held(), removedMost)];
    while (unused.length > 0) {
      transact(db, () => {
        // Somebody may have come by one since it was looked for.
        const heldNow = held();
        for (const { number, versionId } of unused.splice(0, removedAtOnce)) {
          if (heldNow.has(number)) continue;
          engine().removeVersion(versionId);
          store.deleteChunk(number);
        }
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Throws `locked`, `app-backup-not-found`, `app-backup-damaged`, and what reading throws. */
  async read(
    id: string,
    signal: AbortSignal,
  ): Promise<{ readonly backup: StoredBackup; readonly document: BackupDocument }> {
    const { isUnlocked, engine } = this.#options;
    const backup = this.get(id);
    if (!isUnlocked())
      throw envelopeFaults.fault("locked", "the device is locked: enter the password, then do it again");
    return { backup, document: await readDocument({ engine }, backup, signal) };
  }

  /** A step of an app's lane. */
  async fetch(
    { backup: id, snapshot }: Extract<Step, { readonly do: "fetch-backup" }>,
    { signal, report }: Progress,
  ): Promise<void> {
    const { store, files, engine, appStore, world, crashPoint } = this.#options;
    const step = "Bringing its data back from the network";
    report(step);
    const { document } = await this.read(id, signal);
    // Before the copy is complete: one that is will not be fetched again.
    appStore.putSnapshotFacts(snapshot, { idStart: document.idStart, secrets: document.secrets });
    await endingWhenStalled(world, stalled, signal, (watched, alive) =>
      fetchVolumes({ store, files, engine }, document, snapshot, {
        signal: watched,
        report: (doneBytes, totalBytes) => {
          alive();
          report(step, doneBytes, totalBytes);
        },
      }),
    );
    crashPoint("app-backup-fetched");
  }
}
