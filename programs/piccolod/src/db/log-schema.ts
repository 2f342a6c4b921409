/** The owner database's log of its own changes (docs/spec/metadata-content.md). */
export const logSchema = `
-- What was committed and is in no entry yet: a row a commit, written by the commit itself.
CREATE TABLE outbox (
  commit_number INTEGER NOT NULL PRIMARY KEY,
  changes BLOB NOT NULL,
  -- Of the content after the commit.
  digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TABLE log_entry (
  sequence INTEGER NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('delta', 'checkpoint')),
  head BLOB NOT NULL,
  sealed BLOB NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  device_epoch INTEGER NOT NULL
) STRICT;

-- One row.
CREATE TABLE log_position (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  device_epoch INTEGER NOT NULL,
  checkpoint INTEGER NOT NULL,
  witnessed INTEGER NOT NULL,
  -- Of the content after the newest entry; the newest commit's stands in the outbox while one waits.
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  -- Of the tables when the digest was taken: another one than the database's means that a migration ran.
  schema_version INTEGER NOT NULL,
  checkpoint_due INTEGER NOT NULL CHECK (checkpoint_due IN (0, 1))
) STRICT;
`;
