/** The tree the owner sees, its versions and the uploads under way, beside the storage engine's tables. */
export const filesSchema = `
CREATE TABLE node (
  node_id BLOB NOT NULL PRIMARY KEY CHECK (length(node_id) = 16),
  -- Where it lies, or lay before it was put into the trash; NULL for the top folder alone.
  parent_id BLOB REFERENCES node,
  kind TEXT NOT NULL CHECK (kind IN ('folder', 'file')),
  name TEXT NOT NULL,
  -- The name without regard to case: what must be unique in a folder, and what is sorted and searched by.
  name_key TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  modified_at_ms INTEGER NOT NULL,
  version_id BLOB,
  trashed_at_ms INTEGER,
  trashed_from TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX node_by_name ON node (parent_id, name_key) WHERE trashed_at_ms IS NULL;
CREATE INDEX node_by_parent ON node (parent_id);
CREATE INDEX node_trashed ON node (trashed_at_ms, node_id) WHERE trashed_at_ms IS NOT NULL;
INSERT INTO node VALUES (zeroblob(16), NULL, 'folder', '', '', 0, 0, NULL, NULL, NULL);

CREATE TABLE file_version (
  version_id BLOB NOT NULL PRIMARY KEY CHECK (length(version_id) = 16),
  node_id BLOB NOT NULL REFERENCES node,
  size_bytes INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  modified_at_ms INTEGER NOT NULL,
  uploaded_at_ms INTEGER NOT NULL,
  -- When another version took its place; NULL for the current one.
  superseded_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX file_version_by_node ON file_version (node_id, uploaded_at_ms);
CREATE INDEX file_version_superseded ON file_version (superseded_at_ms) WHERE superseded_at_ms IS NOT NULL;

CREATE TABLE upload (
  upload_id BLOB NOT NULL PRIMARY KEY CHECK (length(upload_id) = 16),
  version_id BLOB NOT NULL UNIQUE,
  parent_id BLOB NOT NULL,
  filename TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  modified_at_ms INTEGER,
  on_conflict TEXT NOT NULL CHECK (on_conflict IN ('refuse', 'version', 'rename')),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  -- The file it became; kept for a while, so that a client that missed the answer hears it again.
  node_id BLOB
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
