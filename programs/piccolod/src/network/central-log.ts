import { equalConstantTime } from "@piccolo/bytes";
import type { CentralClient } from "@piccolo/central-api";
import { isFault } from "@piccolo/fault";
import { decodeEntry } from "@piccolo/membership";
import type { Log } from "../adapters/log.ts";
import type { MembershipLog } from "./membership-log.ts";

/**
 * Of an entry that the members have all the same. Central is offered it again each time, and is of use for everything else
 * meanwhile.
 */
const entryRefusals: ReadonlySet<string> = new Set(["quota-reached", "log-full", "entry-untimely"]);

/**
 * Keeps the membership log in step with central's copy, both ways: what was entered while central was away is brought
 * to it. Where central's differs in an entry it is reported, and neither takes anything of the other any more.
 */
export class CentralLog {
  readonly #membership: MembershipLog;
  readonly #log: Log;
  /** Entries that central has as this device has them. */
  #known = 0;
  #differs = false;
  /** Why it did not take the first entry that it lacks. */
  #refusedFor: string | undefined;

  constructor(membership: MembershipLog, log: Log) {
    this.#membership = membership;
    this.#log = log;
  }

  async sync(central: Pick<CentralClient, "readLog" | "append">, signal: AbortSignal): Promise<void> {
    const { state } = this.#membership;
    if (state === undefined) return;
    const { networkId } = state;
    const from = this.#known;
    const entries = await central.readLog(networkId, from, { signal });
    if (this.#isOther(from, entries)) return;
    const taken = this.#membership.read(from, entries);
    this.#known = from + taken;
    // What this device has beside that is made for a place that is taken.
    if (taken < entries.length) return;
    for (;;) {
      const [next] = this.#membership.entriesFrom(this.#known);
      if (next === undefined) return;
      try {
        await central.append(networkId, next, { signal });
      } catch (error) {
        if (isFault(error) && entryRefusals.has(error.code)) return this.#refused(error.code);
        // Another entry came first, and is read the next time; or central has lost what it had.
        if (!isFault(error, "head-moved")) throw error;
        this.#known = 0;
        return;
      }
      this.#known++;
      this.#refusedFor = undefined;
    }
  }

  #refused(code: string): void {
    if (this.#refusedFor !== code) {
      this.#log.warn("central-refused-entry", { code, sequence: this.#known });
    }
    this.#refusedFor = code;
  }

  #isOther(from: number, entries: readonly Uint8Array[]): boolean {
    const { state } = this.#membership;
    const at = entries.findIndex((entry, index) => {
      const own = state?.entryHashes[from + index];
      return own !== undefined && !equalConstantTime(own, decodeEntry(entry).hash);
    });
    if (at < 0) return false;
    this.#known = 0;
    if (!this.#differs) this.#log.error("membership-log-differs", { account: "central", sequence: from + at });
    this.#differs = true;
    return true;
  }
}
