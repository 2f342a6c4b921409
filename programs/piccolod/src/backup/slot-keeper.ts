import { verifySealedSlot } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { quorumOf } from "@piccolo/storage/log";
import { spreadSlot } from "@piccolo/storage/metadata-log";
import type { VaultClient } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { NetworkFeature } from "../network/types.ts";
import type { SlotCopies } from "../security/routes.ts";
import type { Backup } from "./backup.ts";

const firstPauseMs = 2_000;
const longestPauseMs = 600_000;
/** Addresses move often, and each renewal goes to every member. */
const addressPauseMs = 600_000;
/** Many members come and go together; one round after a moment serves them all. */
const gatherMs = 500;

export interface SlotKeeperOptions {
  readonly backup: Pick<Backup, "client" | "witnesses" | "replacedAtMs">;
  readonly network: NetworkFeature;
  readonly vault: VaultClient | undefined;
  /** The sealed phrase slot in use; undefined before the claim. */
  readonly slot: () => Uint8Array | undefined;
  /** Renews what the slot says of networks and members where that has changed and the keys are there. */
  readonly renew: (addressesToo: boolean) => void;
  /** Renews the slot under a number above that of this one, where it is the same phrase's and the keys are there. */
  readonly outnumber: (kept: Uint8Array) => boolean;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly changed: () => void;
}

interface Kept {
  readonly number: number;
  /** Accounts (hex) of the members that keep it. */
  readonly by: Set<string>;
  atCentral: boolean;
  isWitnessed: boolean;
}

/** Sees to it that every member, and central, keeps the sealed slot of the recovery phrase. */
export class SlotKeeper {
  readonly #options: SlotKeeperOptions;
  readonly #stopping = new AbortController();
  #addressesMs = -Infinity;
  #kept: Kept | undefined;
  #wake = Promise.withResolvers<undefined>();
  #witnessed = Promise.withResolvers<undefined>();
  #running: Promise<void> | undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(options: SlotKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    let members = "";
    this.#unsubscribe = this.#options.network.onChange(() => {
      const now = JSON.stringify(this.#online());
      if (now !== members) this.changed();
      members = now;
    });
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort(new Error("the device stops"));
    this.changed();
    await this.#running;
  }

  /** The slot, or who can keep it, has changed. */
  changed(): void {
    this.#wake.resolve(undefined);
  }

  #online(): readonly (readonly [string, boolean])[] {
    return this.#options.network.members.holders().map(({ account, online }) => [account, online] as const);
  }

  copies(): SlotCopies {
    const slot = this.#options.slot();
    const kept = slot === undefined || this.#kept?.number !== verifySealedSlot(slot).number ? undefined : this.#kept;
    return { copies: kept?.by.size ?? 0, atCentral: kept?.atCentral ?? false };
  }

  /** Resolves once a quorum of the witnesses keeps the slot that is in use now, or there is nobody to keep it. */
  async untilWitnessed(signal: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<undefined>();
    const stop = (): void => stopped.resolve(undefined);
    for (const one of [signal, this.#stopping.signal]) one.addEventListener("abort", stop, { once: true });
    for (;;) {
      signal.throwIfAborted();
      this.#stopping.signal.throwIfAborted();
      const slot = this.#options.slot();
      if (slot === undefined || this.#options.network.membershipState() === undefined) return;
      if (this.#kept?.number === verifySealedSlot(slot).number && this.#kept.isWitnessed) return;
      this.changed();
      await Promise.race([this.#witnessed.promise, stopped.promise]);
    }
  }

  async #run(): Promise<void> {
    const { world } = this.#options;
    const { signal } = this.#stopping;
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<undefined>();
      const { promise: woken } = this.#wake;
      let isWithAll = true;
      try {
        isWithAll = await this.#round(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isFault(error)) throw error;
        this.#options.report("slot-not-spread", { code: error.code });
        isWithAll = false;
      }
      if (isWithAll) pauseMs = firstPauseMs;
      const over = new AbortController();
      const limited = AbortSignal.any([signal, over.signal]);
      const late = world.sleep(isWithAll ? longestPauseMs : pauseMs, limited).catch(() => undefined);
      await Promise.race([woken, late]);
      over.abort();
      if (!isWithAll) pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      await world.sleep(gatherMs, signal).catch(() => undefined);
    }
  }

  /** Whether every member and central have the slot. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const { backup, network, vault, world, report, renew, outnumber, changed } = this.#options;
    if (network.membershipState() === undefined || backup.replacedAtMs !== undefined) return true;
    const now = world.monotonicMs();
    const addressesToo = now - this.#addressesMs >= addressPauseMs;
    if (addressesToo) this.#addressesMs = now;
    renew(addressesToo);
    const slot = this.#options.slot();
    if (slot === undefined) return true;
    const { number } = verifySealedSlot(slot);
    const before = this.#kept?.number === number ? this.#kept : undefined;
    const kept: Kept = before ?? { number, by: new Set(), atCentral: false, isWitnessed: false };
    const holders = network.members.holders();
    const lacking = holders.filter(({ account, online }) => online && !kept.by.has(account));
    const parts = { witnessClient: backup.client, world, report, witnesses: [] };
    const members = lacking.map(({ account }) => account);
    const needsCentral = vault !== undefined && !kept.atCentral;
    if (members.length > 0 || needsCentral) {
      const central: VaultClient | undefined = needsCentral
        ? {
            ...vault,
            putSlot: async (bytes, limited) => {
              await vault.putSlot(bytes, limited);
              kept.atCentral = true;
            },
          }
        : undefined;
      const { keptBy, newer } = await spreadSlot({ ...parts, members, vault: central }, slot, signal);
      for (const account of keptBy) kept.by.add(account);
      // This disk is older than what it gave away: an image that was put back, or a write that was lost.
      if (newer.map((bytes) => outnumber(bytes)).includes(true)) this.changed();
    }
    const present = new Set(holders.map(({ account }) => account));
    for (const account of kept.by) if (!present.has(account)) kept.by.delete(account);
    kept.isWitnessed = isQuorum(backup.witnesses(), kept.by);
    this.#kept = kept;
    if (kept.isWitnessed) {
      this.#witnessed.resolve(undefined);
      this.#witnessed = Promise.withResolvers<undefined>();
    }
    changed();
    return holders.every(({ account }) => kept.by.has(account)) && (vault === undefined || kept.atCentral);
  }
}

function isQuorum(witnesses: readonly { readonly account: string }[], keptBy: ReadonlySet<string>): boolean {
  const count = witnesses.filter(({ account }) => keptBy.has(account)).length;
  return count >= quorumOf(witnesses.length).quorum;
}
