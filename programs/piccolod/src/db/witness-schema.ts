/** What this device keeps as a witness: other members' metadata logs and sealed slots. Nothing of it can be rebuilt. */
export const witnessMigrations: readonly string[] = [
  `
CREATE TABLE witnessed_log (
  account BLOB PRIMARY KEY CHECK (length(account) = 32),
  device_epoch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE witnessed_entry (
  account BLOB NOT NULL CHECK (length(account) = 32),
  sequence INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  head BLOB NOT NULL,
  sealed BLOB NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (account, sequence)
) STRICT;

CREATE TABLE kept_slot (
  locator BLOB PRIMARY KEY CHECK (length(locator) = 32),
  account BLOB NOT NULL CHECK (length(account) = 32),
  slot BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_slot_by_account ON kept_slot (account);
`,
];
