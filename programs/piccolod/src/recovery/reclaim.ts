/** "It was not me": a device that another one replaced becomes the owner's again, under keys that the other never had. */
import { toHex } from "@piccolo/bytes";
import type { Task } from "@piccolo/device-api";
import type { KeyRing, OpenedRoot } from "@piccolo/envelope";
import { type Fault, isFault } from "@piccolo/fault";
import { applyEntry, rotateOwnerKey } from "@piccolo/membership";
import type { FragmentHash } from "@piccolo/storage/fragment";
import { WireWitnessClient } from "@piccolo/storage/metadata-log";
import type { RedundancyPolicy } from "@piccolo/storage/policy";
import type { OwnLog } from "@piccolo/storage/ports";
import { askEach, type FoundMembership, RecoverClient } from "@piccolo/storage/recover";
import type { World } from "@piccolo/world";
import type { DurableFolder } from "../adapters/state-folder.ts";
import type { NetworkFeature } from "../network/types.ts";
import type { Keyring } from "../security/keyring.ts";
import type { OwnerSecurity } from "../security/owner-security.ts";
import type { PhraseProof } from "../security/phrase-making.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { TaskProgress } from "../tasks/types.ts";
import { ClockDoubt } from "./clock-doubt.ts";
import { KnownDevices } from "./known-devices.ts";
import { nextDeviceKey, takeNextDeviceKey } from "./next-device-key.ts";
import type { OpenRecoveryNet } from "./recovery.ts";
import { restoreNewest } from "./restore-metadata.ts";
import { centralAsOwner, checkKeys, fromCentral, MembershipSearch, type Searching } from "./search.ts";
import type { Settling } from "./settling.ts";
import { takePlace } from "./take-place.ts";
import { recoveryFaults } from "./types.ts";

const lastLookMs = 3_000;
const steps = 4;

export interface ReclaimParts {
  readonly content: DurableFolder;
  readonly keyring: Keyring;
  readonly security: OwnerSecurity;
  readonly network: Pick<NetworkFeature, "learn" | "members" | "membershipState" | "recoverTransport">;
  readonly ownLog: OwnLog;
  readonly settling: Pick<Settling, "begin">;
  readonly openNet: OpenRecoveryNet;
  readonly centralUrl: string;
  readonly fetch: Searching["fetch"];
  readonly hash: FragmentHash;
  readonly policy: RedundancyPolicy;
  readonly ownDomain: string;
  readonly isReplaced: () => boolean;
  readonly tasks: Tasks;
  readonly world: World;
  readonly report: Searching["report"];
  /** Aborted when the device stops. */
  readonly stopping: AbortSignal;
  /** Closes the device and opens it again, with its new key; it is locked then. */
  readonly reopen: () => void;
}

export class Reclaim {
  readonly #parts: ReclaimParts;

  constructor(parts: ReclaimParts) {
    this.#parts = parts;
  }

