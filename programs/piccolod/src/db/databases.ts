import type { DatabaseSync } from "node:sqlite";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { controlMigrations } from "./control-schema.ts";
import { openDatabase } from "./database.ts";
import { SqliteHolderIndex } from "./holder-index.ts";
import { holderMigrations } from "./holder-schema.ts";
import { openOwnerDatabase, type OwnerDatabase } from "./owner-database.ts";
import { witnessMigrations } from "./witness-schema.ts";
import { SqliteWitnessStore } from "./witness-store.ts";

/** The four databases of a device. */
export interface Databases {
  readonly control: DatabaseSync;
  readonly owner: OwnerDatabase;
  readonly holderIndex: SqliteHolderIndex;
  readonly witnessStore: SqliteWitnessStore;
}

/** Opens or creates them; `atClose` gets what closes each. */
export function openDatabases(content: DurableFolder, atClose: (closer: () => void) => void): Databases {
  const open = (name: string, migrations: readonly string[], synchronous: "FULL" | "NORMAL" = "FULL"): DatabaseSync => {
    const db = openDatabase(content.file(`${name}.db`), { name, synchronous, migrations });
    atClose(() => db.close());
    return db;
  };
  const control = open("control", controlMigrations);
  const owner = openOwnerDatabase(content.file("owner.db"));
  atClose(() => owner.close());
  return {
    control,
    owner,
    holderIndex: new SqliteHolderIndex(open("holder", holderMigrations, "NORMAL")),
    witnessStore: new SqliteWitnessStore(open("witness", witnessMigrations)),
  };
}
