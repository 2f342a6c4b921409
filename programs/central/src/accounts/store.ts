import type { Database } from "../db/database.ts";
import type { Account, FormerKey } from "./types.ts";

interface AccountRow {
  readonly account: Uint8Array;
  readonly owner_public_key: Uint8Array;
  readonly device_key: Uint8Array;
  readonly device_epoch: number;
  readonly device_certificate: Uint8Array;
  readonly key_epoch: number;
}

export class AccountStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(account: Uint8Array): Account | undefined {
    const row = this.#database.get("SELECT * FROM accounts WHERE account = ?", account) as AccountRow | undefined;
    if (row === undefined) return undefined;
    return {
      account: row.account,
      ownerPublicKey: row.owner_public_key,
      keyEpoch: row.key_epoch,
      device: { deviceKey: row.device_key, deviceEpoch: row.device_epoch, signature: row.device_certificate },
    };
  }

  accountOfDevice(deviceKey: Uint8Array): Uint8Array | undefined {
    const row = this.#database.get("SELECT account FROM accounts WHERE device_key = ?", deviceKey);
    return row?.["account"] as Uint8Array | undefined;
  }

  formerKey(key: Uint8Array): FormerKey | undefined {
    const row = this.#database.get("SELECT account, kind, replaced_ms FROM former_keys WHERE key = ?", key) as
      | { readonly account: Uint8Array; readonly kind: FormerKey["kind"]; readonly replaced_ms: number }
      | undefined;
    return row === undefined ? undefined : { account: row.account, kind: row.kind, replacedMs: row.replaced_ms };
  }

  formerDevice(account: Uint8Array, deviceEpoch: number): Uint8Array | undefined {
    const row = this.#database.get(
      "SELECT key FROM former_keys WHERE account = ? AND kind = 'device' AND epoch = ?",
      account,
      deviceEpoch,
    );
    return row?.["key"] as Uint8Array | undefined;
  }

  /** Keys of `before` that `after` has not are remembered: whoever still signs with one hears what became of it. */
  put(after: Account, before: Account | undefined, nowMs: number): void {
    const { account, ownerPublicKey, keyEpoch, device } = after;
    if (before !== undefined && Buffer.compare(before.device.deviceKey, device.deviceKey) !== 0) {
      this.#forgetKey(account, before.device.deviceKey, "device", before.device.deviceEpoch, nowMs);
    }
    if (before !== undefined && Buffer.compare(before.ownerPublicKey, ownerPublicKey) !== 0) {
      this.#forgetKey(account, before.ownerPublicKey, "owner", before.keyEpoch, nowMs);
    }
    this.#database.run(
      `INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (account) DO UPDATE SET device_key = excluded.device_key, device_epoch = excluded.device_epoch,
         device_certificate = excluded.device_certificate, owner_public_key = excluded.owner_public_key,
         key_epoch = excluded.key_epoch`,
      account,
      ownerPublicKey,
      device.deviceKey,
      device.deviceEpoch,
      device.signature,
      nowMs,
      keyEpoch,
    );
  }

  #forgetKey(account: Uint8Array, key: Uint8Array, kind: FormerKey["kind"], epoch: number, nowMs: number): void {
    this.#database.run("INSERT OR IGNORE INTO former_keys VALUES (?, ?, ?, ?, ?)", key, account, kind, epoch, nowMs);
  }
}
