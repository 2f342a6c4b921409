import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transact } from "./database.ts";

/** `mask-key`: what pads segments and masks copies (docs/spec/fragment.md, 2), 32 bytes; it outlives every epoch. */
export type AccountSecretName = "mask-key";

/** Secrets of the account that come back with the owner's database. */
export class AccountSecrets {
  readonly #db: DatabaseSync;
  readonly #get: StatementSync;
  readonly #put: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#get = db.prepare("SELECT secret FROM account_secret WHERE name = ?");
    this.#put = db.prepare("INSERT INTO account_secret VALUES (?, ?)");
  }

  /** Undefined before the claim made it. */
  find(name: AccountSecretName): Uint8Array | undefined {
    return (this.#get.get(name) as { secret: Uint8Array } | undefined)?.secret;
  }

  /** The secret, made by `make` where there is none yet. */
  ensure(name: AccountSecretName, make: () => Uint8Array): Uint8Array {
    return transact(this.#db, () => {
      const known = this.find(name);
      if (known !== undefined) return known;
      const secret = make();
      this.#put.run(name, secret);
      return secret;
    });
  }
}
