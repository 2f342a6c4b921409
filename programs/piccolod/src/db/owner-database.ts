import { rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { ContentCapture } from "./capture.ts";
import { computeDigest } from "./content-digest.ts";
import { observeTransactions, openDatabase, transact } from "./database.ts";
import { SqliteMetadata } from "./metadata.ts";
import { arrivalPath, SqliteOwnLog } from "./own-log.ts";
import { ownerMigrations } from "./owner-schema.ts";

/** The `owner` database with what sees to its backup: every change of it goes through `transact`. */
export interface OwnerDatabase {
  readonly db: DatabaseSync;
  readonly metadata: SqliteMetadata;
  readonly log: SqliteOwnLog;
  /** Whether the content is what was committed: computes the digest from all rows. */
  verify(): boolean;
  close(): void;
}

/** Opens or creates the owner database. `migrations` are those of this release; tests bring others. */
export function openOwnerDatabase(path: string, migrations: readonly string[] = ownerMigrations): OwnerDatabase {
  const db = openDatabase(path, { name: "owner", synchronous: "FULL", migrations });
  try {
    // A snapshot that was arriving when the process ended is asked for again.
    rmSync(arrivalPath(path), { force: true });
    const schemaVersion = migrations.length;
    const capture = new ContentCapture(db, openDigest(db, schemaVersion));
    observeTransactions(db, capture);
    const metadata = new SqliteMetadata(db);
    const log = new SqliteOwnLog({ db, path, schemaVersion, capture });
    log.onReplaced(() => metadata.contentReplaced());
    return {
      db,
      metadata,
      log,
      verify: () => Buffer.from(computeDigest(db)).equals(capture.digest()),
      close: () => db.close(),
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * The digest of the content as it was committed. A new database gets its first one; where a migration ran it is taken
 * anew, and a checkpoint becomes due, since no changeset tells of a migration.
 */
function openDigest(db: DatabaseSync, schemaVersion: number): Uint8Array {
  const known = db.prepare("SELECT digest, schema_version AS version FROM log_position").get() as
    | { readonly digest: Uint8Array; readonly version: number }
    | undefined;
  if (known?.version === schemaVersion) return known.digest;
  const digest = computeDigest(db);
  transact(db, () => {
    if (known === undefined) {
      db.prepare("INSERT INTO log_position VALUES (1, 0, zeroblob(32), 0, 0, 0, ?, ?, 0)").run(digest, schemaVersion);
    } else {
      db.prepare("UPDATE log_position SET digest = ?, schema_version = ?, checkpoint_due = 1").run(
        digest,
        schemaVersion,
      );
    }
  });
  return digest;
}
