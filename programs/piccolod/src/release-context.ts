/** Constructs what looks after the releases on the disk, where this is a machine of its own that runs one. */
import { readFileSync } from "node:fs";
import { isFault } from "@piccolo/fault";
import { mountedBootPartition } from "./adapters/boot/boot-partition.ts";
import { GrubBoot } from "./adapters/boot/grub-boot.ts";
import { LoaderVariables } from "./adapters/boot/loader-variables.ts";
import { SystemdBoot } from "./adapters/boot/systemd-boot.ts";
import { OstreeDeployments } from "./adapters/deployments/ostree.ts";
import { RpmOstreeDeployments } from "./adapters/deployments/rpm-ostree.ts";
import { EfiKeys, keysInSignedList, readReplacedKeys } from "./adapters/firmware/efi-keys.ts";
import { readSecureBoot } from "./adapters/firmware/secure-boot.ts";
import { mountedRepository } from "./adapters/deployments/root-repository.ts";
import { hasWayOut } from "./adapters/own-addresses.ts";
import { ownPortalAnswers } from "./adapters/own-portal.ts";
import type { DurableFolder } from "./adapters/state-folder.ts";
import { restartMachine } from "./adapters/supervisor/restart-machine.ts";
import type { Config } from "./config.ts";
import type { ContextParts } from "./device-parts.ts";
import { versionOf } from "./device-name.ts";
import type { OwnAddress } from "./http/own-address.ts";
import type { Reason, Renewal } from "./security/boot.ts";
import type { OutsideRecord } from "./security/outside-record.ts";
import type { SecurityChip } from "./security/security-chip.ts";
import { type ReleaseStartKeys, startKeys } from "./security/start-keys.ts";
import { distrustOf } from "./security/start-trust.ts";
import type { BootControl, BootImages } from "./system/boot-control.ts";
import type { BootState } from "./system/boot-state.ts";
import { collectReleases } from "./system/collect.ts";
import { LastGoodStart } from "./system/last-good-start.ts";
import type { VolumeOutcome } from "./system/probation.ts";
import { ReleaseKeeper, type ReleaseKeeperOptions } from "./system/release-keeper.ts";
import type { ReleaseTrials } from "./system/release-trials.ts";

/** Also of a daemon that is part of no release. What is sealed opens in this one and in later ones. */
export const firstRelease = 1;
const efiVariables = "/sys/firmware/efi/efivars";
const signedLists = "/usr/lib/piccolo/firmware";
const replacedKeysFile = "/usr/lib/piccolo/replaced-keys.json";

function systemdBoot(): SystemdBoot {
  const partition = mountedBootPartition("/dev/disk/by-partlabel/piccolo-esp", "/run/piccolo/boot");
  return new SystemdBoot(partition, new LoaderVariables(efiVariables));
}

/** The images of ours that the boot loader chooses from; undefined where it chooses from something else. */
export function bootImages({ bootLoader }: Config, parts: ContextParts): (BootControl & BootImages) | undefined {
  const given = parts.releases?.boot;
  return given !== undefined || bootLoader !== "systemd-boot" ? given : systemdBoot();
}

/** When what is sealed is sealed anew, and what becomes of the firmware's keys; undefined where no release runs on a machine of its own. */
export function renewalOf(
  { bootLoader, release }: Config,
  { log }: ContextParts,
  { chip, bootState }: { readonly chip: SecurityChip; readonly bootState: BootState },
): Renewal | undefined {
  if (release === undefined || bootLoader !== "systemd-boot") return undefined;
  const boot = systemdBoot();
  const firmwareKeys = new EfiKeys({
    signedLists,
    variables: efiVariables,
    bootState,
    chip,
    programs: () => boot.startedPrograms(),
    report: (event, facts) => log.warn(event, facts),
  });
  return { hasItsPlace: () => !boot.isCounted, firmwareKeys };
}

/**
 * The minimum release of a chip that has none yet: what the running one names. On probation that shuts nothing out, since the release before
 * still has to open the volume where this one is given up (docs/spec/release-policy.md, R9).
 */
export function firstMinimum(
  { bootLoader, release }: Config,
  isOnProbation: () => boolean = () => systemdBoot().isCounted,
): number {
  if (release === undefined) return firstRelease;
  if (bootLoader !== "systemd-boot") return release.minimum;
  try {
    return isOnProbation() ? firstRelease : release.minimum;
  } catch (error) {
    if (!isFault(error)) throw error;
    // Nobody knows, and a release that was found good raises the minimum later.
    return firstRelease;
  }
}

