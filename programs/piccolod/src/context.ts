/** Starts the device: chip, volume, and the server, behind which it is closed or whole. */
import assert from "node:assert/strict";
import { MadeVolumeFile } from "./adapters/made-volume-file.ts";
import { ReasonFile } from "./adapters/reason-file.ts";
import { uptime } from "node:os";
import { dirname, join } from "node:path";
import { fromUtf8, toUtf8 } from "@piccolo/bytes";
import type { Session } from "@piccolo/device-api";
import { type Argon2id, type OpenedRoot, type PasswordCost, passwordCostFloor, productCost } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { errorFacts } from "./adapters/log.ts";
import { hasForgottenTime } from "./adapters/machine/hardware-clock.ts";
import { MachineBootState } from "./adapters/machine/boot-state.ts";
import { portalFiles } from "./adapters/portal-files.ts";
import { LocalNames } from "./adapters/mdns/local-names.ts";
import { addressesSeenFrom } from "./adapters/own-addresses.ts";
import { Screens } from "./adapters/screen.ts";
import type { DurableFolder } from "./adapters/state-folder.ts";
import { type Authority, fingerprintOf } from "./adapters/tls/certificates.ts";
import { authorityFile, DeviceAuthority } from "./adapters/tls/device-authority.ts";
import { AppLeaves } from "./adapters/tls/app-leaves.ts";
import { Leaf } from "./adapters/tls/leaf.ts";
import type { TpmChannel } from "./adapters/tpm/channel.ts";
import { openDeviceChannel } from "./adapters/tpm/device-channel.ts";
import { type ChipMemory, MemoryChip } from "./adapters/tpm/memory-chip.ts";
import { readSignedBoots } from "./adapters/tpm/signed-boots.ts";
import { openSocketChannel } from "./adapters/tpm/socket-channel.ts";
import { Tpm2Chip } from "./adapters/tpm/tpm2-chip.ts";
import { openUsableState } from "./adapters/usable-state.ts";
import { linuxBlockSystem } from "./adapters/volume/block-system.ts";
import { GocryptfsVolume } from "./adapters/volume/gocryptfs.ts";
import { Luks2Volume } from "./adapters/volume/luks2.ts";
import { PlainFolderVolume } from "./adapters/volume/plain-folder.ts";
import { ClaimCode } from "./auth/claim-code.ts";
import { Throttle } from "./auth/throttle.ts";
import type { Config } from "./config.ts";
import { openDevice } from "./device.ts";
import { deviceNameFile, nameDevice, type NamedConfig, versionOf } from "./device-name.ts";
import type { ContextParts, Device } from "./device-parts.ts";
import { listen } from "./http/listening.ts";
import { OwnAddress } from "./http/own-address.ts";
import type { Site } from "./http/server.ts";
import {
  bootImages,
  distrustOfStart,
  firstMinimum,
  firstRelease,
  keepRelease,
  keptReleases,
  renewalOf,
} from "./release-context.ts";
import { isOperatingFailure } from "./operating-failure.ts";
import { oneAtATime } from "./security/argon2-queue.ts";
import { Boot, type Opened } from "./security/boot.ts";
import { faultOfStart } from "./security/disk-failure.ts";
import { FirstBootFile } from "./security/first-boot.ts";
import { createClosedSite, type GoingOn } from "./security/closed-site.ts";
import { type ScreenFacts, screenLines } from "./security/screen-lines.ts";
import type { OutsideRecord } from "./security/outside-record.ts";
import type { SecurityChip } from "./security/security-chip.ts";
import type { Volume } from "./security/volume.ts";
import { nothingMeasured } from "./system/boot-state.ts";
import { lastGoodStartFile } from "./system/last-good-start.ts";
import { MeasuredBoot } from "./system/measured-boot.ts";
import { ReleaseTrials } from "./system/release-trials.ts";
import type { VolumeOutcome } from "./system/probation.ts";
import { trustedKeys } from "./system/trusted-keys.ts";

