/** Copies of an app's data on the device that its owner gives up for the room they take, and those that nothing needs. */
import { errorFacts, type Log } from "../../adapters/log.ts";
import type { Apps } from "../apps.ts";
import type { AppPlanRecord } from "../plan-types.ts";
import { recordAfter } from "../record.ts";
import { planFaults, requestDeleteCopy, requestDeleteRollback } from "../requests.ts";
import type { AppStorage } from "../runtime/app-storage.ts";
import type { AppStore } from "../store.ts";
import { changeFaults } from "../types.ts";
import { isOperatingFailure } from "../../operating-failure.ts";

export interface LocalCopiesOptions {
  readonly apps: Pick<Apps, "get">;
  readonly appStore: Pick<AppStore, "all" | "get" | "put" | "deleteSnapshotFacts">;
  readonly storage: Pick<AppStorage, "freed"> & { readonly dropSnapshot: (id: string) => Promise<void> | void };
  /** The copy of an app that is on its way into the network. */
  readonly storing: (app: string) => string | undefined;
  readonly log: Log;
  readonly changed: (app: string) => void;
}

export class LocalCopies {
  readonly #options: LocalCopiesOptions;

  constructor(options: LocalCopiesOptions) {
    this.#options = options;
  }

  /**
   * Its room is free when it returns. Throws `app-not-found`, `snapshot-not-found`, `app-busy`, and `step-failed` where the
   * disk refused: it is no backup any more then, and goes when this is asked for again or the app is next at rest.
   */
  async delete(app: string, copy: string): Promise<void> {
    const { apps, storing } = this.#options;
    const { record } = apps.get(app);
    const isGoing = record.discarded.includes(copy);
    const after = isGoing ? record : requestDeleteCopy(record, copy);
    if (storing(app) === copy)
      throw planFaults.fault("app-busy", "that backup is on its way into the network; wait until it is there");
    await this.#drop(after, copy);
  }

  /**
   * The same of what a rollback would bring back; what the disk refused goes once the app is at rest. Throws `no-rollback`
   * in place of `snapshot-not-found`.
   */
  async deleteRollback(app: string): Promise<void> {
    const { record } = this.#options.apps.get(app);
    await this.#drop(requestDeleteRollback(record), record.rollback?.snapshot?.id);
  }

  /**
   * What nothing needs the lane drops when the app is at rest. One that does not come up never is, and the room of a copy may
   * be what it lacks. What the disk refuses is left for the next time.
   */
  async tidy(): Promise<void> {
    for (const { record } of this.#options.appStore.all()) {
      const { app, change, failure, discarded } = record;
      if (change !== undefined || failure === undefined) continue;
      for (const copy of discarded) await this.#free(app, copy).catch(orOfWorld);
    }
  }

  async #drop(record: AppPlanRecord, copy: string | undefined): Promise<void> {
    const { appStore, changed } = this.#options;
    // What the record says first the lane does, where this is cut off.
    appStore.put(record);
    changed(record.app);
    if (copy !== undefined) await this.#free(record.app, copy, true);
  }

  async #free(app: string, copy: string, needsRoom = false): Promise<void> {
    const { appStore, storage, log } = this.#options;
    try {
      await storage.dropSnapshot(copy);
      if (needsRoom) await storage.freed();
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      log.warn("copy-stays", { app, code: error.code, ...errorFacts(error) });
      throw changeFaults.fault("step-failed", "it could not be deleted yet");
    }
    appStore.deleteSnapshotFacts(copy);
    // Its lane may have gone on meanwhile, or have put the app into the trash, which drops the copy once more.
    const now = appStore.get(app)?.record;
    if (now !== undefined) appStore.put(recordAfter(now, { type: "discarded-gone", snapshots: [copy] }));
  }
}

function orOfWorld(error: unknown): void {
  if (!isOperatingFailure(error)) throw error;
}
