/** Backups of apps in the storage network: what of them is known without the owner's keys, and where their bytes are. */
export const appBackupSchema = `
-- A part of a volume, stored as a version of its own and shared by all backups that have it.
CREATE TABLE app_chunk (
  chunk_number INTEGER NOT NULL PRIMARY KEY,
  -- SHA-256 of its content. NULL: it could not be read, so that no further backup shall share it.
  hash BLOB UNIQUE CHECK (length(hash) = 32),
  version_id BLOB NOT NULL UNIQUE CHECK (length(version_id) = 16),
  stored_bytes INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE app_backup (
  backup_id BLOB NOT NULL PRIMARY KEY CHECK (length(backup_id) = 16),
  app_id TEXT NOT NULL,
  taken_at_ms INTEGER NOT NULL,
  -- The document that says all of it, for who has the keys.
  version_id BLOB NOT NULL UNIQUE CHECK (length(version_id) = 16),
  document_bytes INTEGER NOT NULL,
  -- What is shown of it (BackupFacts), as JSON.
  facts TEXT NOT NULL,
  -- Numbers of its chunks, rising, each once, four bytes each.
  chunks BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX app_backup_by_app ON app_backup (app_id, taken_at_ms);
`;
