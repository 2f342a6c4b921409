/** The tree the owner sees and the uploads under way, beside the storage engine's tables. */
export const filesSchema = `
-- Ids are given in order, so that neighbours in time are neighbours on disk, and never twice (AUTOINCREMENT), since
-- clients keep them.
CREATE TABLE node (
  node_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  -- Where it lies, or lay before it was put into the trash; NULL for the top folder alone.
  parent_id INTEGER REFERENCES node,
  name TEXT NOT NULL,
  -- The name without regard to case: what must be unique in a folder, and what is sorted and searched by. NULL where it
  -- is the name itself.
  name_key TEXT CHECK (name_key <> name),
  created_at_ms INTEGER NOT NULL,
  modified_at_ms INTEGER NOT NULL,
  -- A file's current version; NULL makes a folder.
  version_number INTEGER,
  trashed_at_ms INTEGER,
  trashed_from TEXT
) STRICT;
-- Finds what lies in a folder, also what was put into the trash from there, and keeps names apart outside the trash.
CREATE UNIQUE INDEX node_by_name ON node (
  parent_id, coalesce(name_key, name), CASE WHEN trashed_at_ms IS NULL THEN 0 ELSE node_id END
);
CREATE INDEX node_trashed ON node (trashed_at_ms) WHERE trashed_at_ms IS NOT NULL;

-- Few serve all files; kept when no version has one any more.
CREATE TABLE media_type (
  media_type_number INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE upload (
  upload_id BLOB NOT NULL PRIMARY KEY CHECK (length(upload_id) = 16),
  version_id BLOB NOT NULL UNIQUE,
  parent_id INTEGER NOT NULL,
  filename TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  modified_at_ms INTEGER,
  on_conflict TEXT NOT NULL CHECK (on_conflict IN ('refuse', 'version', 'rename')),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  -- The file it became; kept for a while, so that a client that missed the answer hears it again.
  node_id INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_by_expiry ON upload (expires_at_ms);

-- BLAKE3 of the plaintext between two ends, written before the segment it goes into is committed.
CREATE TABLE upload_segment (
  upload_id BLOB NOT NULL REFERENCES upload ON DELETE CASCADE,
  end_bytes INTEGER NOT NULL,
  blake3 BLOB NOT NULL,
  PRIMARY KEY (upload_id, end_bytes)
) STRICT, WITHOUT ROWID;
`;
