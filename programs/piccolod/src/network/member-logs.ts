import { setImmediate } from "node:timers/promises";
import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { WitnessClient } from "@piccolo/storage/ports";
import type { Hello } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import type { MembershipLog } from "./membership-log.ts";

const readLimitMs = 15_000;
/** One member is read at most this often: whoever says to have news and has none costs little. */
const readPauseMs = 2_000;

export interface MemberLogsOptions {
  readonly membership: MembershipLog;
  readonly client: () => WitnessClient;
  readonly world: World;
  readonly log: Log;
  readonly stopping: AbortSignal;
}

/**
 * Keeps the membership log in step with the other members' when central is away: what a greeting shows to be longer is
 * read from whoever greeted. Entries pass every rule, whoever brings them; a log that differs in an entry is reported and
 * overwrites nothing.
 */
export class MemberLogs {
  readonly #options: MemberLogsOptions;
  readonly #reading = new Map<string, number>();
  readonly #forks = new Set<string>();
  readonly #ahead = new Set<string>();

  constructor(options: MemberLogsOptions) {
    this.#options = options;
  }

  /** A member's greeting showed this log. Resolves when whatever follows from it is done. */
  async noticed(account: string, { networkId, logLength, headHash }: Hello): Promise<void> {
    const { state } = this.#options.membership;
    if (state === undefined || toHex(networkId) !== toHex(state.networkId)) return;
    if (logLength <= state.length) {
      const ours = state.entryHashes[logLength - 1];
      if (ours !== undefined && toHex(ours) !== toHex(headHash)) this.#forked(account, logLength - 1);
      return;
    }
    const { world } = this.#options;
    const lastMs = this.#reading.get(account);
    if (lastMs !== undefined && world.monotonicMs() - lastMs < readPauseMs) return;
    this.#reading.set(account, world.monotonicMs());
    await this.#read(account);
  }

  async #read(account: string): Promise<void> {
    const { membership, client, log, stopping } = this.#options;
    try {
      for (;;) {
        const from = membership.state?.length ?? 0;
        const limit = AbortSignal.any([stopping, this.#limit()]);
        const { logLength, entries } = await client().readLog(account, from, limit);
        if (entries.length === 0) return;
        const taken = membership.read(from, entries);
        if (taken < entries.length) {
          this.#aheadOfTime(account, from + taken);
          return;
        }
        if ((membership.state?.length ?? 0) >= logLength) return;
        // Each page takes a while to check, and the device has more to do.
        await setImmediate();
      }
    } catch (error) {
      if (stopping.aborted) return;
      if (isFault(error, "membership-forked")) {
        this.#forked(account, membership.state?.length ?? 0);
        return;
      }
      log.warn("member-log-not-read", { account, ...errorFacts(error) });
    }
  }

  #limit(): AbortSignal {
    const abort = new AbortController();
    const { world, stopping } = this.#options;
    world.sleep(readLimitMs, stopping).then(
      () => abort.abort(new Error("the member's log did not come in time")),
      () => undefined,
    );
    return abort.signal;
  }

  /** Once for each member and place: it does not go away by itself. */
  #forked(account: string, sequence: number): void {
    if (!isFirst(this.#forks, `${account}:${sequence}`)) return;
    this.#options.log.error("membership-log-differs", { account, sequence });
  }

  /** Whoever has the entry is read again with its next greeting. */
  #aheadOfTime(account: string, sequence: number): void {
    if (!isFirst(this.#ahead, `${account}:${sequence}`)) return;
    this.#options.log.warn("membership-entry-ahead-of-time", { account, sequence });
  }
}

function isFirst(seen: Set<string>, name: string): boolean {
  if (seen.has(name)) return false;
  seen.add(name);
  return true;
}
