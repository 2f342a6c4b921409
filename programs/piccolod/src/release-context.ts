/** Constructs what looks after the releases on the disk, where this is a machine of its own that runs one. */
import { mountedBootPartition } from "./adapters/boot/boot-partition.ts";
import { LoaderVariables } from "./adapters/boot/loader-variables.ts";
import { SystemdBoot } from "./adapters/boot/systemd-boot.ts";
import { OstreeDeployments } from "./adapters/deployments/ostree.ts";
import { EfiKeys, keysInSignedList } from "./adapters/firmware/efi-keys.ts";
import { readSecureBoot } from "./adapters/firmware/secure-boot.ts";
import { mountedRepository } from "./adapters/deployments/root-repository.ts";
import { ownPortalAnswers } from "./adapters/own-portal.ts";
import type { DurableFolder } from "./adapters/state-folder.ts";
import { restartMachine } from "./adapters/supervisor/restart-machine.ts";
import type { Config } from "./config.ts";
import type { ContextParts, MachineReleases } from "./device-parts.ts";
import type { OwnAddress } from "./http/own-address.ts";
import type { Reason, Renewal } from "./security/boot.ts";
import type { OutsideRecord } from "./security/outside-record.ts";
import type { SecurityChip } from "./security/security-chip.ts";
import { startKeys } from "./security/start-keys.ts";
import { distrustOf } from "./security/start-trust.ts";
import type { BootControl, BootImages } from "./system/boot-control.ts";
import type { BootState } from "./system/boot-state.ts";
import { LastGoodStart } from "./system/last-good-start.ts";
import type { VolumeOutcome } from "./system/probation.ts";
import { ReleaseKeeper } from "./system/release-keeper.ts";
import type { ReleaseTrials } from "./system/release-trials.ts";

const efiVariables = "/sys/firmware/efi/efivars";
const signedList = "/usr/lib/piccolo/firmware/db.auth";

function systemdBoot(): SystemdBoot {
  const partition = mountedBootPartition("/dev/disk/by-partlabel/piccolo-esp", "/run/piccolo/boot");
  return new SystemdBoot(partition, new LoaderVariables(efiVariables));
}

/** The images the boot loader chooses from; undefined where this is no machine of its own. */
export function bootImages({ tpm }: Config, parts: ContextParts): (BootControl & BootImages) | undefined {
  const given = parts.releases?.boot;
  return given !== undefined || tpm?.kind !== "device" ? given : systemdBoot();
}

/** When what is sealed is sealed anew, and what becomes of the firmware's keys; undefined where no release runs on a machine of its own. */
export function renewalOf(
  { tpm, release }: Config,
  { log }: ContextParts,
  { chip, bootState }: { readonly chip: SecurityChip; readonly bootState: BootState },
): Renewal | undefined {
  if (release === undefined || tpm?.kind !== "device") return undefined;
  const boot = systemdBoot();
  const firmwareKeys = new EfiKeys({
    signedList,
    variables: efiVariables,
    bootState,
    chip,
    programs: () => boot.startedPrograms(),
    report: (event, facts) => log.warn(event, facts),
  });
  return { hasItsPlace: () => !boot.isCounted, firmwareKeys };
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
  const released = (): ReadonlySet<string> => new Set([release?.keys["db"] ?? "", ...keysInSignedList(signedList)]);
  const keys = tpm === undefined ? undefined : startKeys({ bootState, chip, released });
  return distrustOf(secureBoot, chip, keys);
}

function machineReleases(config: Config, parts: ContextParts): MachineReleases | undefined {
  if (parts.releases !== undefined || config.release === undefined) return parts.releases;
  const boot = bootImages(config, parts);
  if (boot === undefined) return undefined;
  const root = mountedRepository({ root: "/sysroot", repository: "ostree/repo", writableAt: "/run/piccolo/root" });
  const booted = String(config.release.number);
  const deployments = new OstreeDeployments({ root, source: undefined, booted, verity: "required" });
  return { boot, deployments, restart: restartMachine };
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

/** Looks after the running release in the background. Nothing is done where no release runs. */
export function keepRelease(config: Config, parts: ContextParts, running: RunningSystem): Keeping {
  const { world, log } = parts;
  const releases = machineReleases(config, parts);
  const { release } = config;
  if (releases === undefined || release === undefined) {
    return { done: Promise.resolve(), stop: async () => undefined };
  }
  const { state, releaseTrials, chip, address, volume, record } = running;
  const keeper = new ReleaseKeeper({
    ...releases,
    world,
    version: release.version,
    lastGoodStart: new LastGoodStart(state),
    trials: releaseTrials,
    answers: () => ownPortalAnswers(address, config.listenHost),
    volume,
    async raiseMinimum() {
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
