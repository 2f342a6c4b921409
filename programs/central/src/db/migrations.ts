/** Schema of `central.db`; each string leads one version further and is never changed once released. */
export const centralMigrations: readonly string[] = [
  `
  CREATE TABLE accounts (
    account BLOB PRIMARY KEY,
    owner_public_key BLOB NOT NULL,
    device_key BLOB NOT NULL UNIQUE,
    device_epoch INTEGER NOT NULL,
    device_certificate BLOB NOT NULL,
    registered_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE networks (
    network BLOB PRIMARY KEY,
    founded_by BLOB NOT NULL REFERENCES accounts,
    length INTEGER NOT NULL,
    head_hash BLOB NOT NULL
  ) STRICT;
  CREATE INDEX networks_by_founder ON networks (founded_by);

  CREATE TABLE entries (
    network BLOB NOT NULL REFERENCES networks,
    sequence INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (network, sequence)
  ) STRICT;

  -- What the entries say of who is a member now, for questions that need no whole log.
  CREATE TABLE members (
    network BLOB NOT NULL REFERENCES networks,
    account BLOB NOT NULL,
    device_key BLOB NOT NULL,
    PRIMARY KEY (network, account)
  ) STRICT;
  CREATE INDEX members_by_device_key ON members (device_key);

  CREATE TABLE proposals (
    network BLOB NOT NULL REFERENCES networks,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    bytes BLOB NOT NULL,
    proposed_by BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (network, id)
  ) STRICT;

  CREATE TABLE addresses (
    account BLOB PRIMARY KEY REFERENCES accounts,
    device_key BLOB NOT NULL,
    multiaddrs TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE relays (
    peer_id TEXT PRIMARY KEY,
    multiaddrs TEXT NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE accounts ADD COLUMN key_epoch INTEGER NOT NULL DEFAULT 1;

  -- Keys that spoke for an account once: whoever still signs with one is told what became of it.
  CREATE TABLE former_keys (
    key BLOB PRIMARY KEY,
    account BLOB NOT NULL REFERENCES accounts,
    kind TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    replaced_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX former_keys_by_account ON former_keys (account, kind, epoch);

  -- A body is in its row, or in the file that the row names.
  CREATE TABLE vault_entries (
    account BLOB NOT NULL REFERENCES accounts,
    network BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    head BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    body BLOB,
    file TEXT UNIQUE,
    PRIMARY KEY (account, network, sequence)
  ) STRICT;

  -- What an account uses is asked at every entry: it is summed up from here, not from the rows with their bodies.
  CREATE INDEX vault_entries_by_size ON vault_entries (account, size_bytes);

  CREATE TABLE vault_blobs (
    account BLOB NOT NULL REFERENCES accounts,
    id BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    file TEXT NOT NULL UNIQUE,
    PRIMARY KEY (account, id)
  ) STRICT;
  CREATE INDEX vault_blobs_by_size ON vault_blobs (account, size_bytes);

  CREATE TABLE slots (
    locator BLOB PRIMARY KEY,
    account BLOB NOT NULL REFERENCES accounts,
    slot BLOB NOT NULL
  ) STRICT;
  CREATE INDEX slots_by_account ON slots (account);

  CREATE INDEX members_by_account ON members (account);
  `,
  `
  -- What all accounts together use of the vault, kept up by whatever adds or drops a row.
  CREATE TABLE vault_total (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL) STRICT;
  INSERT INTO vault_total SELECT 1, (SELECT coalesce(sum(size_bytes), 0) FROM vault_entries)
    + (SELECT coalesce(sum(size_bytes), 0) FROM vault_blobs);
  CREATE TRIGGER vault_entry_added AFTER INSERT ON vault_entries
    BEGIN UPDATE vault_total SET bytes = bytes + NEW.size_bytes; END;
  CREATE TRIGGER vault_entry_dropped AFTER DELETE ON vault_entries
    BEGIN UPDATE vault_total SET bytes = bytes - OLD.size_bytes; END;
  CREATE TRIGGER vault_blob_added AFTER INSERT ON vault_blobs
    BEGIN UPDATE vault_total SET bytes = bytes + NEW.size_bytes; END;
  CREATE TRIGGER vault_blob_dropped AFTER DELETE ON vault_blobs
    BEGIN UPDATE vault_total SET bytes = bytes - OLD.size_bytes; END;
  `,
  `
  ALTER TABLE networks ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE networks SET bytes =
    (SELECT coalesce(sum(length(entry)), 0) FROM entries WHERE entries.network = networks.network);

  -- What all logs together count for; summed up anew at each start, since a release may count otherwise.
  CREATE TABLE log_total (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL) STRICT;
  INSERT INTO log_total VALUES (1, 0);
  `,
];

/** Schema of `nonces.db`, a file of its own because it is written with every call and may forget at a power cut. */
export const nonceMigrations: readonly string[] = [
  `
  CREATE TABLE nonces (
    account BLOB NOT NULL,
    nonce BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (account, nonce)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX nonces_by_expiry ON nonces (expires_ms);
  `,
];
