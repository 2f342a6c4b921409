import { callToleranceMs } from "@piccolo/central-api";
import type { Database } from "../db/database.ts";

const sweepEvery = 1_000;

/**
 * Which signed calls were taken, for as long as their time would be accepted. On disk, so that a restart does not open
 * the door to yesterday's calls; every call is harmless when repeated by itself, so a power cut may forget the last ones.
 */
export class Nonces {
  readonly #database: Database;
  #untilSweep = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Whether a call with the nonce was taken. */
  isTaken(account: Uint8Array, nonce: Uint8Array): boolean {
    return this.#database.get("SELECT 1 FROM nonces WHERE account = ? AND nonce = ?", account, nonce) !== undefined;
  }

  /** Whether this is the first call with the nonce; from then on it is not. */
  claim(account: Uint8Array, nonce: Uint8Array, callMs: number, nowMs: number): boolean {
    if (this.#untilSweep-- <= 0) {
      this.#database.run("DELETE FROM nonces WHERE expires_ms < ?", nowMs);
      this.#untilSweep = sweepEvery;
    }
    const expiresMs = callMs + callToleranceMs;
    return this.#database.run("INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", account, nonce, expiresMs) === 1;
  }
}
