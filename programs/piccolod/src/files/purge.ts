import type { DatabaseSync } from "node:sqlite";
import type { Task } from "@piccolo/device-api";
import type { OwnerEngine } from "@piccolo/storage/owner";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { transact } from "../db/database.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { FileStore, NodeRow, VersionRow } from "./store.ts";
import type { Tree } from "./tree.ts";
import { keepMs, rootId } from "./types.ts";
import type { Uploads } from "./uploads.ts";

const intervalMs = 3_600_000;
/** Until what forbade the work is looked at again. */
const waitMs = 300_000;
/** Nodes removed in one transaction, so that nobody waits long for the database and its commit fits an entry of the log. */
const batch = 200;
/** So many extents count as one node more. */
const extentsPerNode = 100;

export interface PurgeOptions {
  readonly db: DatabaseSync;
  readonly store: FileStore;
  readonly tree: Tree;
  readonly engine: () => OwnerEngine;
  readonly uploads: Uploads;
  readonly tasks: Tasks;
  readonly world: World;
  readonly log: Log;
  /** Nothing is removed while this is false. */
  readonly mayWork: () => boolean;
  readonly changed: (folders: readonly string[]) => void;
}

/** Removes for good what was in the trash, or was an older version, for long enough, and uploads nobody finished. */
export class Purge {
  readonly #options: PurgeOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PurgeOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Removes one entry of the trash now. Throws `not-in-trash`. */
  async one(id: string): Promise<void> {
    const { tree, changed } = this.#options;
    const node = tree.trashed(id);
    while (this.#removeSome(node)) await this.#breathe();
    changed(["trash"]);
  }

  /** Empties the trash as a task. */
  all(): Task {
    const { store, tasks, changed, world } = this.#options;
    return tasks.start({
      kind: "purge-trash",
      step: "Emptying the trash",
      cancellable: true,
      work: async ({ signal, report }) => {
        const total = store.trashedCount();
        const beforeMs = world.nowMs();
        let done = 0;
        for (
          let [node] = store.trashedBefore(beforeMs, 1);
          node !== undefined;
          [node] = store.trashedBefore(beforeMs, 1)
        ) {
          signal.throwIfAborted();
          while (this.#removeSome(node)) {
            await this.#breathe();
            signal.throwIfAborted();
          }
          report("Emptying the trash", ++done, total);
          changed(["trash"]);
        }
        return { removed: done };
      },
    });
  }

  /** Everything that is due by now. */
  async due(): Promise<void> {
    const { store, world, uploads, changed } = this.#options;
    const beforeMs = world.nowMs() - keepMs;
    for (let [node] = store.trashedBefore(beforeMs, 1); node !== undefined; [node] = store.trashedBefore(beforeMs, 1)) {
      while (this.#removeSome(node)) await this.#breathe();
      changed(["trash"]);
    }
    while (this.#removeOldVersions(beforeMs)) await this.#breathe();
    while (this.#removeOrphans()) await this.#breathe();
    uploads.expire();
  }

  async #run(): Promise<void> {
    const { world, log, mayWork } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const may = mayWork();
      try {
        if (may) await this.due();
      } catch (error) {
        // Removing can wait; the owner's reads and writes cannot.
        log.error("purge-failed", errorFacts(error));
      }
      await world.sleep(may ? intervalMs : waitMs, signal).catch(() => undefined);
    }
  }

  #removeOldVersions(beforeMs: number): boolean {
    const { db, store } = this.#options;
    return transact(db, () =>
      this.#removeVersions(store.supersededBefore(beforeMs, batch).map((row) => row.version_id)),
    );
  }

  /**
   * Versions under way that nobody goes on with: after a restore, since uploads are not backed up, and what was written
   * unattended when the power went. A whole version that no file shows is somebody else's.
   */
  #removeOrphans(): boolean {
    const { db, store, engine } = this.#options;
    const isLeft = (id: Uint8Array): boolean => !engine().isUnattended(id);
    return transact(db, () => this.#removeVersions(store.orphans(batch).filter(isLeft)));
  }

  /** Removes the first of the versions, as many as go into one transaction; whether there may be more. */
  #removeVersions(ids: readonly Uint8Array[]): boolean {
    let left = batch;
    for (const id of ids) {
      if (left <= 0) break;
      left -= this.#removeVersion(id);
    }
    return ids.length === batch || left <= 0;
  }

  /** Returns what it counts for. */
  #removeVersion(id: Uint8Array): number {
    const { engine } = this.#options;
    const extents = engine().extentBytes(id).length;
    engine().removeVersion(id);
    return 1 + Math.floor(extents / extentsPerNode);
  }

  /** Removes a part of what hangs on the node, deepest first, and at last the node; false when nothing is left. */
  #removeSome(node: NodeRow): boolean {
    const { db, store } = this.#options;
    return transact(db, () => {
      let left = batch;
      // Two entries of the trash may once have lain in one another; each goes by its own time.
      const remove = (id: number): boolean => {
        for (const child of store.children(id, batch)) {
          if (left <= 0) return false;
          if (child.trashed_at_ms !== null) {
            store.reparent(child.node_id, rootId);
            left--;
          } else if (!remove(child.node_id)) return false;
        }
        if (left <= 0 || store.children(id, 1).length > 0) return false;
        // The current one last: the node names it as long as it stands.
        const versions = store.versions(id);
        const isCurrent = (row: VersionRow): boolean => row.superseded_at_ms === null;
        for (const version of [...versions.filter((row) => !isCurrent(row)), ...versions.filter(isCurrent)]) {
          if (left <= 0) return false;
          left -= this.#removeVersion(version.version_id);
        }
        store.deleteNode(id);
        left--;
        return true;
      };
      return store.node(node.node_id) !== undefined && !remove(node.node_id);
    });
  }

  /** Lets requests in between two transactions. */
  async #breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
