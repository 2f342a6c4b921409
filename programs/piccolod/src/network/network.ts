import { toHex } from "@piccolo/bytes";
import type { Clock, Invitation } from "@piccolo/device-api";
import type { Ed25519Key, OwnerChain } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { NetworkState as LogState } from "@piccolo/membership";
import type { MembershipExchange } from "@piccolo/storage/holder";
import { WireWitnessClient } from "@piccolo/storage/metadata-log";
import type { Members, PeerHandler, PeerTransport, VaultClient } from "@piccolo/storage/ports";
import type { Hello } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import type { PeerNet } from "../adapters/peer-net/index.ts";
import type { TaskProgress } from "../tasks/types.ts";
import { CentralRounds } from "./central-rounds.ts";
import { CentralLog } from "./central-log.ts";
import { type CentralLink, createCentralLink } from "./central-link.ts";
import { createCentralVault } from "./central-vault.ts";
import { HandedInvitation } from "./handed-invitation.ts";
import { Invitations } from "./invitations.ts";
import { foundNetwork, joinNetwork, parseInvitation } from "./joining.ts";
import { MemberLogs } from "./member-logs.ts";
import { MembershipLog } from "./membership-log.ts";
import { enterLeaving, enterOwnerKey, type OwnEntryParts } from "./own-entry.ts";
import { Presence } from "./presence.ts";
import { ReplacementWatch } from "./replacement-watch.ts";
import type { NetworkStore } from "./store.ts";
import {
  type NetworkFeature,
  networkFaults,
  type NetworkOwner,
  type NetworkState,
  type PeerNetHooks,
} from "./types.ts";

const protocolVersion = 1;
export interface DeviceNetworkOptions {
  readonly store: NetworkStore;
  readonly world: World;
  readonly log: Log;
  readonly deviceKey: Ed25519Key;
  readonly ownDomain: string;
  readonly centralUrl: string;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  readonly createPeerNet: (hooks: PeerNetHooks) => PeerNet;
  /** Serves other members' requests. */
  readonly handler: () => PeerHandler;
  /** The invitation handed to this device, if one waits. */
  readonly handedInvitation: () => string | undefined;
  /** Whether the machine's own clock lost the time. */
  readonly hasForgottenTime: () => boolean;
}

interface Running {
  readonly owner: NetworkOwner;
  readonly link: CentralLink;
}

/** Membership, presence and connections of this device. */
export class DeviceNetwork implements NetworkFeature {
  readonly members: Members;
  readonly transport: PeerTransport;
  readonly recoverTransport: PeerTransport;
  readonly #options: DeviceNetworkOptions;
  readonly #log: MembershipLog;
  readonly #presence: Presence;
  readonly #peerNet: PeerNet;
  readonly #memberLogs: MemberLogs;
  readonly #centralLog: CentralLog;
  readonly #central: CentralRounds;
  readonly #handed: HandedInvitation;
  readonly #replacement: ReplacementWatch;
  readonly #invitations: Invitations;
  readonly #listeners = new Set<() => void>();
  readonly #stopping = new AbortController();
  #running: Running | undefined;
  #rounds: Promise<unknown> = Promise.resolve();
  #joining = false;

