/** The storage engine's tables in the owner database, as `Metadata` says. */
export const engineSchema = `
-- A version's key and content, and beside it what the tree shows of it (files-schema.ts) once it is complete: one row.
CREATE TABLE version (
  version_number INTEGER NOT NULL PRIMARY KEY,
  version_id BLOB NOT NULL UNIQUE CHECK (length(version_id) = 16),
  wrapped_fek BLOB NOT NULL,
  -- NULL while extents still come.
  plain_bytes INTEGER,
  -- The extent with ordinal 0, the only one of most versions; NULL before it is committed. Others are in extent.
  segment_number INTEGER REFERENCES segment,
  offset_bytes INTEGER,
  extent_bytes INTEGER,
  salt BLOB,
  -- The file it is a version of; NULL until it is shown. No foreign key: looking for the versions of a node that goes
  -- would take an index over all of them, and the tree finds them by the node's current version and those superseded.
  node_id INTEGER,
  media_type_number INTEGER REFERENCES media_type,
  modified_at_ms INTEGER,
  uploaded_at_ms INTEGER,
  -- When another version took its place; NULL for the current one.
  superseded_at_ms INTEGER,
  CHECK ((segment_number IS NULL) = (salt IS NULL))
) STRICT;
CREATE INDEX version_by_segment ON version (segment_number);
CREATE INDEX version_not_shown ON version (version_number) WHERE node_id IS NULL;
CREATE INDEX version_superseded ON version (node_id, uploaded_at_ms) WHERE superseded_at_ms IS NOT NULL;
CREATE INDEX version_by_age ON version (superseded_at_ms) WHERE superseded_at_ms IS NOT NULL;

-- The accounts of a segment's holders, 32 bytes each, beginning with the smallest: few sets serve all segments.
CREATE TABLE holder_set (
  holder_set_id INTEGER NOT NULL PRIMARY KEY,
  accounts BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE segment (
  segment_number INTEGER NOT NULL PRIMARY KEY,
  segment_id BLOB NOT NULL UNIQUE CHECK (length(segment_id) = 16),
  segment_root BLOB NOT NULL,
  k INTEGER NOT NULL,
  n INTEGER NOT NULL,
  sealed_bytes INTEGER NOT NULL,
  fragment_bytes INTEGER NOT NULL,
  holder_set_id INTEGER NOT NULL REFERENCES holder_set,
  rotation INTEGER NOT NULL,
  -- Bit i of byte i / 8: the fragment with index i is fsynced by its holder.
  placed BLOB NOT NULL,
  placed_count INTEGER NOT NULL,
  -- 0 pending, 1 placed, 2 dead.
  state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
  created_at_ms INTEGER NOT NULL
) STRICT;
-- SQLite takes a partial index only where its very condition stands in the query.
CREATE INDEX segment_pending ON segment (created_at_ms) WHERE state = 0;
CREATE INDEX segment_dead ON segment (created_at_ms) WHERE state = 2;
CREATE INDEX segment_under_placed ON segment (created_at_ms) WHERE state = 1 AND placed_count < n;

-- The extents after a version's first one.
CREATE TABLE extent (
  version_number INTEGER NOT NULL REFERENCES version,
  ordinal INTEGER NOT NULL CHECK (ordinal > 0),
  segment_number INTEGER NOT NULL REFERENCES segment,
  offset_bytes INTEGER NOT NULL,
  plain_bytes INTEGER NOT NULL,
  salt BLOB NOT NULL,
  PRIMARY KEY (version_number, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX extent_by_segment ON extent (segment_number);

-- Secrets that outlive epochs and that the owner's data cannot be used without.
CREATE TABLE account_secret (
  name TEXT NOT NULL PRIMARY KEY,
  secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`;
