import type { Database } from "../db/database.ts";
import type { Account } from "./types.ts";

interface AccountRow {
  readonly account: Uint8Array;
  readonly owner_public_key: Uint8Array;
  readonly device_key: Uint8Array;
  readonly device_epoch: number;
  readonly device_certificate: Uint8Array;
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
      device: { deviceKey: row.device_key, deviceEpoch: row.device_epoch, signature: row.device_certificate },
    };
  }

  accountOfDevice(deviceKey: Uint8Array): Uint8Array | undefined {
    const row = this.#database.get("SELECT account FROM accounts WHERE device_key = ?", deviceKey);
    return row?.["account"] as Uint8Array | undefined;
  }

  put({ account, ownerPublicKey, device }: Account, nowMs: number): void {
    this.#database.run(
      `INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (account) DO UPDATE SET device_key = excluded.device_key, device_epoch = excluded.device_epoch,
         device_certificate = excluded.device_certificate`,
      account,
      ownerPublicKey,
      device.deviceKey,
      device.deviceEpoch,
      device.signature,
      nowMs,
    );
  }
}
