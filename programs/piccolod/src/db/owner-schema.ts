import { appBackupSchema } from "./app-backup-schema.ts";
import { engineSchema } from "./engine-schema.ts";
import { filesSchema } from "./files-schema.ts";
import { listedCatalogSchema } from "./listed-catalog-schema.ts";
import { logSchema } from "./log-schema.ts";
import { reencryptionSchema } from "./reencryption-schema.ts";

/** The rows of a new owner database: the top folder. */
export const firstContent = "INSERT INTO node VALUES (0, NULL, '', NULL, 0, 0, NULL, NULL, NULL);";

/** What the owner would lose with the device: the tree, the wrapped keys, the placements. Never rolled back. */
export const ownerMigrations: readonly string[] = [
  `${engineSchema}${filesSchema}${logSchema}${firstContent}`,
  reencryptionSchema,
  appBackupSchema,
  listedCatalogSchema,
];

/**
 * What is backed up, in the order in which a snapshot has it; each table's columns are those of its schema. Uploads under
 * way and the log itself stay out. A later schema only adds tables, and columns that may be NULL at the end of a table,
 * so that content and digests of the release before stay what they are.
 */
export const contentTables = [
  "holder_set",
  "media_type",
  "segment",
  "node",
  "version",
  "extent",
  "account_secret",
  "app_chunk",
  "app_backup",
  "listed_catalog",
] as const;
