import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import type { Log } from "../adapters/log.ts";
import type { PeerNet } from "../adapters/peer-net/index.ts";
import type { CentralLink } from "./central-link.ts";
import type { CentralLog } from "./central-log.ts";
import type { MembershipLog } from "./membership-log.ts";
import type { Presence } from "./presence.ts";

const addressLifetimeMs = 10 * 60_000;
const announceIntervalMs = 3 * 60_000;
const roundMs = 5_000;
const syncIntervalMs = 30_000;
/** Something hints at news at central (a stranger, another head, a device out of reach): asked at most this often. */
const hintPauseMs = 1_000;

export interface CentralRoundsOptions {
  readonly membership: MembershipLog;
  readonly centralLog: CentralLog;
  readonly presence: Pick<Presence, "centralClock" | "setAddresses">;
  readonly peerNet: Pick<PeerNet, "addresses">;
  /** Throws `no-network` while the device has no owner. */
  readonly link: () => CentralLink;
  /** In no network yet: what is to be found out for that. */
  readonly outside: (link: CentralLink, signal: AbortSignal) => Promise<void>;
  /** Central says that another device has taken this one's place. */
  readonly replaced: () => void;
  readonly world: World;
  readonly log: Log;
  /** Central came into reach or went out of it. */
  readonly changed: () => void;
}

/** Keeps in step with central: registers, announces, and reads what is new. Central's absence holds up nothing else. */
export class CentralRounds {
  readonly #options: CentralRoundsOptions;
  #isReachable = false;
  #relays: readonly string[] = [];
  #hinted = Promise.withResolvers<undefined>();

  constructor(options: CentralRoundsOptions) {
    this.#options = options;
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** Addresses of relays that central knows. */
  get relays(): readonly string[] {
    return this.#relays;
  }

  /** There may be news at central: the next round comes early. */
  hint(): void {
    this.#hinted.resolve(undefined);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { world, log, membership, peerNet, replaced } = this.#options;
    let announced = "";
    let announcedMs = -Infinity;
    let syncedMs = -Infinity;
    while (!signal.aborted) {
      this.#hinted = Promise.withResolvers<undefined>();
      try {
        const link = this.#options.link();
        await link.ready(signal);
        const now = world.monotonicMs();
        if (this.#relays.length === 0) this.#relays = await link.client.relays({ signal });
        const addresses = peerNet.addresses();
        const isNews = JSON.stringify(addresses) !== announced || now - announcedMs > announceIntervalMs;
        if (membership.state !== undefined && isNews) {
          await link.client.announce(addresses, addressLifetimeMs, { signal });
          announced = JSON.stringify(addresses);
          announcedMs = now;
        }
        if (now - syncedMs >= hintPauseMs) await this.#sync(link, signal);
        syncedMs = world.monotonicMs();
        this.#setReachable(true);
      } catch (error) {
        if (signal.aborted) break;
        this.#setReachable(false);
        if (!isFault(error)) throw error;
        if (error.code === "device-replaced") replaced();
        log.warn("central-round-failed", { code: error.code, message: error.message });
      }
      const pause = new AbortController();
      const silence = AbortSignal.any([signal, pause.signal]);
      await world.sleep(hintPauseMs, signal).catch(() => undefined);
      const late = world.sleep(announced === "" ? roundMs : syncIntervalMs, silence).catch(() => undefined);
      const addressesMoved = this.#addressesMoved(announced, silence);
      await Promise.race([this.#hinted.promise, late, addressesMoved]);
      pause.abort();
    }
  }

  /** Resolves when the own addresses are no longer those announced, e.g. because a relay took the device in. */
  async #addressesMoved(announced: string, signal: AbortSignal): Promise<void> {
    const { world, peerNet } = this.#options;
    while (!signal.aborted) {
      await world.sleep(roundMs, signal).catch(() => undefined);
      if (JSON.stringify(peerNet.addresses()) !== announced) return;
    }
  }

  #setReachable(isReachable: boolean): void {
    if (this.#isReachable === isReachable) return;
    this.#isReachable = isReachable;
    this.#options.changed();
  }

  async #sync(link: CentralLink, signal: AbortSignal): Promise<void> {
    const { world, presence, membership, centralLog, outside } = this.#options;
    const sentMs = world.nowMs();
    const startMs = world.monotonicMs();
    const centralMs = await link.client.time({ signal });
    presence.centralClock(centralMs - (sentMs + (world.monotonicMs() - startMs) / 2));
    if (membership.state === undefined) return outside(link, signal);
    await centralLog.sync(link.client, signal);
    const { state } = membership;
    if (state === undefined) return;
    const peers = await link.client.addresses(state.networkId, { signal });
    for (const { account, multiaddrs } of peers) {
      if (multiaddrs.length > 0) presence.setAddresses(toHex(account), multiaddrs);
    }
  }
}
