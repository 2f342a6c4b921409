/** Settings, sessions, tasks and apps, the network's log: what is rolled back together with the system. */
export const controlMigrations: readonly string[] = [
  `
CREATE TABLE session (
  -- SHA-256 of the cookie's token, so that who reads the database cannot sign in.
  token_hash BLOB NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotent_reply (
  token_hash BLOB NOT NULL REFERENCES session ON DELETE CASCADE,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  status INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (token_hash, key)
) STRICT;
CREATE INDEX idempotent_reply_by_age ON idempotent_reply (created_at_ms);

CREATE TABLE task (
  task_id TEXT NOT NULL PRIMARY KEY,
  started_at_ms INTEGER NOT NULL,
  -- The task as the interface shows it, as JSON.
  task TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE membership_entry (
  sequence INTEGER NOT NULL PRIMARY KEY,
  entry BLOB NOT NULL
) STRICT;

CREATE TABLE peer (
  -- Account id, lower-case hex.
  account TEXT NOT NULL PRIMARY KEY,
  last_seen_ms INTEGER NOT NULL,
  domain TEXT,
  -- Multiaddrs, a JSON array: where the device was last heard to listen, for the time central is away.
  addresses TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE own_invitation (
  invitation_id TEXT NOT NULL PRIMARY KEY,
  -- The invitation with its secret: whoever knows it may join, once, until it is used or expires.
  text TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE app_place (
  -- Names the app's bridges and addresses.
  slot INTEGER NOT NULL PRIMARY KEY,
  -- First of the 65,536 ids of the host that stand for the app's own; the owners of files in its volumes.
  id_start INTEGER NOT NULL UNIQUE,
  installed_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE app (
  app_id TEXT NOT NULL PRIMARY KEY,
  slot INTEGER NOT NULL UNIQUE REFERENCES app_place,
  -- What shall be, and how far a change has come (AppPlanRecord), as JSON.
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE app_trash (
  trash_id TEXT NOT NULL PRIMARY KEY,
  slot INTEGER NOT NULL UNIQUE REFERENCES app_place,
  -- TrashRecord, as JSON.
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE app_secret (
  slot INTEGER NOT NULL REFERENCES app_place ON DELETE CASCADE,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (slot, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE app_key (
  -- Signs the cookies of app hosts.
  purpose TEXT NOT NULL PRIMARY KEY,
  key BLOB NOT NULL CHECK (length(key) = 32)
) STRICT, WITHOUT ROWID;
`,
  `
-- What belongs to a copy of an app's data beside the data.
CREATE TABLE app_snapshot (
  snapshot_id TEXT NOT NULL PRIMARY KEY,
  -- First of the ids that own its files.
  id_start INTEGER NOT NULL,
  -- By name, as JSON.
  secrets TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How backing up an app goes (BackupNotes), as JSON. The backups themselves are in the owner database.
CREATE TABLE app_backup_notes (
  app_id TEXT NOT NULL PRIMARY KEY,
  notes TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`,
  `
-- Catalogs the owner added, as they were last fetched.
CREATE TABLE app_catalog (
  catalog_id TEXT NOT NULL PRIMARY KEY,
  -- Of the folder with its files.
  address TEXT NOT NULL,
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  content BLOB NOT NULL,
  signature BLOB NOT NULL CHECK (length(signature) = 64),
  fetched_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest that was ever taken under a key, of catalogs that are gone, too: an older one is refused.
CREATE TABLE app_catalog_seen (
  catalog_id TEXT NOT NULL PRIMARY KEY,
  sequence INTEGER NOT NULL,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`,
  `
-- Of the last look for a newer one, where it failed: a fault's code, and when.
ALTER TABLE app_catalog ADD COLUMN failed_code TEXT;
ALTER TABLE app_catalog ADD COLUMN failed_at_ms INTEGER;
`,
  `
-- What has happened to an app, as AppEvent in JSON: the newest of each.
CREATE TABLE app_event (
  slot INTEGER NOT NULL REFERENCES app_place ON DELETE CASCADE,
  number INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  event TEXT NOT NULL,
  PRIMARY KEY (slot, number)
) STRICT, WITHOUT ROWID;
`,
  `
-- 1 once the owner database lists it; NULL of one from before it did, which is put there as soon as it may be changed.
ALTER TABLE app_catalog ADD COLUMN adopted INTEGER;
`,
];
