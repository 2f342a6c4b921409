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
    replaced_ms INTEGER NOT NULL
  ) STRICT;

  CREATE INDEX members_by_account ON members (account);
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
