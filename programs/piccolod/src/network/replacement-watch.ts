import { equalConstantTime } from "@piccolo/bytes";
import { createCentralClient } from "@piccolo/central-api";
import { isFault } from "@piccolo/fault";
import { readNewestMembership, RecoverClient } from "@piccolo/storage/recover";
import type { Members, PeerTransport } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { CentralLink } from "./central-link.ts";
import type { MembershipLog } from "./membership-log.ts";
import type { NetworkOwner } from "./types.ts";

/** Where nobody lets this device in for so long, it asks why. */
const silenceMs = 20_000;
const askPauseMs = 30_000;
const askLimitMs = 40_000;
const lookMs = 5_000;

export interface ReplacementWatchOptions {
  readonly membership: MembershipLog;
  readonly members: Members;
  readonly recoverTransport: PeerTransport;
  readonly owner: () => { readonly owner: NetworkOwner; readonly link: CentralLink } | undefined;
  readonly isReplaced: () => boolean;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/**
 * Finds out that another device took this one's place: members refuse a replaced device and tell it nothing, but whoever
 * proves to be the owner reads the membership log from any of them, and from central. That central says so is a reason
 * to look, no proof. It takes the owner's keys; a locked device waits with it, and is harmless meanwhile, since nobody
 * witnesses what it writes.
 */
export class ReplacementWatch {
  readonly #options: ReplacementWatchOptions;
  #suspected = false;

  constructor(options: ReplacementWatchOptions) {
    this.#options = options;
  }

  /** Somebody says so. */
  suspect(): void {
    this.#suspected = true;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { world, members, membership, isReplaced, report } = this.#options;
    let heardMs = world.monotonicMs();
    let askedMs = -Infinity;
    while (!signal.aborted) {
      await world.sleep(lookMs, signal).catch(() => undefined);
      if (signal.aborted || membership.state === undefined || isReplaced()) continue;
      const others = members.holders();
      const now = world.monotonicMs();
      if (others.length === 0 || others.some(({ online }) => online)) heardMs = now;
      const isDue = this.#suspected || now - heardMs >= silenceMs;
      if (!isDue || now - askedMs < askPauseMs) continue;
      askedMs = now;
      try {
        if (await this.#ask(signal)) this.#suspected = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!isFault(error)) throw error;
        report("replacement-not-asked", { code: error.code });
      }
    }
  }

  /** Whether anybody gave an answer. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const { members, membership, recoverTransport, owner, world, report } = this.#options;
    const running = owner();
    const { state } = membership;
    if (running === undefined || state === undefined) return false;
    const { account, keys } = running.owner;
    const ring = keys();
    const ownerKeys = ring.of(membership.member(account)?.keyEpoch ?? ring.epoch);
    const late = new AbortController();
    const over = new AbortController();
    const limited = AbortSignal.any([signal, late.signal]);
    void world.sleep(askLimitMs, over.signal).then(
      () => late.abort(new Error("the members did not answer in time")),
      () => undefined,
    );
    try {
      const client = new RecoverClient(recoverTransport);
      const found = await readNewestMembership({ client, world, report }, members.holders(), ownerKeys, limited);
      if (!equalConstantTime(found.state.networkId, state.networkId)) return false;
      membership.read(0, found.entries);
      return true;
    } catch (error) {
      if (!isFault(error) && !late.signal.aborted) throw error;
      const central = createCentralClient({
        baseUrl: running.link.url,
        fetch: this.#options.fetch,
        account,
        publicKey: ownerKeys.ownerPublicKey,
        sign: (statement) => ownerKeys.sign(statement),
        world,
      });
      membership.read(state.length, await central.readLog(state.networkId, state.length, { signal }));
      return true;
    } finally {
      over.abort();
    }
  }
}
