import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Task } from "@piccolo/device-api";
import { transact } from "../db/database.ts";

/** Tasks in the control database, as the interface shows them. */
export class TaskStore {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #all: StatementSync;
  readonly #deleteOldest: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#put = db.prepare("INSERT OR REPLACE INTO task VALUES (?, ?, ?)");
    this.#all = db.prepare("SELECT task FROM task ORDER BY started_at_ms DESC, task_id");
    this.#deleteOldest = db.prepare(
      "DELETE FROM task WHERE task_id IN (SELECT task_id FROM task ORDER BY started_at_ms DESC LIMIT -1 OFFSET ?)",
    );
  }

  put(task: Task, most: number): void {
    transact(this.#db, () => {
      this.#put.run(task.id, task.startedAtMs, JSON.stringify(task));
      this.#deleteOldest.run(most);
    });
  }

  /** Latest first. */
  all(): readonly Task[] {
    return (this.#all.all() as { task: string }[]).map(({ task }) => JSON.parse(task) as Task);
  }
}
