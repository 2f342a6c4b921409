/** Puts together all that runs on an open volume. */
import { existsSync, readFileSync } from "node:fs";
import { toHex } from "@piccolo/bytes";
import type { NetworkView, Status } from "@piccolo/device-api";
import { createOwnerEngine } from "@piccolo/storage/owner";
import { acknowledgedFragments, defaultPolicy, fixedPolicy } from "@piccolo/storage/policy";
import { FolderDisk } from "./adapters/disk.ts";
import { hasForgottenTime } from "./adapters/machine/hardware-clock.ts";
import { openAppAdapters } from "./adapters/app-adapters.ts";
import { openRoom } from "./adapters/volume/open-room.ts";
import { createPeerNet } from "./adapters/peer-net/index.ts";
import { createBlake3 } from "./adapters/fragment-hash.ts";
import { fetchCatalog } from "./adapters/catalog-fetch.ts";
import { catalogFolders } from "./adapters/catalog-folders.ts";
import { createAppsFeature } from "./apps/feature.ts";
import { Auth } from "./auth/auth.ts";
import { openDeviceKey } from "./auth/device-key.ts";
import { mountAuth, sessionView } from "./auth/routes.ts";
import { authFaults } from "./auth/types.ts";
import { Backup } from "./backup/backup.ts";
import { SlotKeeper } from "./backup/slot-keeper.ts";
import { WriteGate } from "./backup/write-gate.ts";
import { Sessions } from "./auth/sessions.ts";
import { SessionStore } from "./auth/store.ts";
import type { Device, DeviceParts } from "./device-parts.ts";
import { AccountSecrets } from "./db/account-secrets.ts";
import { openDatabases } from "./db/databases.ts";
import { SqliteReencryptionStore } from "./db/reencryption-store.ts";
import { SqliteWrappedKeys } from "./db/wrapped-keys.ts";
import { type NamedConfig, versionOf } from "./device-name.ts";
import { DeviceEvents } from "./events/events.ts";
import { EventHub } from "./events/hub.ts";
import { createFilesFeature } from "./files/feature.ts";
import { createApp } from "./http/app.ts";
import { Door, isOpenToStrangers } from "./http/door.ts";
import { IdempotentReplies } from "./http/idempotency.ts";
import { LockGate } from "./http/lock-gate.ts";
import { leaveWithin } from "./network/leaving.ts";
import { isClockBelieved } from "./network/clock.ts";
import { openHolding } from "./network/holding.ts";
import { DeviceNetwork } from "./network/network.ts";
import { createPeerNets } from "./network/peer-nets.ts";
import { mountNetwork } from "./network/routes.ts";
import { NetworkStore } from "./network/store.ts";
import type { NetworkFeature } from "./network/types.ts";
import { networkView, seldom } from "./network/view.ts";
import { OwnerRuntime } from "./owner/owner-runtime.ts";
import { defaultSpoolBytes } from "./owner/spool-limit.ts";
import { UnattendedVersions } from "./owner/unattended-versions.ts";
import { UnlockedWork } from "./owner/unlocked-work.ts";
import { takeNextDeviceKey } from "./recovery/next-device-key.ts";
import { Reclaim } from "./recovery/reclaim.ts";
import { Recovery } from "./recovery/recovery.ts";
import { recoveryOptions } from "./recovery/restore-metadata.ts";
import { Settling } from "./recovery/settling.ts";
import { mountRecovery } from "./recovery/routes.ts";
import { StalenessStore } from "./recovery/staleness.ts";
import type { Identity } from "./security/identity.ts";
import { Reencryption } from "./security/reencrypt.ts";
import { Keyring } from "./security/keyring.ts";
import { OwnerSecurity } from "./security/owner-security.ts";
import { mountSecurity } from "./security/routes.ts";
import { recoverySheet, slotNetworks, type Whereabouts } from "./security/whereabouts.ts";
import { mountSystem } from "./system/routes.ts";
import { mountTasks } from "./tasks/routes.ts";
import { TaskStore } from "./tasks/store.ts";
import { Tasks } from "./tasks/tasks.ts";

/** Three segments under way at 6-of-9: enough to keep nine holders busy. */
const engineMemoryBytes = 40 * 1024 * 1024;

