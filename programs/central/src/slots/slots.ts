import { toHex } from "@piccolo/bytes";
import { centralFaults, recoveryVerifier } from "@piccolo/central-api";
import { decideSlot, type SealedSlot, verifyLocatorProof, verifySealedSlot } from "@piccolo/envelope";
import type { Account } from "../accounts/types.ts";
import type { Database } from "../db/database.ts";
import type { RateLimiter } from "../http/rate-limit.ts";
import type { Challenges } from "./challenges.ts";
import type { SlotStore } from "./store.ts";

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export interface SlotSearch {
  readonly locator: Uint8Array;
  readonly locatorKey: Uint8Array;
  readonly challenge: Uint8Array;
  readonly signature: Uint8Array;
}

/** Sealed recovery slots: kept for accounts, given to whoever proves to hold the phrase. */
export class Slots {
  readonly #database: Database;
  readonly #store: SlotStore;
  readonly #challenges: Challenges;
  readonly #perLocator: RateLimiter;

  constructor(database: Database, store: SlotStore, challenges: Challenges, perLocator: RateLimiter) {
    this.#database = database;
    this.#store = store;
    this.#challenges = challenges;
    this.#perLocator = perLocator;
  }

  /**
   * Keeps the account's newest slot. Throws `account-mismatch`, `owner-key-rotated`, `slot-refused` and what
   * `verifySealedSlot` says against it.
   */
  put(account: Account, bytes: Uint8Array): SealedSlot {
    const slot = verifySealedSlot(bytes);
    if (!equal(slot.account, account.account)) {
      throw centralFaults.fault("account-mismatch", "the slot is another account's");
    }
    this.#database.transaction(() => {
      const kept = this.#store.keptWith(slot.account, slot.locator);
      const same = kept.some((other) => equal(other, bytes));
      if (!same && slot.epoch < account.keyEpoch) {
        throw centralFaults.fault("owner-key-rotated", "the slot is of an older owner key: seal one of the newest", {
          details: { keyEpoch: account.keyEpoch },
        });
      }
      const decision = decideSlot(kept.map(verifySealedSlot), slot, same);
      if (decision.decision === "refuse") {
        throw centralFaults.fault("slot-refused", `central keeps another slot (${decision.reason})`, {
          details: { reason: decision.reason },
        });
      }
      if (decision.decision === "kept-already") return;
      for (const { locator } of decision.forget) this.#store.delete(locator);
      this.#store.put(slot.account, slot.locator, bytes);
    });
    return slot;
  }

  challenge(): { readonly challenge: Uint8Array; readonly expiresAtMs: number } {
    return this.#challenges.issue();
  }

  /**
   * The slot under a locator, for who holds its key; `host` is central's as the caller sees it. The proof is checked
   * before anything is looked up, and the same is done for every locator, so that what an answer takes tells nothing of
   * which ones exist. Throws `challenge-refused`, `call-signature`, `rate-limited`, `unknown-slot`.
   */
  find({ locator, locatorKey, challenge, signature }: SlotSearch, host: string): Uint8Array {
    this.#challenges.take(challenge);
    const audience = { verifier: recoveryVerifier(host), challenge };
    if (!verifyLocatorProof(locator, { locatorKey, signature }, audience)) {
      throw centralFaults.fault("call-signature", "the proof does not fit the locator: enter the phrase again");
    }
    // Only whoever has the key uses up its attempts, so that nobody locks an owner out.
    this.#perLocator.take(toHex(locator));
    const slot = this.#store.find(locator);
    if (slot === undefined) {
      throw centralFaults.fault(
        "unknown-slot",
        "central has no slot for this phrase: compare the words, or ask a member",
      );
    }
    return slot;
  }
}
