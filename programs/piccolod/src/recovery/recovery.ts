/** Makes an unclaimed device its owner's new one, from the phrase alone and whoever of the network is in reach. */
import { toHex } from "@piccolo/bytes";
import type { Task } from "@piccolo/device-api";
import { parsePhrase, type Phrase } from "@piccolo/envelope";
import type { Fault } from "@piccolo/fault";
import type { FragmentHash } from "@piccolo/storage/fragment";
import type { RedundancyPolicy } from "@piccolo/storage/policy";
import type { OwnLog } from "@piccolo/storage/ports";
import { RecoverClient } from "@piccolo/storage/recover";
import type { PeerNet } from "../adapters/peer-net/index.ts";
import type { DeviceKey } from "../auth/device-key.ts";
import { authFaults } from "../auth/types.ts";
import type { NetworkFeature } from "../network/types.ts";
import { forgetUnclaimedKey } from "../security/boot.ts";
import type { Keyring } from "../security/keyring.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { TaskProgress } from "../tasks/types.ts";
import { type BecomingOptions, prepareOwner } from "./become-owner.ts";
import { ClockDoubt } from "./clock-doubt.ts";
import { KnownDevices, resolvePlaces } from "./known-devices.ts";
import { nowhere, parsePlaces, type Places } from "./places.ts";
import { restoreNewest } from "./restore-metadata.ts";
import { eraseFound, OwnerSearch, type Searching } from "./search.ts";
import type { Settling } from "./settling.ts";
import { takePlace } from "./take-place.ts";
import { type FoundOwner, recoveryFaults } from "./types.ts";

/** Multicast DNS needs a moment to hear of somebody. */
const localPauseMs = 3_000;
const steps = 6;

/** Moments at which a power cut must leave a device that is nobody's and can begin again. */
export const recoveryCrashPoints = ["recovery-place-taken", "recovery-restored", "before-recovery-end"] as const;
export type RecoveryCrashPoint = (typeof recoveryCrashPoints)[number];

/** A network of connections that belongs to a recovery alone, and ends with it. */
export interface RecoveryNetHooks {
  readonly isAllowed: (deviceKey: Uint8Array) => boolean;
  /** Relays through which members are reached. */
  readonly relays: () => readonly string[];
}

/** `seed` is that of the device key (32 bytes) by which the members know who asks. */
export type OpenRecoveryNet = (seed: Uint8Array, hooks: RecoveryNetHooks) => PeerNet;

export interface RecoveryParts extends BecomingOptions {
  readonly keyring: Keyring;
  readonly deviceKey: DeviceKey;
  readonly ownLog: OwnLog;
  readonly network: Pick<NetworkFeature, "adopt">;
  readonly openNet: OpenRecoveryNet;
  readonly mdns: boolean;
  readonly centralUrl: string;
  readonly fetch: Searching["fetch"];
  readonly hash: FragmentHash;
  readonly policy: RedundancyPolicy;
  readonly ownDomain: string;
  readonly settling: Pick<Settling, "begin">;
  readonly tasks: Tasks;
  readonly report: Searching["report"];
  readonly crashPoint: (name: RecoveryCrashPoint) => void;
  /** Called once the device has its owner: everything starts as after any claim. */
  readonly recovered: () => Promise<void>;
}