  /** Throws `not-replaced`, and what `beginRekey` says against the phrase; then nothing has changed. */
  async begin(root: OpenedRoot, password: string, proof: PhraseProof): Promise<Task> {
    const { security, keyring, tasks, isReplaced } = this.#parts;
    if (!isReplaced()) {
      throw recoveryFaults.fault(
        "not-replaced",
        "no other device has taken this one's place: nothing is to be taken back",
      );
    }
    if (security.rekey.running) {
      // An earlier try got so far; the phrase that was confirmed now is the one that counts.
      keyring.hold(root);
      security.confirmPhrase(proof);
    } else {
      await security.rekey.begin(root, password, proof);
    }
    return tasks.start({
      kind: "reclaim",
      step: "Looking for the members",
      cancellable: false,
      work: async (progress) => {
        const doubt = new ClockDoubt(this.#parts.world);
        try {
          return await this.#run(doubt, progress);
        } catch (error) {
          throw doubt.explain(error);
        }
      },
    });
  }

  async #run(doubt: ClockDoubt, { signal, report: tell }: TaskProgress): Promise<Record<string, unknown>> {
    const { keyring, network, content, world, report, fetch, centralUrl, openNet, security } = this.#parts;
    const step = (text: string, done: number): void => tell(text, done, steps);
    const ring = keyring.keys();
    const keys = ring.epochs.map((epoch) => ring.of(epoch));
    const { chain } = keyring.slots();
    const devices = new KnownDevices();
    for (const holder of network.members.holders()) devices.add(holder);
    const client = new RecoverClient(network.recoverTransport, world);
    const watched = { fetch: doubt.watching(fetch), failed: (error: Fault) => doubt.note(error) };
    const searching: Searching = { client, world, report, devices, centrals: [centralUrl], ...watched };
    const known = network.membershipState();
    const networks = known === undefined ? [] : [toHex(known.networkId)];
    step("Reading the member list", 0);
    const search = new MembershipSearch(searching, signal);
    const membership = await search.run(keys, networks);
    checkReclaimable(membership, keys, search.refused);

    step("Making this device yours again", 1);
    const next = nextDeviceKey(content, world);
    const place = await takePlace({ searching, keys, chain, membership, deviceKey: next.key.publicKey }, signal);
    const { state } = place.membership;
    const allowed = new Set(Array.from(state.members.values(), (member) => toHex(member.deviceKey)));
    const net = openNet(next.seed, { isAllowed: (key) => allowed.has(toHex(key)), relays: () => devices.relays() });
    try {
      await net.start();
      const entered = await this.#enterKey(ring, place.membership, searching, net.transport, signal);

      step("Asking the members for the newest state", 2);
      const { hash, policy, ownDomain, ownLog, settling } = this.#parts;
      const { account } = ring;
      const of = { searching, account, keys, registered: place.keys, membership: entered };
      const stale = await restoreNewest(
        { ...of, transport: net.transport, hash, policy, ownDomain, ownLog },
        () => step("Bringing back your folders", 3),
        signal,
      );
      await net.stop();
      settling.begin(stale);
      network.learn(entered.entries);
      security.takeCertificate(place.certificate);
      takeNextDeviceKey(content, world);
      step("Starting anew", steps);
      const { reopen, stopping } = this.#parts;
      // Whoever follows the task sees its end first.
      world.sleep(lastLookMs, stopping).then(reopen, () => undefined);
      return { deviceEpoch: place.certificate.deviceEpoch };
    } finally {
      await net.stop();
    }
  }

  /**
   * Tells the network of the new owner key at once: until then, whoever has the old phrase could take the place again.
   * Where nobody can be told now, the re-key does it later.
   */
  async #enterKey(
    ring: KeyRing,
    membership: FoundMembership,
    searching: Searching,
    transport: NetworkFeature["recoverTransport"],
    signal: AbortSignal,
  ): Promise<FoundMembership> {
    const { world, centralUrl } = this.#parts;
    const { state, entries } = membership;
    const held = state.memberByAccount(ring.account)?.keyEpoch ?? 0;
    if (held >= ring.epoch) return membership;
    const { rotations } = this.#parts.keyring.slots().chain;
    const entry = rotateOwnerKey({ state, ownerKeys: ring.current, rotations, world });
    const central = centralAsOwner(searching, centralUrl, ring.of(held));
    const taken = await fromCentral(
      searching,
      "owner-key",
      async () => {
        await central.append(state.networkId, entry, { signal });
        return true;
      },
      signal,
    );
    const holders = [...state.members].filter(([name]) => name !== toHex(ring.account));
    const members = {
      holders: () =>
        holders.map(([account, { name, deviceKey }]) => ({
          account,
          name,
          deviceKey,
          addresses: searching.devices.addressesOf(deviceKey),
          online: true,
          lastSeenMs: 0,
          roundTripMs: Infinity,
          domain: account,
        })),
      onChange: () => () => undefined,
    };
    const witnesses = new WireWitnessClient({
      ownAccount: ring.account,
      networkId: () => state.networkId,
      transport,
      members,
    });
    const told = await askEach(searching, members.holders(), signal, ({ account }, limited) =>
      witnesses.appendLog(account, entry, limited),
    );
    if (taken !== true && told.length === 0) return membership;
    return { state: applyEntry(state, entry), entries: [...entries, entry] };
  }
}

function checkReclaimable(
  membership: FoundMembership | undefined,
  keys: Parameters<typeof checkKeys>[1],
  refused: boolean,
): asserts membership is FoundMembership {
  try {
    checkKeys(membership, keys);
  } catch (error) {
    if (!isFault(error, "phrase-unknown") && !refused) throw error;
    throw recoveryFaults.fault(
      "keys-changed",
      "the other device has changed the owner's keys: only its newest phrase opens the account now",
    );
  }
}
