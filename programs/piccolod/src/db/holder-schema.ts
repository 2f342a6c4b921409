/** The index of other members' fragments: derived from the fragment files, so a crash may take its last rows. */
export const holderMigrations: readonly string[] = [
  `
CREATE TABLE held_fragment (
  account BLOB NOT NULL CHECK (length(account) = 32),
  segment_id BLOB NOT NULL CHECK (length(segment_id) = 16),
  fragment_index INTEGER NOT NULL,
  root BLOB NOT NULL,
  size_bytes INTEGER NOT NULL,
  stored_at_ms INTEGER NOT NULL,
  PRIMARY KEY (account, segment_id)
) STRICT, WITHOUT ROWID;
`,
];