/** What was opened before a failure is closed again. */
export async function openDevice(config: NamedConfig, parts: DeviceParts): Promise<Device> {
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
  config: NamedConfig,
  parts: DeviceParts,
  atClose: (closer: () => Promise<void> | void) => void,
): Promise<Omit<Device, "close">> {
  const { world, log, crashPoint, opened, chip, volume, throttle } = parts;
  const report = (event: string, facts: Readonly<Record<string, unknown>>): void => log.warn(event, facts);

  const state = opened.content;
  const databases = openDatabases(state, atClose);
  const { control: controlDb, owner: own } = databases;
  const { db: ownerDb, metadata } = own;
  const room = await openRoom({ volume, path: state.path, world, log });
  atClose(() => room.close());
  const disk = new FolderDisk(state.path, () => room.freeBytes());
  const blake3 = await createBlake3();
  takeNextDeviceKey(state, world);
  const deviceKey = openDeviceKey(state, world);
  const keyring = new Keyring({ outside: opened.outside, chip, argon2: parts.argon2, floor: parts.floor });
  atClose(() => keyring.lock());

  const nets = createPeerNets({
    config,
    deviceSeed: deviceKey.seed,
    strangers: () => holding.strangers,
    create: parts.createPeerNet ?? createPeerNet,
    world,
    log,
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
      createPeerNet: nets.openMemberNet,
      handler: () => holding.members,
      handedInvitation: () => readInvitation(config.invitationFile),
      hasForgottenTime: () => config.tpm?.kind === "device" && hasForgottenTime("/", world.nowMs()),
    });
  const holding = await openHolding({
    index: databases.holderIndex,
    witnessStore: databases.witnessStore,
    disk,
    room,
    network,
    hash: blake3.hash,
    deviceKey: deviceKey.key.publicKey,
    quotaBytes: config.holderQuotaBytes,
    world,
    crashPoint,
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
        vault: network.vault(() => false),
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
    outnumber: (kept) => security.outnumber(kept),
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
      apps.startBackups();
      slotKeeper.start();
      unlockedWork.begin();
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
      isKept: async () => (await backup.flush()).witnessed,
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
      held: holding.held(),
      bytesByHolder: bytesByHolder(),
      waitingChanges: runtime.isOpen ? backup.view().waitingChanges : undefined,
    });
  let clockState = network.clock().state;
  atClose(
    network.onChange(() => {
      events.networkChanged();
      reencryption.wake();
      apps.wake();
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
  const { argon2, cost, floor } = parts;
  /** What makes and opens slots. */
  const keeping = {
    content: state,
    outside: opened.outside,
    keyring,
    chip,
    argon2,
    world,
    cost,
    floor,
    crashPoint,
    report,
  };
  const security = new OwnerSecurity({
    ...keeping,
    deviceKey: deviceKey.key,
    details: () => slotNetworks(whereabouts()),
    slotChanged: () => slotKeeper.changed(),
  });
  const auth = new Auth({
    security,
    keyring,
    sessions,
    throttle,
    claimCode: parts.claimCode,
    claimed: () => runtime.open(),
    recovering: () => recovery.running,
    checkStart: parts.checkStart,
  });
  const stopping = new AbortController();
  atClose(() => stopping.abort(new Error("the device stops")));
  /** Where a device that asks as a stranger asks, and how it reads what it finds. */
  const searching = {
    network,
    ownLog: own.log,
    settling,
    openNet: nets.openRecoveryNet,
    centralUrl: config.centralUrl,
    fetch: (input: string, init: RequestInit) => fetch(input, init),
    hash: blake3.hash,
    policy,
    ownDomain: config.domain,
    tasks,
  };
  const recovery: Recovery = new Recovery({
    ...keeping,
    ...searching,
    deviceKey,
    mdns: config.mdns,
    recovered: () => {
      security.recovered();
      return runtime.open();
    },
  });
  const reclaim = new Reclaim({
    ...searching,
    content: state,
    keyring,
    security,
    isReplaced: () => runtime.isOpen && backup.replacedAtMs !== undefined,
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
    room,
    // By a clock that is years ahead everything in the trash would be due.
    mayWork: () => backup.mayCommit && isClockBelieved(network),
    crashPoint,
  });

  const { insecure, deviceName } = config;
  const unattended = new UnattendedVersions({ db: ownerDb, engine: () => runtime.engine, backup });
  const apps = createAppsFeature({
    osVersion: versionOf(config),
    ...openAppAdapters({ config, content: state.path, backend: volume.backend, room, world, log, crashPoint }),
    controlDb,
    ownerDb,
    world,
    log,
    sessions,
    events,
    tasks,
    unattended,
    engine: () => runtime.engine,
    inNetwork: () => network.membershipState() !== undefined,
    reach: () => {
      const code = runtime.isOpen ? runtime.engine.currentCode() : undefined;
      const online = network.members.holders().filter((holder) => holder.online).length;
      return { online, needed: code === undefined ? undefined : acknowledgedFragments(code) };
    },
    mayWork: () => backup.mayCommit && isClockBelieved(network),
    isUnlocked: () => keyring.unlocked,
    seed: () => toHex(deviceKey.key.publicKey),
    crashPoint,
    healthEveryMs: config.appHealthMs,
    hostName: config.hostName,
    deviceName,
    portalOrigin: () => parts.address.origin,
    isSecure: parts.address.isSecure,
    ownerName: () => auth.owner?.name ?? "",
    catalogs: catalogFolders(config.catalogs),
    fetchCatalog,
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    freeMemoryBytes: () => process.availableMemory(),
    hostsChanged: parts.appHostsChanged,
  });
  const door = new Door({
    address: parts.address,
    deviceName,
    sessions,
    isOpen: (call) => isOpenToStrangers(call, auth.owner !== undefined),
  });
  const lockGate = new LockGate(() => recovery.running || !keyring.unlocked);
  sessions.onEnd((session) => lockGate.cutSession(session));
  const reencryption = new Reencryption({
    room,
    store: new SqliteReencryptionStore(ownerDb),
    metadata,
    engine: () => runtime.engine,
    epoch: () => identity().epoch,
    isUnlocked: () => keyring.unlocked,
    mayCommit: () => backup.mayCommit,
    isRekeying: () => security.rekey.running,
    flush: () => backup.flush(),
    tasks,
    world,
    report,
    changed: () => events.securityChanged(),
  });
  const unlockedWork = new UnlockedWork({
    keyring,
    security,
    backup,
    slots: slotKeeper,
    network,
    identity,
    wrappedKeys: new SqliteWrappedKeys(ownerDb),
    reencryption,
    tasks,
    world,
    crashPoint,
  });
  keyring.onChange((unlocked) => {
    if (!unlocked) lockGate.cut();
    else setImmediate(() => unlockedWork.begin());
    reencryption.wake();
    apps.wake();
    events.securityChanged();
    events.networkChanged();
  });
  const api = createApp({ log, replies: new IdempotentReplies(controlDb, world), lockGate, sessions, writeGate });
  const reasons = (): Status["reasons"] => (runtime.isOpen ? backup.reasons() : []);
  const clock = (): NetworkView["clock"] => network.clock();
  mountAuth(api, { auth, keyring, door, world, deviceName, version: versionOf(config), insecure, clock, reasons });
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
    sheet: () => ({
      ...recoverySheet(whereabouts(), world.nowMs()),
      ...(parts.authorityFingerprint === undefined ? {} : { authorityFingerprint: parts.authorityFingerprint }),
    }),
    unlockedWork,
    reencryption,
    leaveNetwork: () => leaveWithin(network, world),
    reset: parts.reset,
  });
  mountSystem(api, parts.measuredBoot, parts.releaseTrials);
  atClose(parts.releaseTrials.onChange(() => events.securityChanged()));
  mountRecovery(api, {
    auth,
    sessions,
    door,
    throttle,
    claimCode: parts.claimCode,
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
  atClose(() => unlockedWork.stop());
  if (auth.owner !== undefined) await runtime.open();
  apps.start();
  atClose(() => apps.stop());
  atClose(() => tasks.stop());
  // Before the tasks: a turn may start one.
  atClose(() => security.close());
  return {
    interrupt: () => {
      hub.stop();
      events.stop();
      files.interrupt();
    },
    site: { api, streams, door, lockGate, appHosts: apps.hosts },
    isAppHost: (name) => apps.isHost(name),
    keyring,
    security,
    unattended,
    readVersion: (versionId, bytes, signal) => runtime.engine.read(versionId, { start: 0, end: bytes }, signal),
    signIn: (cookies) => {
      const session = door.sessionOf(cookies) ?? auth.signInByPhrase();
      return { session: sessionView(auth, deviceName, session), cookie: door.cookieOf(session.token) };
    },
  };
}

/** Read anew each time, since it may be handed over, or replaced, while the device runs. */
function readInvitation(path: string | undefined): string | undefined {
  return path !== undefined && existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}
