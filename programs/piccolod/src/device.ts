/** Puts together all that runs on an open volume. */
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { toHex } from "@piccolo/bytes";
import type { NetworkView, Session, Status } from "@piccolo/device-api";
import type { Argon2id, PasswordCost } from "@piccolo/envelope";
import { HolderService, HolderStore } from "@piccolo/storage/holder";
import { createOwnerEngine, type EngineOptions, type OwnerEngine } from "@piccolo/storage/owner";
import { defaultPolicy, fixedPolicy } from "@piccolo/storage/policy";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import manifest from "../package.json" with { type: "json" };
import { FolderDisk } from "./adapters/disk.ts";
import { createPeerNet, type PeerNet, relayKeys } from "./adapters/peer-net/index.ts";
import { openAppAdapters } from "./adapters/app-adapters.ts";
import { createBlake3 } from "./adapters/fragment-hash.ts";
import type { Log } from "./adapters/log.ts";
import { catalogFolders } from "./adapters/catalog-folders.ts";
import { createAppsFeature } from "./apps/feature.ts";
import { Auth } from "./auth/auth.ts";
import { readClaimCode } from "./auth/claim-code.ts";
import { openDeviceKey } from "./auth/device-key.ts";
import { mountAuth, sessionView } from "./auth/routes.ts";
import { authFaults } from "./auth/types.ts";
import { Backup } from "./backup/backup.ts";
import { finishRekey } from "./backup/finish-rekey.ts";
import { SlotKeeper } from "./backup/slot-keeper.ts";
import { WriteGate } from "./backup/write-gate.ts";
import { Sessions } from "./auth/sessions.ts";
import { SessionStore } from "./auth/store.ts";
import type { Throttle } from "./auth/throttle.ts";
import type { Config } from "./config.ts";
import { AccountSecrets } from "./db/account-secrets.ts";
import { controlMigrations } from "./db/control-schema.ts";
import { openDatabase } from "./db/database.ts";
import { SqliteHolderIndex } from "./db/holder-index.ts";
import { holderMigrations } from "./db/holder-schema.ts";
import { SqliteWrappedKeys } from "./db/wrapped-keys.ts";
import { witnessMigrations } from "./db/witness-schema.ts";
import { SqliteWitnessStore } from "./db/witness-store.ts";
import { openOwnerDatabase } from "./db/owner-database.ts";
import { DeviceEvents } from "./events/events.ts";
import { EventHub } from "./events/hub.ts";
import { createFilesFeature } from "./files/feature.ts";
import { createApp } from "./http/app.ts";
import { Door } from "./http/door.ts";
import { IdempotentReplies } from "./http/idempotency.ts";
import { LockGate } from "./http/lock-gate.ts";
import type { Site } from "./http/server.ts";
import { DeviceNetwork } from "./network/network.ts";
import { createPeerServices } from "./network/peer-services.ts";
import { mountNetwork } from "./network/routes.ts";
import { NetworkStore } from "./network/store.ts";
import type { NetworkFeature, PeerNetHooks } from "./network/types.ts";
import { networkView } from "./network/view.ts";
import { OwnerRuntime } from "./owner/owner-runtime.ts";
import { takeNextDeviceKey } from "./recovery/next-device-key.ts";
import { Reclaim } from "./recovery/reclaim.ts";
import { type OpenRecoveryNet, Recovery } from "./recovery/recovery.ts";
import { recoveryOptions } from "./recovery/restore-metadata.ts";
import { Settling } from "./recovery/settling.ts";
import { mountRecovery } from "./recovery/routes.ts";
import { forgetUnfinished } from "./recovery/unfinished.ts";
import { StalenessStore } from "./recovery/staleness.ts";
import type { Opened } from "./security/boot.ts";
import type { Identity } from "./security/identity.ts";
import { Keyring } from "./security/keyring.ts";
import { OwnerSecurity } from "./security/owner-security.ts";
import { mountSecurity, startRekey } from "./security/routes.ts";
import { rewrapAll, rewrapLocked } from "./security/rekey.ts";
import type { SecurityChip } from "./security/security-chip.ts";
import type { Volume } from "./security/volume.ts";
import { recoverySheet, slotNetworks, type Whereabouts } from "./security/whereabouts.ts";
import { mountTasks } from "./tasks/routes.ts";
import { TaskStore } from "./tasks/store.ts";
import { Tasks } from "./tasks/tasks.ts";
import type { TaskWork } from "./tasks/types.ts";

