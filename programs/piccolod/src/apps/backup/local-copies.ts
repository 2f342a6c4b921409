/** Copies of an app's data on the device that its owner gives up for the room they take. */
import { errorFacts, type Log } from "../../adapters/log.ts";
import type { Apps } from "../apps.ts";
import type { AppPlanRecord } from "../plan-types.ts";
import { recordAfter } from "../record.ts";
import { planFaults, requestDeleteCopy, requestDeleteRollback } from "../requests.ts";
import type { AppStorage } from "../runtime/app-storage.ts";
import { isOfWorld } from "../step-failure.ts";
import type { AppStore } from "../store.ts";
import { changeFaults } from "../types.ts";

export interface LocalCopiesOptions {
  readonly apps: Pick<Apps, "get">;
  readonly appStore: Pick<AppStore, "put" | "deleteSnapshotFacts">;
  readonly storage: Pick<AppStorage, "dropSnapshot">;
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
  delete(app: string, copy: string): void {
    const { apps, storing } = this.#options;
    const { record } = apps.get(app);
    const isGoing = record.discarded.includes(copy);
    const after = isGoing ? record : requestDeleteCopy(record, copy);
    if (storing(app) === copy) throw planFaults.fault("app-busy", "that backup is on its way into the network");
    this.#drop(after, copy);
  }

  /**
   * The same of what a rollback would bring back; what the disk refused goes once the app is at rest. Throws `no-rollback`
   * in place of `snapshot-not-found`.
   */
  deleteRollback(app: string): void {
    const { record } = this.#options.apps.get(app);
    this.#drop(requestDeleteRollback(record), record.rollback?.snapshot?.id);
  }

  /**
   * What nothing needs the lane drops when the app is at rest. An app that has no room to come up never is, so the copy goes
   * here: what the record says first, the lane does after a crash.
   */
  #drop(record: AppPlanRecord, copy: string | undefined): void {
    const { appStore, storage, log, changed } = this.#options;
    appStore.put(record);
    changed(record.app);
    if (copy === undefined) return;
    try {
      storage.dropSnapshot(copy);
    } catch (error) {
      if (!isOfWorld(error)) throw error;
      log.warn("copy-stays", { app: record.app, code: error.code, ...errorFacts(error) });
      throw changeFaults.fault("step-failed", "it could not be deleted yet");
    }
    appStore.deleteSnapshotFacts(copy);
    appStore.put(recordAfter(record, { type: "discarded-gone", snapshots: [copy] }));
  }
}
