/** Uninstalled apps: their data is kept for a while, can be brought back, and goes when it is due or when its owner says so. */
import { orAborted } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { isOperatingFailure } from "../operating-failure.ts";
import { decideTrash } from "./decide.ts";
import { planFaults } from "./requests.ts";
import type { AppStorage } from "./runtime/app-storage.ts";
import type { AppStore } from "./store.ts";
import { appFaults, changeFaults, type TrashedPlace } from "./types.ts";

export interface TrashOptions {
  readonly store: AppStore;
  readonly storage: AppStorage;
  readonly world: World;
  readonly log: Log;
  readonly changed: (app: string) => void;
  /** Whether what is done for good by the clock may be done. */
  readonly mayWork: () => boolean;
}

export class Trash {
  readonly #options: TrashOptions;

  constructor(options: TrashOptions) {
    this.#options = options;
  }

  all(): readonly TrashedPlace[] {
    // What is to go at once, as what a restore drill leaves, is nobody's to bring back.
    return this.#options.store.trash().filter(({ trash }) => !trash.purge);
  }

  /** Throws `app-not-found`. */
  get(id: string): TrashedPlace {
    const found = this.all().find(({ trash }) => trash.id === id);
    if (found === undefined) {
      throw appFaults.fault("app-not-found", "there is no such app in the trash any more; look at the list again");
    }
    return found;
  }

  /** It goes with the next tidying. Throws `app-not-found`, `app-busy`. */
  markForPurge(id: string): void {
    const { store } = this.#options;
    const { trash } = this.get(id);
    if (store.get(trash.app)?.record.trash === id) {
      throw planFaults.fault("app-busy", `${trash.app} is on its way into the trash, or out of it; wait a moment`);
    }
    store.putTrash({ ...trash, purge: true });
  }

  /** One that cannot be deleted now holds up no other one, and is tried again the next time. */
  async tidy(): Promise<void> {
    const { store, log } = this.#options;
    for (const { trash } of store.trash()) {
      // What was there at first may have been brought back while another one went.
      const one = store.trash().find((now) => now.trash.id === trash.id);
      if (one === undefined) continue;
      try {
        await this.#tidyOne(one);
      } catch (error) {
        if (!isOperatingFailure(error)) throw error;
        log.warn("trash-stays", { app: trash.app, code: error.code, ...errorFacts(error) });
      }
    }
  }

  async #tidyOne({ trash, ...place }: TrashedPlace): Promise<void> {
    const { store, world, storage, log, changed, mayWork } = this.#options;
    const inUse = store.get(trash.app)?.record;
    const { steps } = decideTrash(trash, inUse, mayWork() ? world.nowMs() : undefined);
    // While it goes, which takes a while, nobody brings back what is left of it.
    if (steps.length > 0 && !trash.purge) store.putTrash({ ...trash, purge: true });
    for (const step of steps) {
      if (step.do === "record") {
        store.deleteTrash(trash.id, place.slot);
        changed(trash.app);
      } else if (step.do === "purge-trash") {
        for (const id of step.snapshots) {
          await storage.dropSnapshot(id);
          store.deleteSnapshotFacts(id);
        }
        await storage.purgeTrash(step.trash);
        log.info("app-purged", { app: trash.app, installedAgain: inUse !== undefined });
      }
    }
  }

  /**
   * Resolves when its room is free: nothing of it is left, or of whatever is due where none is named. Throws `step-failed`, and what
   * the signal says: what is left then goes by itself.
   */
  async purged(id: string | undefined, signal: AbortSignal): Promise<void> {
    const { store, storage, log } = this.#options;
    await this.tidy();
    const isThere = id !== undefined && store.trash().some(({ trash }) => trash.id === id);
    if (isThere) throw changeFaults.fault("step-failed", "It could not be deleted yet.");
    try {
      await orAborted(storage.freed(), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isOperatingFailure(error)) throw error;
      log.warn("room-stays", { code: error.code, ...errorFacts(error) });
      throw changeFaults.fault("step-failed", "It is deleted, and its room is free only after the next start.");
    }
  }
}