export class Recovery {
  readonly #parts: RecoveryParts;
  #running = false;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  get running(): boolean {
    return this.#running;
  }

  /**
   * Begins the task; whoever calls has shown that they may. `ended` is told when it has not worked. Throws
   * `already-claimed`, `recovery-running`, `place-refused`, and what speaks against the phrase as a text.
   */
  begin(
    given: { readonly phrase: string; readonly password: string; readonly place: string | undefined },
    failed: () => void,
  ): Task {
    const { keyring, tasks } = this.#parts;
    if (keyring.hasOwner)
      throw authFaults.fault("already-claimed", "this device has an owner already; sign in instead");
    if (this.#running)
      throw recoveryFaults.fault("recovery-running", "a recovery is under way: wait until it has ended");
    const places = given.place === undefined || given.place.trim() === "" ? nowhere : parsePlaces(given.place);
    const phrase = parsePhrase(given.phrase);
    this.#running = true;
    try {
      return tasks.start({
        kind: "recover",
        step: "Looking for your network",
        cancellable: true,
        work: async (progress) => {
          try {
            return await this.#run(phrase, given.password, places, progress);
          } catch (error) {
            this.#forget();
            failed();
            throw error;
          } finally {
            phrase.erase();
            this.#running = false;
          }
        },
      });
    } catch (error) {
      phrase.erase();
      this.#running = false;
      throw error;
    }
  }

  /** Nothing of an owner stays on a device that is nobody's; a device that has its owner by now keeps all. */
  #forget(): void {
    const { keyring, ownLog, network, settling } = this.#parts;
    if (keyring.hasOwner) return;
    ownLog.empty();
    network.adopt([], () => []);
    settling.begin(undefined);
  }

  async #run(
    phrase: Phrase,
    password: string,
    places: Places,
    { signal, report: tell }: TaskProgress,
  ): Promise<Record<string, unknown>> {
    const { openNet, mdns, world, report, fetch, centralUrl } = this.#parts;
    const step = (text: string, done: number): void => tell(text, done, steps);
    const devices = new KnownDevices();
    let members: ReadonlySet<string> = new Set();
    const net = openNet(this.#parts.deviceKey.seed, {
      isAllowed: (key) => members.has(toHex(key)),
      relays: () => devices.relays(),
    });
    const doubt = new ClockDoubt(world);
    let found: FoundOwner | undefined;
    try {
      await net.start();
      if (mdns) await world.sleep(localPauseMs, signal);
      for (const device of net.localDevices()) devices.add(device);
      const failed = (error: Fault): void => doubt.note(error);
      for (const device of await resolvePlaces(net, places.devices, { report, failed }, signal)) devices.add(device);
      const centrals = new Set([centralUrl, ...(places.centralUrl === undefined ? [] : [places.centralUrl])]);
      const client = new RecoverClient(net.recoverTransport, world);
      const watched = { fetch: doubt.watching(fetch), failed };
      const searching: Searching = { client, world, report, devices, centrals: [...centrals], ...watched };
      const named = places.networkId === undefined ? [] : [places.networkId];
      found = await new OwnerSearch(searching, phrase, named, signal).run(step);

      step("Making this device yours", 2);
      const { keys, opened, membership } = found;
      const deviceKey = this.#parts.deviceKey.key.publicKey;
      const place = await takePlace({ searching, keys, chain: opened.chain, membership, deviceKey }, signal);
      this.#parts.crashPoint("recovery-place-taken");
      members = new Set(Array.from(place.membership.state.members.values(), (member) => toHex(member.deviceKey)));

      step("Asking the members for your newest state", 3);
      const { hash, policy, ownDomain, ownLog } = this.#parts;
      const { account } = opened;
      const of = { searching, account, keys, registered: place.keys, membership: place.membership };
      const stale = await restoreNewest(
        { ...of, transport: net.transport, hash, policy, ownDomain, ownLog },
        () => step("Bringing back your folders", 4),
        signal,
      );
      this.#parts.crashPoint("recovery-restored");

      step("Setting up this device", 5);
      const owner = await prepareOwner(this.#parts, found, place, password);
      signal.throwIfAborted();
      await net.stop();
      this.#parts.settling.begin(stale);
      this.#parts.network.adopt(place.membership.entries, (key) => devices.addressesOf(key));
      this.#parts.crashPoint("before-recovery-end");
      owner.commit();
      forgetUnclaimedKey(this.#parts.content);
      this.#parts.keyring.holdKeys(opened.opened.deriveKeys());
      await this.#parts.recovered();
      step("Everything is here", steps);
      const { sequence } = ownLog.position();
      return { sequence, deviceEpoch: place.certificate.deviceEpoch, mayBeStale: stale !== undefined };
    } catch (error) {
      throw doubt.explain(error);
    } finally {
      eraseFound(found);
      await net.stop();
    }
  }
}
