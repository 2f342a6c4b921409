import { chmodSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

export type Row = Readonly<Record<string, unknown>>;

/**
 * What a commit survives: `full` a power cut, `process` the end of this process. A power cut may take the last commits of
 * the second kind, and damages nothing.
 */
export type Durability = "full" | "process";

/** A SQLite file. Statements are prepared once; `transaction` runs what is given as a whole or not at all. */
export class Database {
  readonly #handle: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens or creates the file and brings its schema up to date; `migrations[v]` leads from version v to v + 1. */
  constructor(path: string, migrations: readonly string[], durability: Durability = "full") {
    this.#handle = new DatabaseSync(path, { timeout: 10_000, enableForeignKeyConstraints: true });
    chmodSync(path, 0o600);
    this.#handle.exec("PRAGMA journal_mode = WAL");
    this.#handle.exec(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
    this.transaction(() => {
      const row = this.get("PRAGMA user_version");
      const version = Number(row?.["user_version"]);
      if (version > migrations.length) {
        throw new Error(`${path} was written by a newer version of central (schema ${version}): start that one`);
      }
      for (const migration of migrations.slice(version)) this.#handle.exec(migration);
      this.#handle.exec(`PRAGMA user_version = ${migrations.length}`);
    });
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#handle.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** The first row, if there is one. */
  get(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  all(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#prepare(sql).all(...values);
  }

  /** How many rows the statement changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** `run` is synchronous, so that nothing else of this process can come in between. */
  transaction<Result>(run: () => Result): Result {
    this.#handle.exec("BEGIN IMMEDIATE");
    let result: Result;
    try {
      result = run();
    } catch (error) {
      this.#handle.exec("ROLLBACK");
      throw error;
    }
    this.#handle.exec("COMMIT");
    return result;
  }

  close(): void {
    this.#handle.close();
  }
}