const gibibyte = 1024 ** 3;
/** Three segments under way at 6-of-9: enough to keep nine holders busy. */
const engineMemoryBytes = 40 * 1024 * 1024;
/** So long a re-key waits for the device to have asked its witnesses; it goes on at the next unlocking. */
const rekeyWaitMs = 600_000;
/** The disk keeps this much for the device's own databases and logs, whatever the quotas say. */
const diskReserveBytes = 256 * 1024 * 1024;
const defaultHolderQuotaBytes = 100 * gibibyte;
/** Metadata each member may keep here: deltas since its last checkpoint, many times over. */
const witnessQuotaBytes = 256 * 1024 * 1024;
const mostSpoolBytes = 10 * gibibyte;

export interface ContextParts {
  readonly world: World;
  readonly log: Log;
  /** Ends the process as a power cut would; called by the armed crash point. */
  readonly crashPoint: (name: string) => void;
  /** Tests bring an engine and a network of their own. */
  readonly createEngine?: (options: EngineOptions) => Promise<OwnerEngine>;
  readonly createNetwork?: () => NetworkFeature;
  /** Tests look at what goes through the connections, or shorten their times. */
  readonly createPeerNet?: typeof createPeerNet;
}

/** What the volume was opened with, and what the device shares with its closed self. */
export interface DeviceParts extends ContextParts {
  readonly opened: Opened;
  readonly volume: Volume;
  readonly chip: SecurityChip;
  readonly argon2: Argon2id;
  readonly cost: PasswordCost;
  readonly floor: PasswordCost;
  readonly throttle: Throttle;
  /** `name:port`, known once the server listens. */
  readonly host: () => string;
  readonly reset: () => void;
  /** Closes the device and opens it again on the same volume: its own key is another one now. */
  readonly reopen: () => void;
}

export interface Device {
  readonly site: Site;
  readonly keyring: Keyring;
  readonly security: OwnerSecurity;
  /** A fresh session with its cookie, for whom the phrase or a password at boot has shown to be the owner. */
  signIn(): { readonly session: Session; readonly cookie: string };
  /** Ends the requests that would go on for long, so that the server can close. */
  interrupt(): void;
  /** Ends what runs, resolves when nothing does any more. */
  close(): Promise<void>;
}