/**
 * Why nobody should type a secret into this device as it was started; undefined where it is no machine of its own. Where no release
 * signs the boots of one, Secure Boot and the absence of own command lines and extensions are all that can be asked for. A chip of memory measures
 * nothing, so that it says nothing of the firmware's keys.
 */
export function distrustOfStart(
  { tpm, release, signedBootsFile }: Config,
  parts: ContextParts,
  { chip, bootState }: { readonly chip: SecurityChip; readonly bootState: BootState },
): (() => Promise<Reason | undefined>) | undefined {
  const secureBoot = parts.secureBoot ?? (() => readSecureBoot());
  if (signedBootsFile === undefined) return tpm?.kind === "device" ? distrustOf(secureBoot, chip) : undefined;
  const released = (): ReleaseStartKeys => ({
    signing: new Set([release?.keys["db"] ?? "", ...keysInSignedList(`${signedLists}/db.auth`)]),
    replaced: new Set(readReplacedKeys(replacedKeysFile)),
  });
  const keys = tpm === undefined ? undefined : startKeys({ bootState, chip, released });
  return distrustOf(secureBoot, chip, keys);
}

/** How many releases known to work stay beside the running one. */
const spare = 1;

/** What looks after the systems on the disk; undefined where it is no business of the device's. */
export function keptReleases(
  config: Config,
  parts: ContextParts,
): Pick<ReleaseKeeperOptions, "boot" | "collect" | "restart"> | undefined {
  if (parts.releases === undefined && config.bootLoader === "grub") {
    const systems = new RpmOstreeDeployments("fedora");
    return {
      boot: new GrubBoot("/boot", () => readFileSync("/proc/cmdline", "utf8").trim()),
      async collect() {
        // Which systems stay it decides itself: the running one and the one before.
        await systems.collect();
        return { images: [], deployments: [] };
      },
      restart: restartMachine,
    };
  }
  const boot = bootImages(config, parts);
  if (config.release === undefined || boot === undefined) return undefined;
  const booted = String(config.release.number);
  const ostree = (): OstreeDeployments => {
    const root = mountedRepository({ root: "/sysroot", repository: "ostree/repo", writableAt: "/run/piccolo/root" });
    return new OstreeDeployments({ root, source: undefined, booted, verity: "required" });
  };
  const deployments = parts.releases?.deployments ?? ostree();
  return {
    boot,
    collect: () => collectReleases({ boot, deployments }, { staging: [], spare }),
    restart: parts.releases?.restart ?? restartMachine,
  };
}

export interface RunningSystem {
  readonly state: DurableFolder;
  readonly releaseTrials: ReleaseTrials;
  readonly chip: SecurityChip;
  readonly address: OwnAddress;
  readonly volume: () => VolumeOutcome | undefined;
  /** Of the open volume. */
  readonly record: () => OutsideRecord | undefined;
}

export interface Keeping {
  /** Resolves when there is nothing more to do. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

/** Looks after the running system in the background, where the settings name who starts it. */
export function keepRelease(config: Config, parts: ContextParts, running: RunningSystem): Keeping {
  const { world, log } = parts;
  const releases = keptReleases(config, parts);
  const { release } = config;
  if (releases === undefined) {
    return { done: Promise.resolve(), stop: async () => undefined };
  }
  const { state, releaseTrials, chip, address, volume, record } = running;
  const keeper = new ReleaseKeeper({
    ...releases,
    world,
    version: versionOf(config),
    lastGoodStart: new LastGoodStart(state),
    trials: releaseTrials,
    answers: () => ownPortalAnswers(address, config.listenHost),
    volume,
    hasWayOut: () => hasWayOut(),
    async raiseMinimum() {
      if (release === undefined) return;
      const { sealedVolumeKey, sealedPepper } = record() ?? {};
      await chip.raiseMinimumRelease(
        release.minimum,
        [sealedVolumeKey, sealedPepper].filter((blob) => blob !== undefined),
      );
      log.info("minimum-release", { minimum: release.minimum });
    },
    report: (level, event, facts) => log[level](event, facts),
  });
  const stop = new AbortController();
  const done = keeper.run(stop.signal);
  return {
    done,
    async stop() {
      stop.abort();
      await done;
    },
  };
}