  constructor(options: DeviceNetworkOptions) {
    this.#options = options;
    const { store, world, log } = options;
    this.#log = new MembershipLog(
      store,
      () => {
        this.#changed();
        this.#central.hint();
      },
      () => this.#presence.latestNowMs(),
    );
    this.#peerNet = options.createPeerNet({
      isAllowed: (deviceKey) => this.#isAllowed(deviceKey),
      isMember: (deviceKey) => this.memberOf(deviceKey) !== undefined,
      relays: () => this.#central.relays,
      handler: options.handler,
    });
    this.transport = this.#peerNet.transport;
    this.recoverTransport = this.#peerNet.recoverTransport;
    this.#presence = new Presence({
      store,
      transport: this.transport,
      world,
      log,
      others: () => (this.#running === undefined ? [] : this.#log.others(this.#running.owner.account)),
      ownHello: () => this.#ownHello(),
      hasForgottenTime: () => this.#options.hasForgottenTime(),
      onForeignHead: (account, hello) => {
        this.#central.hint();
        void this.#memberLogs.noticed(account, hello);
      },
      onUnreachable: () => this.#central.hint(),
      onClock: (deviceKey, offsetMs) => this.#peerNet.noteClock(deviceKey, offsetMs),
      stopping: this.#stopping.signal,
      onChange: () => this.#changed(),
    });
    this.members = {
      holders: () => this.#presence.holders(),
      onChange: (listener) => this.onChange(listener),
    };
    this.#memberLogs = new MemberLogs({
      membership: this.#log,
      client: () => this.#witnessClient(),
      world,
      log,
      stopping: this.#stopping.signal,
    });
    this.#centralLog = new CentralLog(this.#log, log);
    this.#replacement = new ReplacementWatch({
      membership: this.#log,
      members: this.members,
      recoverTransport: this.recoverTransport,
      owner: () => this.#running,
      isReplaced: () => this.#running !== undefined && this.replacedAtMs(this.#running.owner.account) !== undefined,
      fetch: options.fetch,
      world,
      report: (event, facts) => log.warn(event, facts),
    });
    this.#handed = new HandedInvitation(options.handedInvitation, log, () => this.#changed());
    this.#central = new CentralRounds({
      membership: this.#log,
      centralLog: this.#centralLog,
      presence: this.#presence,
      peerNet: this.#peerNet,
      link: () => this.#started().link,
      outside: async (link, signal) => {
        if (!this.#joining) await this.#handed.look(link, signal);
      },
      replaced: () => this.#replacement.suspect(),
      world,
      log,
      changed: () => this.#changed(),
    });
    this.#invitations = new Invitations({
      store,
      world,
      state: () => this.#memberState(),
      account: () => this.#started().owner.account,
      // During a re-key the log may still know the key of the epoch before.
      ownerKeys: () => {
        const { account, epoch, keys } = this.#started().owner;
        return keys().of(this.#log.member(account)?.keyEpoch ?? epoch);
      },
      central: () => this.#started().link,
      report: (event, facts) => this.#options.log.warn(event, facts),
    });
  }

  #started(): Running {
    if (this.#running === undefined) throw networkFaults.fault("no-network", "this device has no owner yet");
    return this.#running;
  }

  #memberState(): LogState {
    const { state } = this.#log;
    if (state === undefined) {
      throw networkFaults.fault("no-network", "this device is in no network yet; join or found one first");
    }
    return state;
  }

  #isAllowed(deviceKey: Uint8Array): boolean {
    if (this.memberOf(deviceKey) !== undefined) return true;
    // Perhaps a member this device has not heard of yet.
    this.#central.hint();
    return false;
  }

  memberOf(deviceKey: Uint8Array): Uint8Array | undefined {
    return this.#log.state?.memberByDeviceKey(deviceKey)?.account;
  }

  memberDevice(deviceKey: Uint8Array): { readonly account: Uint8Array; readonly deviceEpoch: number } | undefined {
    return this.#log.state?.memberByDeviceKey(deviceKey);
  }

  deviceKeyOf(account: Uint8Array, deviceEpoch: number): Uint8Array | undefined {
    return this.#log.deviceKeyOf(account, deviceEpoch);
  }

  ownerKeyOf(account: Uint8Array): Uint8Array | undefined {
    return this.#log.member(account)?.ownerPublicKey;
  }

  adopt(entries: readonly Uint8Array[], addressesOf: (deviceKey: Uint8Array) => readonly string[]): void {
    this.#log.replace(entries);
    for (const { account, deviceKey } of this.#log.state?.members.values() ?? []) {
      const addresses = addressesOf(deviceKey);
      if (addresses.length > 0) this.#presence.setAddresses(toHex(account), addresses);
    }
  }

  learn(entries: readonly Uint8Array[]): void {
    this.#log.extend(0, entries);
  }

  membershipState(): LogState | undefined {
    return this.#log.state;
  }

  replacedAtMs(account: Uint8Array): number | undefined {
    return this.#log.replacedAtMs(account, this.#options.deviceKey.publicKey);
  }

  async enterOwnerKey(chain: OwnerChain, signal: AbortSignal): Promise<void> {
    const { owner } = this.#started();
    await enterOwnerKey(this.#ownEntryParts(), { keys: () => owner.keys().current, chain }, signal);
    this.#central.hint();
  }

  async leave(signal: AbortSignal): Promise<void> {
    if (this.#log.state === undefined) return;
    await enterLeaving(this.#ownEntryParts(), this.#started().owner.keys().current, signal);
  }

  #ownEntryParts(): OwnEntryParts {
    const { link } = this.#started();
    const { world, log } = this.#options;
    const report = (event: string, facts: Readonly<Record<string, unknown>>): void => log.warn(event, facts);
    const [client, { members }] = [this.#witnessClient(), this];
    return { membership: this.#log, link, centralLog: this.#centralLog, client, members, world, report };
  }

  #witnessClient(): WireWitnessClient {
    return new WireWitnessClient({
      ownAccount: this.#started().owner.account,
      networkId: () => this.#memberState().networkId,
      transport: this.transport,
      members: this.members,
    });
  }

  vault(isOwn: (sequence: number, hash: Uint8Array) => boolean): VaultClient {
    return createCentralVault({
      link: {
        ready: (signal) => this.#started().link.ready(signal),
        client: () => this.#started().link.client,
      },
      networkId: () => this.#log.state?.networkId,
      isOwn,
    });
  }

  membership(): MembershipExchange | undefined {
    const { state } = this.#log;
    if (state === undefined) return undefined;
    return {
      networkId: state.networkId,
      logLength: state.length,
      entriesFrom: (index) => this.#log.entriesFrom(index),
      append: (entry) => this.#log.append(entry, this.#options.world.nowMs()),
    };
  }

  #ownHello(): Hello {
    const { world, ownDomain } = this.#options;
    const state = this.#memberState();
    return {
      type: "hello",
      nowMs: world.nowMs(),
      networkId: state.networkId,
      logLength: state.length,
      headHash: state.headHash,
      version: protocolVersion,
      domain: ownDomain,
    };
  }

  hello(account: Uint8Array, hello: Hello): Hello {
    return this.#presence.greeted(account, hello);
  }

  clock(): Clock {
    return this.#presence.clock();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  state(): NetworkState {
    const facts = { clock: this.clock(), centralReachable: this.#central.isReachable };
    const { state } = this.#log;
    if (state === undefined || this.#running === undefined) {
      const { shown } = this.#handed;
      const waiting = shown === undefined ? {} : { waitingInvitation: shown };
      return { ...facts, ...waiting, state: this.#joining ? "joining" : "none", name: "", networkId: "", members: [] };
    }
    const own = toHex(this.#running.owner.account);
    const views = new Map(this.#presence.holders().map((holder) => [holder.account, holder]));
    const members = Array.from(state.members.values(), ({ account, name, joinedAtMs, deviceKey }) => {
      const id = toHex(account);
      const view = views.get(id);
      const self = id === own;
      const roundTripMs = view === undefined || !Number.isFinite(view.roundTripMs) ? null : view.roundTripMs;
      return {
        account: id,
        name,
        self,
        online: self || view?.online === true,
        lastSeenMs: self ? this.#options.world.nowMs() : (view?.lastSeenMs ?? 0),
        roundTripMs,
        path: self ? ("direct" as const) : this.#peerNet.pathTo(deviceKey),
        joinedAtMs,
        clockWrong: !self && this.#presence.isClockWrong(id),
      };
    });
    return { ...facts, state: "member", name: state.name, networkId: toHex(state.networkId), members };
  }

  async start(owner: NetworkOwner): Promise<void> {
    const { centralUrl: url, fetch, deviceKey, world } = this.#options;
    const link = createCentralLink({ url, fetch, owner, deviceKey, world });
    await this.#peerNet.start();
    // The rounds begin at once and ask whose device this is, so that stands first.
    this.#running = { owner, link };
    const { signal } = this.#stopping;
    this.#rounds = Promise.all([
      this.#presenceRounds(signal),
      this.#central.run(signal),
      this.#replacement.run(signal),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    this.#central.hint();
    await this.#rounds;
    await this.#peerNet.stop();
  }

  async #presenceRounds(signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    while (!signal.aborted) {
      if (this.#log.state === undefined) await world.sleep(200, signal).catch(() => undefined);
      else await this.#presence.run(signal);
    }
  }

  async join(text: string | undefined, progress: TaskProgress): Promise<Record<string, unknown>> {
    const given = text ?? this.#handed.text();
    if (given === undefined)
      throw networkFaults.fault("no-invitation", "no invitation waits here; paste the text of one");
    const { invitation } = parseInvitation(given);
    const { world } = this.#options;
    return this.#enter(({ link, owner }) => joinNetwork({ link, log: this.#log, owner, world, invitation }, progress));
  }

  async found(networkName: string, progress: TaskProgress): Promise<Record<string, unknown>> {
    const { world } = this.#options;
    return this.#enter(({ link, owner }) =>
      foundNetwork({ link, log: this.#log, owner, world, networkName }, progress),
    );
  }

  async #enter(work: (running: Running) => Promise<void>): Promise<Record<string, unknown>> {
    const running = this.#started();
    if (this.#log.state !== undefined) {
      throw networkFaults.fault("in-network", "this device is in a network already");
    }
    this.#joining = true;
    this.#changed();
    try {
      await work(running);
      const state = this.#memberState();
      this.#handed.forget();
      return { networkId: toHex(state.networkId), name: state.name };
    } finally {
      this.#joining = false;
      this.#changed();
      this.#central.hint();
    }
  }

  async invitations(): Promise<readonly Invitation[]> {
    if (this.#log.state === undefined) return [];
    await this.#freshLog();
    return this.#invitations.list(this.#stopping.signal);
  }

  async invite(): Promise<Invitation> {
    this.#memberState();
    await this.#freshLog();
    return this.#invitations.create(this.#stopping.signal);
  }

  async cosign(id: string): Promise<Invitation> {
    this.#memberState();
    await this.#freshLog();
    return this.#invitations.cosign(id, this.#stopping.signal);
  }

  /** Whether two must sign depends on who joined last, so invitations are judged on the newest log. */
  async #freshLog(): Promise<void> {
    const { link } = this.#started();
    try {
      await link.ready(this.#stopping.signal);
      await this.#centralLog.sync(link.client, this.#stopping.signal);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#options.log.warn("log-not-read", errorFacts(error));
    }
  }
}
