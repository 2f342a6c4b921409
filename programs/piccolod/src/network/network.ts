import { toHex } from "@piccolo/bytes";
import type { Clock, Invitation, NetworkView } from "@piccolo/device-api";
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
import { CentralLog } from "./central-log.ts";
import { type CentralLink, createCentralLink } from "./central-link.ts";
import { createCentralVault } from "./central-vault.ts";
import { Invitations } from "./invitations.ts";
import { foundNetwork, joinNetwork, parseInvitation, readInvitedLog } from "./joining.ts";
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
const addressLifetimeMs = 10 * 60_000;
const announceIntervalMs = 3 * 60_000;
const roundMs = 5_000;
const syncIntervalMs = 30_000;
/** Something hints at news at central (a stranger, another head, a device out of reach): asked at most this often. */
const hintPauseMs = 1_000;

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
  readonly #replacement: ReplacementWatch;
  readonly #invitations: Invitations;
  readonly #listeners = new Set<() => void>();
  readonly #stopping = new AbortController();
  #running: Running | undefined;
  #rounds: Promise<unknown> = Promise.resolve();
  #joining = false;
  #centralReachable = false;
  #relays: readonly string[] = [];
  #waiting: NetworkView["waitingInvitation"];
  #hint: () => void = () => undefined;

  constructor(options: DeviceNetworkOptions) {
    this.#options = options;
    const { store, world, log } = options;
    this.#log = new MembershipLog(store, () => {
      this.#changed();
      this.#hint();
    });
    this.#peerNet = options.createPeerNet({
      isAllowed: (deviceKey) => this.#isAllowed(deviceKey),
      relays: () => this.#relays,
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
        this.#hint();
        void this.#memberLogs.noticed(account, hello);
      },
      onUnreachable: () => this.#hint(),
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
    this.#hint();
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
    this.#hint();
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
    const facts = { clock: this.clock(), centralReachable: this.#centralReachable };
    const { state } = this.#log;
    if (state === undefined || this.#running === undefined) {
      const waiting = this.#waiting === undefined ? {} : { waitingInvitation: this.#waiting };
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
      this.#centralRounds(signal),
      this.#replacement.run(signal),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    this.#hint();
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

  /** Keeps in step with central: registers, announces, and reads what is new. Central's absence holds up nothing else. */
  async #centralRounds(signal: AbortSignal): Promise<void> {
    const { world, log } = this.#options;
    let announced = "";
    let announcedMs = -Infinity;
    let syncedMs = -Infinity;
    while (!signal.aborted) {
      const hinted = Promise.withResolvers<undefined>();
      this.#hint = () => hinted.resolve(undefined);
      try {
        const { link } = this.#started();
        await link.ready(signal);
        const now = world.monotonicMs();
        if (this.#relays.length === 0) this.#relays = await link.client.relays({ signal });
        const addresses = this.#peerNet.addresses();
        const isNews = JSON.stringify(addresses) !== announced || now - announcedMs > announceIntervalMs;
        if (this.#log.state !== undefined && isNews) {
          await link.client.announce(addresses, addressLifetimeMs, { signal });
          announced = JSON.stringify(addresses);
          announcedMs = now;
        }
        if (now - syncedMs >= hintPauseMs) await this.#sync(link, signal);
        syncedMs = world.monotonicMs();
        this.#setCentralReachable(true);
      } catch (error) {
        if (signal.aborted) break;
        this.#setCentralReachable(false);
        if (!isFault(error)) throw error;
        if (error.code === "device-replaced") this.#replacement.suspect();
        log.warn("central-round-failed", { code: error.code, message: error.message });
      }
      const pause = new AbortController();
      const silence = AbortSignal.any([signal, pause.signal]);
      await world.sleep(hintPauseMs, signal).catch(() => undefined);
      const late = world.sleep(announced === "" ? roundMs : syncIntervalMs, silence).catch(() => undefined);
      const addressesMoved = this.#addressesMoved(announced, silence);
      await Promise.race([hinted.promise, late, addressesMoved]);
      pause.abort();
    }
  }

  /** Resolves when the own addresses are no longer those announced, e.g. because a relay took the device in. */
  async #addressesMoved(announced: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.world.sleep(roundMs, signal).catch(() => undefined);
      if (JSON.stringify(this.#peerNet.addresses()) !== announced) return;
    }
  }

  #setCentralReachable(reachable: boolean): void {
    if (this.#centralReachable === reachable) return;
    this.#centralReachable = reachable;
    this.#changed();
  }

  async #sync(link: CentralLink, signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    const sentMs = world.nowMs();
    const startMs = world.monotonicMs();
    const centralMs = await link.client.time({ signal });
    this.#presence.centralClock(centralMs - (sentMs + (world.monotonicMs() - startMs) / 2));
    if (this.#log.state === undefined) {
      await this.#lookAtHandedInvitation(link, signal);
      return;
    }
    await this.#centralLog.sync(link.client, signal);
    const peers = await link.client.addresses(this.#memberState().networkId, { signal });
    for (const { account, multiaddrs } of peers) {
      if (multiaddrs.length > 0) this.#presence.setAddresses(toHex(account), multiaddrs);
    }
  }

  /** Shows the owner what the invitation on this device is to. */
  async #lookAtHandedInvitation(link: CentralLink, signal: AbortSignal): Promise<void> {
    const { handedInvitation, log } = this.#options;
    const text = handedInvitation();
    if (text === undefined || this.#joining) return;
    try {
      const { invitation } = parseInvitation(text);
      const { state } = await readInvitedLog(link, invitation, signal);
      const [inviter] = invitation.signed.signatures;
      const invitedBy = inviter === undefined ? "" : (state.memberByAccount(inviter.account)?.name ?? "");
      const { expiresAtMs } = invitation.signed.statement;
      const before = this.#waiting?.networkName;
      this.#waiting = { networkName: state.name, invitedBy, expiresAtMs };
      if (before === undefined) this.#changed();
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#waiting = undefined;
      log.info("handed-invitation-of-no-use", { code: error.code });
    }
  }

  async join(text: string | undefined, progress: TaskProgress): Promise<Record<string, unknown>> {
    const given = text ?? this.#options.handedInvitation();
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
      this.#waiting = undefined;
      return { networkId: toHex(state.networkId), name: state.name };
    } finally {
      this.#joining = false;
      this.#changed();
      this.#hint();
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