export type { ContextParts } from "./device-parts.ts";

/** Next to no work: for tests and drills, whose devices say so. */
const cheapCost: PasswordCost = { memoryKiB: 64, passes: 1, parallelism: 1 };
const chipSeedName = "insecure-chip-seed";
const chipMemoryName = "insecure-chip-memory";
/** How often a machine that lost the time is asked whether it has it again. */
const clockLookMs = 30_000;
/** Where the installer leaves it; beside the record on the image. */
const claimCodeName = "claim-code";
const smallFiles = [deviceNameFile, authorityFile, lastGoodStartFile, claimCodeName, chipSeedName, chipMemoryName];

export interface Piccolod {
  /** Where the portal answers. */
  readonly origin: string;
  /** What stands behind it now; undefined while the volume is closed. */
  readonly device: Device | undefined;
  /** Ends what runs, resolves when nothing does any more. */
  close(): Promise<void>;
}

/** Opens the device and listens. What was opened before a failure is closed again. */
export async function openPiccolod(config: Config, parts: ContextParts): Promise<Piccolod> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const { origin, running } = await start(config, parts, (closer) => closers.push(closer));
    return {
      origin,
      get device() {
        return running.device;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  config: Config,
  parts: ContextParts,
  atClose: (closer: () => Promise<void> | void) => void,
): Promise<{ readonly origin: string; readonly running: Running }> {
  const { world, log } = parts;
  // On the image nobody reads why a start failed, so the device goes on and says it, as it does without a volume.
  const staysUp = config.firstBootFile !== undefined;
  const standIn = staysUp ? (parts.standInFolder ?? join(config.runFolder, "stand-in")) : undefined;
  const { folder: state, unusable: unusableState } = openUsableState(config.stateFolder, {
    standIn,
    small: smallFiles,
    log,
  });
  atClose(() => state.close());
  const unusable = unusableState ?? (staysUp ? parts.endsByDisk?.reason() : undefined);
  const chip = openChip(config, state, parts);
  atClose(() => chip.close());
  try {
    const { manufacturer, simulated } = await chip.describe();
    log.info("security-chip", { manufacturer, simulated, volume: config.volume.backend });
  } catch (error) {
    // A chip that is not there is no reason to go on without one.
    if (!staysUp || !isFault(error)) throw error;
    log.error("no-security-chip", errorFacts(error));
  }
  const volume = openVolume(config, state, world);
  atClose(() => volume.close());
  const [cost, floor] = config.cheapSlots
    ? [cheapCost, cheapCost]
    : [config.passwordCost ?? productCost, passwordCostFloor];
  const argon2 = oneAtATime();
  // A software TPM knows nothing of the machine it is a process of.
  const isMachine = config.tpm?.kind === "device";
  const bootState = parts.bootState ?? (isMachine ? new MachineBootState("/") : nothingMeasured);
  const measuredBoot = new MeasuredBoot({
    bootState,
    chip,
    release: config.release,
    predictions: async () => (await bootImages(config, parts)?.predictions()) ?? [],
    trustedKeys,
    volume: () => running.volumeIdentity,
    report: (event, facts) => log.warn(event, facts),
  });
  const releaseTrials = new ReleaseTrials(state);
  const { firstBootFile } = config;
  const firstBoot =
    firstBootFile === undefined || unusable !== undefined ? undefined : new FirstBootFile(firstBootFile);
  const distrust = distrustOfStart(config, parts, { chip, bootState });
  const renewal = renewalOf(config, parts, { chip, bootState });
  const boot = new Boot({
    state,
    volume,
    chip,
    world,
    log,
    argon2,
    floor,
    firstBoot,
    distrust,
    renewal,
    unusable,
    staysUp,
    firstReason: standIn === undefined ? undefined : new ReasonFile(join(dirname(standIn), "why-closed")),
    madeVolume: standIn === undefined ? undefined : new MadeVolumeFile(join(dirname(standIn), "made-volume")),
  });
  const named = nameDevice(config, state, world);
  const running = new Running(named, {
    ...parts,
    chip,
    volume,
    cost,
    floor,
    argon2,
    throttle: new Throttle(world),
    measuredBoot,
    releaseTrials,
    boot,
    staysUp,
    restartMachine: keptReleases(config, parts)?.restart,
    claimCode: new ClaimCode({ file: config.claimCodeFile, world: config.screens.length > 0 ? world : undefined }),
    authority: new DeviceAuthority({ state, chip, deviceName: named.deviceName, world, log }),
  });
  atClose(() => boot.settle());
  atClose(() => running.close());
  await running.start();
  const leaves = config.https ? await running.openLeaves() : undefined;
  const { listenHost, listenPort, redirect } = config;
  const listening = await listen({
    site: () => running.site,
    portal: portalFiles(config.portalFolder),
    log,
    listen: { listenHost, listenPort },
    redirect,
    address: running.address,
    leaf: leaves?.leaf,
    appLeaves: leaves?.appLeaves,
    isAppHost: (name) => running.isAppHost(name),
    interrupt: () => running.device?.interrupt(),
  });
  atClose(() => listening.close());
  running.onOtherAuthority(() => listening.renew());
  if (config.https && config.mdns) {
    const names = new LocalNames({ names: running.names, addresses: (from) => addressesSeenFrom(from), world, log });
    atClose(() => names.close());
    void names.hold().then(() => {
      const told = running.names.find((name) => names.held.includes(name));
      if (told === undefined || told === running.names[0]) return;
      running.address.tell(told);
      running.show();
    });
    running.onAppHosts((hosts) => void names.want(hosts));
  }
  running.show();
  const { address } = running;
  const volumeSeen = (): VolumeOutcome | undefined => running.volumeSeen;
  const system = { state, releaseTrials, chip, address, volume: volumeSeen, record: () => running.record };
  const keeping = keepRelease(config, parts, system);
  atClose(() => keeping.stop());
  return { origin: running.address.origin, running };
}

function openChip(config: Config, state: DurableFolder, { world, log }: ContextParts): SecurityChip {
  const { tpm, release } = config;
  if (tpm === undefined) {
    const seed = state.read(chipSeedName, 32) ?? world.randomBytes(32);
    state.write(chipSeedName, seed);
    return new MemoryChip({ world, seed: new Uint8Array(seed), memory: chipMemory(state) });
  }
  const open = tpm.kind === "swtpm" ? openSocketChannel : openDeviceChannel;
  const releaseNumber = release?.number ?? firstRelease;
  const signedBoots =
    config.signedBootsFile === undefined
      ? undefined
      : { trustedKey: release?.keys["pcr"] ?? "", policies: readSignedBoots(config.signedBootsFile, log) };
  const connect = (): Promise<TpmChannel> => open(tpm.path, { world });
  return new Tpm2Chip({ connect, world, releaseNumber, firstMinimum: firstMinimum(config), signedBoots });
}

/** As little protected as the seed beside it. */
function chipMemory(state: DurableFolder): ChipMemory {
  return {
    read: () => Number(fromUtf8(state.read(chipMemoryName, 16) ?? new Uint8Array(0))),
    write: (generation) => state.write(chipMemoryName, toUtf8(String(generation))),
  };
}

function openVolume({ volume, mountUnit }: Config, state: DurableFolder, world: World): Volume {
  if (volume.backend === "luks2") {
    return new Luks2Volume({
      partition: volume.partition,
      mapping: "piccolo",
      path: join(state.path, "volume"),
      headerCopy: join(state.path, "volume-header"),
      system: linuxBlockSystem({ mountUnit, uptimeMs: () => uptime() * 1_000 }),
      world,
    });
  }
  const { path } = state.folder("volume");
  return volume.backend === "gocryptfs" ? new GocryptfsVolume(path) : new PlainFolderVolume(path);
}

interface RunningParts extends ContextParts {
  readonly chip: SecurityChip;
  readonly volume: Volume;
  readonly cost: PasswordCost;
  readonly floor: PasswordCost;
  readonly argon2: Argon2id;
  readonly throttle: Throttle;
  readonly measuredBoot: MeasuredBoot;
  readonly releaseTrials: ReleaseTrials;
  readonly boot: Boot;
  readonly claimCode: ClaimCode;
  readonly authority: DeviceAuthority;
  readonly staysUp: boolean;
  /** Undefined where the machine is not this daemon's to start again. */
  readonly restartMachine: (() => Promise<void>) | undefined;
}

/** The device as it is now: closed, or whole. */
class Running {
  readonly #config: NamedConfig;
  readonly #parts: RunningParts;
  readonly #closed: Site;
  readonly names: readonly string[];
  readonly address: OwnAddress;
  readonly #screens: Screens;
  #appHosts: readonly string[] = [];
  #appHostsHeard: ((names: readonly string[]) => void) | undefined;
  #authority: Authority | undefined;
  #authorityChanged: () => void = () => undefined;
  #showsOwnerless = false;
  #shown: ScreenFacts | undefined;
  readonly #closing = new AbortController();
  /** Until the clock is right, so that the screen stops saying that it is not. */
  #awaitsTime: Promise<void> | undefined;
  device: Device | undefined;
  #opened: Opened | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(config: NamedConfig, parts: RunningParts) {
    this.#config = config;
    this.#parts = parts;
    this.#screens = new Screens({ paths: config.screens, world: parts.world });
    const { boot, world, log, throttle, claimCode } = parts;
    this.names = config.https ? [config.hostName, `${config.deviceName}.local`] : [config.hostName];
    this.address = new OwnAddress({ isSecure: config.https, names: this.names });
    this.#closed = createClosedSite({
      boot,
      world,
      log,
      throttle,
      address: this.address,
      deviceName: config.deviceName,
      version: versionOf(config),
      insecure: config.insecure,
      claimCode,
      hasForgottenTime: () => this.#hasForgottenTime(),
      goOn: (opened, how) => this.#goOn(opened, how),
      reset: config.firstBootFile === undefined ? () => this.#reset() : undefined,
    });
  }

  get site(): Site {
    return this.device?.site ?? this.#closed;
  }

  isAppHost(name: string): boolean {
    return this.device?.isAppHost(name) ?? false;
  }

  /** The listener is told at once, and whenever they change. */
  onAppHosts(listener: (names: readonly string[]) => void): void {
    this.#appHostsHeard = listener;
    listener(this.#appHosts);
  }

  #tellAppHosts(names: readonly string[]): void {
    this.#appHosts = names;
    this.#appHostsHeard?.(names);
  }

  /** Undefined while it is neither. */
  get volumeSeen(): VolumeOutcome | undefined {
    if (this.device !== undefined) return { state: "open" };
    const { closed } = this.#parts.boot;
    return closed === undefined ? undefined : { state: "closed", codes: closed.reasons.map(({ code }) => code) };
  }

  get volumeIdentity(): Uint8Array | undefined {
    return this.device === undefined ? undefined : this.#opened?.identity;
  }

  /** Of the open volume. */
  get record(): OutsideRecord | undefined {
    return this.device === undefined ? undefined : this.#opened?.outside.record;
  }

  async start(): Promise<void> {
    const opened = await this.#parts.boot.start();
    this.#opened = opened;
    // After a reset: nobody types anything under the authority of before.
    if (this.#authority !== undefined) await this.#openAuthority();
    this.#authorityChanged();
    if (opened !== undefined) await this.#openOrSay(opened);
  }

  /** On the image nobody reads why a start failed, and one who is started again would fail in the same way. */
  async #openOrSay(opened: Opened): Promise<void> {
    try {
      await this.#open(opened);
    } catch (error) {
      const fault = faultOfStart(error, this.#parts.volume.path);
      if (!this.#parts.staysUp || fault === undefined) throw error;
      this.#parts.boot.giveUp(fault);
    }
  }

  /** With the authority of the volume, or of the chip, whichever is there. */
  async openLeaves(): Promise<{ readonly leaf: Leaf; readonly appLeaves: AppLeaves }> {
    const { world } = this.#parts;
    const { deviceName } = this.#config;
    await this.#openAuthority();
    const authority = (): Authority => {
      assert.ok(this.#authority !== undefined);
      return this.#authority;
    };
    return {
      leaf: new Leaf({ authority, deviceName, names: this.names, world }),
      appLeaves: new AppLeaves({ authority, deviceName, isAppHost: (name) => this.isAppHost(name), world }),
    };
  }

  /** A device whose volume cannot be read has its page under the authority that the chip keeps. */
  async #openAuthority(): Promise<void> {
    const { authority, volume, staysUp } = this.#parts;
    try {
      this.#authority = await authority.open(this.#opened?.content);
    } catch (error) {
      if (!staysUp || faultOfStart(error, volume.path) === undefined) throw error;
      this.#authority = await authority.open(undefined);
    }
  }

  /** The listener is told when certificates of the authority before are no longer shown. */
  onOtherAuthority(listener: () => void): void {
    this.#authorityChanged = listener;
  }

  /** What whoever stands before the device has to know, and nobody else is told. */
  show(): void {
    const { screens, deviceName } = this.#config;
    // Closed, the authority is whose who was at the disk last wants it to be: what is no proof is not shown as one.
    const authority = this.device === undefined ? undefined : this.#authority;
    const fingerprint = authority === undefined ? undefined : fingerprintOf(authority.certificate);
    if (screens.length === 0) return;
    const hasOwner = this.device?.keyring.hasOwner ?? true;
    const code = hasOwner ? undefined : this.#parts.claimCode.renew();
    if (hasOwner) this.#parts.claimCode.forget();
    this.#showsOwnerless = this.device !== undefined && !hasOwner;
    const hasForgottenTime = this.#hasForgottenTime();
    this.#shown = {
      version: versionOf(this.#config),
      deviceName,
      origin: this.address.origin,
      fingerprint,
      reasons: this.device === undefined ? (this.#parts.boot.closed?.reasons.map(({ detail }) => detail) ?? []) : [],
      takesSecret: this.#takesSecret,
      hasForgottenTime,
      claimCode: this.#showsOwnerless ? (code ?? "the one given to the installer") : undefined,
    };
    this.#screens.show(screenLines(this.#shown));
    if (hasForgottenTime) this.#showOnceTimeIsKnown();
  }

  /** A machine's own clock; a development device has none to ask. */
  #hasForgottenTime(): boolean {
    const { world } = this.#parts;
    return this.#config.tpm?.kind === "device" && hasForgottenTime("/", world.nowMs());
  }

  #showOnceTimeIsKnown(): void {
    const { world } = this.#parts;
    this.#awaitsTime ??= (async () => {
      while (this.#hasForgottenTime()) await world.sleep(clockLookMs, this.#closing.signal);
    })().then(
      () => {
        this.#awaitsTime = undefined;
        // The rest as it is: whoever shows it anew makes another claim code.
        if (this.#shown !== undefined) this.#screens.show(screenLines({ ...this.#shown, hasForgottenTime: false }));
      },
      () => undefined,
    );
  }

  /** Whether somebody could type a secret into the page of the closed device. */
  get #takesSecret(): boolean {
    return this.device === undefined && (this.#parts.boot.closed?.opensWith.length ?? 0) > 0;
  }

  async #open(opened: Opened): Promise<Device> {
    const { boot, authority, ...parts } = this.#parts;
    this.#opened = opened;
    opened.outside.onChange(() => {
      if (this.#showsOwnerless && opened.outside.record.slots !== undefined) this.show();
    });
    let authorityFingerprint: string | undefined;
    if (this.#config.https) {
      // Not of the certificate that is shown now: after a start with the volume closed, that can be somebody else's.
      authorityFingerprint = fingerprintOf((await authority.keep(opened.content)).certificate);
      // What the chip sealed before a change of the password is shut out with it.
      opened.outside.onChange(() => void this.#keepAuthority(opened));
    }
    this.device = await openDevice(this.#config, {
      ...parts,
      opened,
      address: this.address,
      authorityFingerprint,
      appHostsChanged: (names) => this.#tellAppHosts(names),
      checkStart: () => boot.refuseDistrusted(),
      reset: () => this.#reset(),
      reopen: () => this.#reopen(opened),
    });
    return this.device;
  }

  /** What has changed stands already: a disk that fails now is heard of by whoever works with the volume next. */
  async #keepAuthority({ content }: Opened): Promise<void> {
    const { authority, log } = this.#parts;
    try {
      await authority.keep(content);
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      log.warn("authority-not-kept", errorFacts(error));
    }
  }

  async #goOn(
    opened: Opened & { readonly root: OpenedRoot },
    { newPassword, cookies }: GoingOn,
  ): Promise<{ readonly session: Session; readonly cookie: string }> {
    const { root } = opened;
    try {
      const device = await this.#open(opened);
      await device.security.alone(async () => {
        if (newPassword !== undefined) await device.security.takeOverChip(root, newPassword);
        device.keyring.hold(root);
      });
      const signedIn = device.signIn(cookies);
      await this.#leaveClosed();
      return signedIn;
    } catch (error) {
      const fault = faultOfStart(error, this.#parts.volume.path);
      if (this.device === undefined && fault !== undefined) this.#parts.boot.giveUp(fault);
      throw fault ?? error;
    } finally {
      root.erase();
    }
  }

  /** What was shown while the volume was closed is not the device's own: neither its authority nor what its screen says. */
  async #leaveClosed(): Promise<void> {
    const before = this.#authority;
    if (before !== undefined) {
      const own = await this.#parts.authority.open(this.#opened?.content);
      if (fingerprintOf(own.certificate) !== fingerprintOf(before.certificate)) {
        this.#authority = own;
        this.#authorityChanged();
      }
    }
    this.show();
  }

  /**
   * Goes on as a new device, after a start of the machine where it has one of its own: what the chip measured tells of the volume of
   * before until then. Where that fails, the process ends, and the next start goes on from what is left.
   */
  #reset(): void {
    const { boot, authority, log } = this.#parts;
    this.#changing = this.#changing.then(async () => {
      log.warn("factory-reset", {});
      await this.#closeDevice();
      await boot.reset();
      // Who had the device before may know its key, from a copy of the disk and the phrase.
      authority.forget();
      if (await this.#restartsMachine()) return;
      await this.start();
      this.show();
    });
    this.#endAtFailure("reset-failed");
  }

  async #restartsMachine(): Promise<boolean> {
    const { restartMachine, log } = this.#parts;
    try {
      await restartMachine?.();
      return restartMachine !== undefined;
    } catch (error) {
      if (!isFault(error)) throw error;
      log.warn("machine-not-restarted", errorFacts(error));
      return false;
    }
  }

  /** The volume stays open. Where that fails, the process ends, and the next start opens the device. */
  #reopen(opened: Opened): void {
    const { log } = this.#parts;
    this.#changing = this.#changing.then(async () => {
      log.info("device-reopened", {});
      await this.#closeDevice();
      await this.#open(opened);
    });
    this.#endAtFailure("reopen-failed");
  }

  /** A device that is half closed can do nothing but begin again: a rejection that nobody takes ends the process. */
  #endAtFailure(event: string): void {
    void this.#changing.catch((error: unknown) => {
      this.#parts.log.error(event, errorFacts(error));
      throw error;
    });
  }

  async #closeDevice(): Promise<void> {
    const { device } = this;
    this.device = undefined;
    device?.interrupt();
    await device?.close();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("the device stops"));
    await this.#awaitsTime;
    await this.#changing.catch(() => undefined);
    await this.#screens.close();
    await this.#closeDevice();
  }
}
