/** The storage engine's tables in the owner database, as `Metadata` says. */
export const engineSchema = `
CREATE TABLE version (
  version_id BLOB NOT NULL PRIMARY KEY CHECK (length(version_id) = 16),
  wrapped_fek BLOB NOT NULL,
  plain_bytes INTEGER
) STRICT, WITHOUT ROWID;

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
  state TEXT NOT NULL CHECK (state IN ('pending', 'placed', 'dead')),
  created_at_ms INTEGER NOT NULL
) STRICT;
-- SQLite takes a partial index only where its very condition stands in the query.
CREATE INDEX segment_pending ON segment (created_at_ms) WHERE state = 'pending';
CREATE INDEX segment_dead ON segment (created_at_ms) WHERE state = 'dead';
CREATE INDEX segment_under_placed ON segment (created_at_ms) WHERE state = 'placed' AND placed_count < n;

CREATE TABLE extent (
  version_id BLOB NOT NULL REFERENCES version,
  ordinal INTEGER NOT NULL,
  segment_number INTEGER NOT NULL REFERENCES segment,
  offset_bytes INTEGER NOT NULL,
  plain_bytes INTEGER NOT NULL,
  salt BLOB NOT NULL,
  PRIMARY KEY (version_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX extent_by_segment ON extent (segment_number);
`;
