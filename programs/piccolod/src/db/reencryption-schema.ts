/** What giving all files new keys needs to know, and what is under way of it. */
export const reencryptionSchema = `
-- The key epoch in which the version's FEK was made, whatever epoch wraps it now. NULL: the first, or not known, since
-- the version is older than this column.
ALTER TABLE version ADD COLUMN fek_epoch INTEGER CHECK (fek_epoch > 1);

-- A version under way that is to take the place of a large one, both by their ids. No part of the backup: without it,
-- after a restore, the one under way is a version nobody goes on with.
CREATE TABLE replacement (
  version_id BLOB NOT NULL PRIMARY KEY CHECK (length(version_id) = 16),
  replaces BLOB NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- At most one row: that the owner wants it, and how much there was to do.
CREATE TABLE reencryption (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  versions INTEGER NOT NULL,
  plain_bytes INTEGER NOT NULL
) STRICT;
`;