/** What was opened before a failure is closed again. */
export async function openDevice(config: Config, parts: DeviceParts): Promise<Device> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return { ...(await build(config, parts, (closer) => closers.push(closer))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  config: Config,
  parts: DeviceParts,
  atClose: (closer: () => Promise<void> | void) => void,
): Promise<Omit<Device, "close">> {
  const { world, log, crashPoint, opened, chip, volume, throttle } = parts;
  const report = (event: string, facts: Readonly<Record<string, unknown>>): void => log.warn(event, facts);

  const state = opened.content;
  const open = (name: string, migrations: readonly string[], synchronous: "FULL" | "NORMAL" = "FULL") => {
    const db = openDatabase(state.file(`${name}.db`), { name, synchronous, migrations });
    atClose(() => db.close());
    return db;
  };
  const controlDb = open("control", controlMigrations);
  const own = openOwnerDatabase(state.file("owner.db"));
  atClose(() => own.close());
  const { db: ownerDb, metadata } = own;
  const holderIndex = new SqliteHolderIndex(open("holder", holderMigrations, "NORMAL"));
  const witnessStore = new SqliteWitnessStore(open("witness", witnessMigrations));
  const disk = new FolderDisk(state.path);
  const blake3 = await createBlake3();
  takeNextDeviceKey(state, world);
  const deviceKey = openDeviceKey(state, world);
  const keyring = new Keyring({ outside: opened.outside, chip, argon2: parts.argon2, floor: parts.floor });
  atClose(() => keyring.lock());

  if (!keyring.hasOwner) forgetUnfinished({ controlDb, ownLog: own.log, content: state });

  const openPeerNet = (hooks: PeerNetHooks): PeerNet =>
    (parts.createPeerNet ?? createPeerNet)({
      deviceSeed: deviceKey.seed,
      mdns: config.mdns,
      listen: [config.peerListen],
      // Bulk bodies take a port of their own on the same address; where it is, the other members read at central.
      bulk: { host: config.peerListen.split("/")[2] ?? "127.0.0.1", port: 0 },
      relay: hooks.relays,
      isAllowed: hooks.isAllowed,
      isRelay: (key) => relayKeys(hooks.relays()).has(toHex(key)),
      handler: {
        admit: (key, frame) => hooks.handler().admit(key, frame),
        handle: (key, request, signal) => hooks.handler().handle(key, request, signal),
      },
      recover: {
        admit: (key, frame) => services.strangers.admit(key, frame),
        handle: (key, request, signal) => services.strangers.handle(key, request, signal),
      },
      world,
      log: (event, facts) => log.info(event, facts),
    });
  const network: NetworkFeature =
    parts.createNetwork?.() ??
    new DeviceNetwork({
      store: new NetworkStore(controlDb),
      world,
      log,
      deviceKey: deviceKey.key,
      ownDomain: config.domain,
      centralUrl: config.centralUrl,
      fetch: (input, init) => fetch(input, init),
      createPeerNet: openPeerNet,
      handler: () => services.members,
      handedInvitation: () => readInvitation(config.invitationFile),
    });
  const holderQuotaBytes = config.holderQuotaBytes ?? defaultHolderQuotaBytes;
  const holderStore = new HolderStore({
    disk,
    index: holderIndex,
    hash: blake3.hash,
    world,
    // Everybody may use an equal share of what this device keeps for the others.
    quotaBytes: () => Math.floor(holderQuotaBytes / Math.max(1, network.members.holders().length)),
    reserveBytes: diskReserveBytes,
    crashPoint,
    report,
  });
  await holderStore.open();
  const holderService = new HolderService({
    store: holderStore,
    memberOf: (key) => network.memberOf(key),
    hello: (account, hello) => network.hello(account, hello),
    report,
  });
  const services = createPeerServices({
    network,
    fragments: holderService,
    witnessStore,
    deviceKey: deviceKey.key.publicKey,
    witnessQuotaBytes: () => witnessQuotaBytes,
    world,
    report,
  });

  const policy = config.code === undefined ? defaultPolicy : fixedPolicy(config.code);
  const hub = new EventHub(world);
  atClose(() => hub.stop());
  const events = new DeviceEvents({ world, publish: (event) => hub.publish(event), network: () => view() });
  atClose(() => events.stop());
  const tasks = new Tasks({ store: new TaskStore(controlDb), world, log, changed: (task) => events.task(task) });
  const identity = (): Identity => {
    if (security.identity === undefined) throw authFaults.fault("not-claimed", "this device has no owner yet");
    return security.identity;
  };
  const secrets = new AccountSecrets(ownerDb);
  const settling = new Settling({
    store: new StalenessStore(state),
    ownLog: own.log,
    reading: () => {
      const membership = network.membershipState();
      if (membership === undefined) return undefined;
      const { account, epoch, metadataKey, formerMetadataKeys } = identity();
      const addresses = new Map(network.members.holders().map((holder) => [toHex(holder.deviceKey), holder.addresses]));
      return recoveryOptions({
        account,
        metadataKeys: new Map([...formerMetadataKeys, { epoch, key: metadataKey }].map((of) => [of.epoch, of.key])),
        membership: { state: membership, entries: network.membership()?.entriesFrom(0) ?? [] },
        transport: network.transport,
        addressesOf: (key) => addresses.get(toHex(key)) ?? [],
        hash: blake3.hash,
        policy,
        ownDomain: config.domain,
        world,
        report,
      });
    },
    world,
    report,
    changed: () => events.securityChanged(),
  });
  const backup = new Backup({
    settling,
    ownLog: own.log,
    network,
    deviceKey: deviceKey.key,
    identity,
    world,
    report,
    crashPoint,
    changed: () => {
      events.securityChanged();
      events.networkChanged();
    },
  });
  const slotKeeper = new SlotKeeper({
    backup,
    network,
    vault: network.vault(() => false),
    slot: () => (keyring.hasOwner ? keyring.slots().phraseSlot : undefined),
    renew: (addressesToo) => security.renewDetails(addressesToo),
    world,
    report,
    changed: () => events.securityChanged(),
  });
  const runtime: OwnerRuntime = new OwnerRuntime({
    network,
    settling,
    backup,
    identity,
    chain: () => keyring.slots().chain,
    maskKey: () => secrets.ensure("mask-key", () => world.randomBytes(32)),
    work: () => {
      files.start();
      slotKeeper.start();
      afterUnlock();
    },
    keys: () => keyring.keys(),
    createEngine: parts.createEngine ?? createOwnerEngine,
    engine: {
      world,
      metadata,
      hash: blake3.hash,
      spoolDisk: disk,
      spoolLimitBytes: config.spoolLimitBytes ?? defaultSpoolBytes(state.path),
      policy,
      ownDomain: config.domain,
      memoryLimitBytes: engineMemoryBytes,
      events: {
        committed: (versionId, bytes) => files.committed(versionId, bytes),
        placementChanged: (segmentId) => files.placementChanged(segmentId),
      },
      mayWork: () => backup.mayCommit,
      crashPoint,
      report,
    },
  });
  const bytesByHolder = seldom(world, () => metadata.bytesByHolder());
  const view = (): NetworkView =>
    networkView({
      network: network.state(),
      self: runtime.account,
      redundancy: policy(network.members.holders().length + 1),
      spool: runtime.isOpen ? runtime.engine.spool() : { usedBytes: 0, limitBytes: 0 },
      held: { usedBytes: holderIndex.usedBytes(), quotaBytes: holderQuotaBytes, fragments: holderIndex.fragments },
      bytesByHolder: bytesByHolder(),
      waitingChanges: runtime.isOpen ? backup.view().waitingChanges : undefined,
    });
  let clockState = network.clock().state;
  atClose(
    network.onChange(() => {
      events.networkChanged();
      if (network.clock().state === clockState) return;
      clockState = network.clock().state;
      events.clockChanged(network.clock());
    }),
  );

  const sessions = new Sessions(new SessionStore(controlDb), world);
  if (!keyring.hasOwner) sessions.endAll();
  sessions.onEnd((session) => hub.endSession(session));
  const whereabouts = (): Whereabouts => {
    const { networkId, name } = network.state();
    return { networkId, networkName: name, centralUrl: config.centralUrl, members: network.members.holders() };
  };
  const security = new OwnerSecurity({
    content: state,
    outside: opened.outside,
    keyring,
    chip,
    argon2: parts.argon2,
    world,
    cost: parts.cost,
    floor: parts.floor,
    deviceKey: deviceKey.key,
    details: () => slotNetworks(whereabouts()),
    slotChanged: () => slotKeeper.changed(),
    crashPoint,
  });
  const auth = new Auth({
    security,
    keyring,
    sessions,
    throttle,
    claimCode: () => readClaimCode(config.claimCodeFile),
    claimed: () => runtime.open(),
    recovering: () => recovery.running,
  });
  const openRecoveryNet: OpenRecoveryNet = (deviceSeed, { isAllowed, relays }) =>
    (parts.createPeerNet ?? createPeerNet)({
      deviceSeed,
      // It asks and is not asked.
      listen: [],
      mdns: config.mdns,
      relay: () => [],
      isAllowed,
      isRelay: (key) => relayKeys(relays()).has(toHex(key)),
      handler: services.strangers,
      world,
      log: (event, facts) => log.info(event, facts),
    });
  const stopping = new AbortController();
  atClose(() => stopping.abort(new Error("the device stops")));
  const recovery: Recovery = new Recovery({
    content: state,
    outside: opened.outside,
    keyring,
    chip,
    argon2: parts.argon2,
    world,
    cost: parts.cost,
    floor: parts.floor,
    deviceKey,
    ownLog: own.log,
    network,
    openNet: openRecoveryNet,
    mdns: config.mdns,
    centralUrl: config.centralUrl,
    fetch: (input, init) => fetch(input, init),
    hash: blake3.hash,
    policy,
    ownDomain: config.domain,
    settling,
    tasks,
    report,
    crashPoint,
    recovered: () => {
      security.recovered();
      return runtime.open();
    },
  });
  const reclaim = new Reclaim({
    content: state,
    keyring,
    security,
    network,
    ownLog: own.log,
    settling,
    openNet: openRecoveryNet,
    centralUrl: config.centralUrl,
    fetch: (input, init) => fetch(input, init),
    hash: blake3.hash,
    policy,
    ownDomain: config.domain,
    isReplaced: () => runtime.isOpen && backup.replacedAtMs !== undefined,
    tasks,
    world,
    report,
    stopping: stopping.signal,
    reopen: parts.reopen,
  });
  const writeGate = new WriteGate(backup, () => events.networkChanged());
  const files = createFilesFeature({
    db: ownerDb,
    metadata,
    engine: () => runtime.engine,
    blake3,
    members: network.members,
    world,
    log,
    events,
    tasks,
    gate: writeGate,
    mayWork: () => backup.mayCommit,
    crashPoint,
  });

  const { insecure, deviceName } = config;
  const apps = createAppsFeature({
    ...openAppAdapters({ config, content: state.path, backend: volume.backend, world, log }),
    controlDb,
    world,
    log,
    sessions,
    events,
    tasks,
    hostName: config.hostName,
    deviceName,
    portalHost: parts.host,
    ownerName: () => auth.owner?.name ?? "",
    catalogs: catalogFolders(config.catalogs),
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    freeMemoryBytes: () => process.availableMemory(),
  });
  const door = new Door({ host: parts.host, deviceName, sessions });
  const lockGate = new LockGate(() => recovery.running || !keyring.unlocked);
  const wrappedKeys = new SqliteWrappedKeys(ownerDb);
  const rewrap: TaskWork = async (progress) => {
    await backup.untilReady(rekeyWaitMs, progress.signal);
    await rewrapAll({ keys: () => keyring.keys(), rows: wrappedKeys, crashPoint }, progress);
    await finishRekey(
      {
        security,
        backup,
        slots: slotKeeper,
        network,
        epoch: () => identity().epoch,
        chain: () => keyring.slots().chain,
        world,
        crashPoint,
      },
      progress,
    );
    if (!backup.needsFormerKeys) security.forgetFormerKeys();
    return undefined;
  };
  /** What a restart or a lock cut off goes on; a re-key that has just begun starts its task itself. */
  const resumeRekey = (): void => {
    const isRunning = tasks.list().some(({ kind, state: now }) => kind === "re-key" && now === "running");
    if (keyring.unlocked && security.rekeying && !isRunning) startRekey(tasks, rewrap);
  };
  /** What only the owner's keys can do, each time they are there and the content may be changed. */
  const afterUnlock = (): void => {
    if (!keyring.unlocked || !backup.mayCommit) return;
    if (security.rekeying) {
      resumeRekey();
      return;
    }
    if (!backup.needsFormerKeys) security.forgetFormerKeys();
    tidyKeys = tidyKeys
      .then(() => (keyring.unlocked ? rewrapLocked(() => keyring.keys(), wrappedKeys, closing.signal) : undefined))
      .catch((error: unknown) => {
        // It was locked again, or the device stops: the next unlocking goes on.
        if (!isFault(error) && !closing.signal.aborted) throw error;
      });
    slotKeeper.changed();
  };
  keyring.onChange((unlocked) => {
    if (!unlocked) lockGate.cut();
    else setImmediate(afterUnlock);
    events.securityChanged();
    events.networkChanged();
  });
  const api = createApp({ log, replies: new IdempotentReplies(controlDb, world), lockGate, writeGate });
  const reasons = (): Status["reasons"] => (runtime.isOpen ? backup.reasons() : []);
  const clock = (): NetworkView["clock"] => network.clock();
  mountAuth(api, { auth, keyring, door, world, deviceName, version: manifest.version, insecure, clock, reasons });
  mountSecurity(api, {
    auth,
    keyring,
    security,
    chip,
    volume,
    deviceName,
    insecure,
    backup: () => backup.view(),
    slotCopies: () => slotKeeper.copies(),
    replacedAtMs: () => backup.replacedAtMs,
    mayBeStale: () => settling.staleness,
    sheet: () => recoverySheet(whereabouts(), world.nowMs()),
    tasks,
    rewrap,
    reset: parts.reset,
  });
  mountRecovery(api, {
    auth,
    sessions,
    door,
    throttle,
    claimCode: () => readClaimCode(config.claimCodeFile),
    deviceName,
    world,
    stopping: stopping.signal,
    recovery,
    reclaim,
    settling,
  });
  mountNetwork(api, { network, tasks, view });
  mountTasks(api, tasks);
  files.mount(api);
  apps.mount(api);
  const streams = [...files.streams, ...apps.streams, { pattern: /^\/events$/, methods: { GET: hub.handle } }];

  // Closed in reverse: first nothing new comes in, then what runs ends, then what it stood on.
  atClose(() => runtime.close());
  atClose(() => files.stop());
  atClose(() => slotKeeper.stop());
  const closing = new AbortController();
  let tidyKeys: Promise<void> = Promise.resolve();
  atClose(async () => {
    closing.abort(new Error("the device stops"));
    await tidyKeys;
  });
  if (auth.owner !== undefined) await runtime.open();
  apps.start();
  atClose(() => apps.stop());
  atClose(() => tasks.stop());
  return {
    interrupt: () => {
      hub.stop();
      events.stop();
      files.interrupt();
    },
    site: { api, streams, door, lockGate, appHosts: apps.hosts },
    keyring,
    security,
    signIn: () => {
      const session = auth.signInByPhrase();
      return { session: sessionView(auth, deviceName, session), cookie: door.cookieOf(session.token) };
    },
  };
}

/** Read anew each time, since it may be handed over, or replaced, while the device runs. */
function readInvitation(path: string | undefined): string | undefined {
  return path !== undefined && existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}

/** A tenth of the file system, at most 10 GiB. */
function defaultSpoolBytes(path: string): number {
  const { blocks, bsize } = statfsSync(path);
  return Math.min(mostSpoolBytes, Math.floor((blocks * bsize) / 10));
}

/** Computes again only after twenty times as long as it took: what is cheap stays fresh, what is dear stays rare. */
function seldom<T>(world: World, compute: () => T): () => T {
  let last: { readonly value: T; readonly againMs: number } | undefined;
  return () => {
    const startMs = world.monotonicMs();
    if (last !== undefined && startMs < last.againMs) return last.value;
    const value = compute();
    const endMs = world.monotonicMs();
    last = { value, againMs: endMs + 20 * (endMs - startMs) };
    return value;
  };
}
