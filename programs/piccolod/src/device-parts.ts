/** What a device is put together from, and what it is then. */
import type { Session } from "@piccolo/device-api";
import type { Argon2id, PasswordCost } from "@piccolo/envelope";
import type { EngineOptions, OwnerEngine } from "@piccolo/storage/owner";
import type { World } from "@piccolo/world";
import type { EndsByDisk } from "./adapters/ends-by-disk.ts";
import type { Log } from "./adapters/log.ts";
import type { SecureBootState } from "./adapters/firmware/secure-boot.ts";
import type { createPeerNet } from "./adapters/peer-net/index.ts";
import type { ClaimCode } from "./auth/claim-code.ts";
import type { Throttle } from "./auth/throttle.ts";
import type { OwnAddress } from "./http/own-address.ts";
import type { Site } from "./http/server.ts";
import type { NetworkFeature } from "./network/types.ts";
import type { Opened } from "./security/boot.ts";
import type { Keyring } from "./security/keyring.ts";
import type { UnattendedVersions } from "./owner/unattended-versions.ts";
import type { OwnerSecurity } from "./security/owner-security.ts";
import type { SecurityChip } from "./security/security-chip.ts";
import type { Volume } from "./security/volume.ts";
import type { BootControl, BootImages } from "./system/boot-control.ts";
import type { BootState } from "./system/boot-state.ts";
import type { Deployments } from "./system/deployments.ts";
import type { MeasuredBoot } from "./system/measured-boot.ts";
import type { ReleaseTrials } from "./system/release-trials.ts";

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
  /** Tests bring a machine that was started in a way of their own. */
  readonly bootState?: BootState;
  readonly secureBoot?: () => SecureBootState;
  readonly releases?: MachineReleases;
  /** Where a device keeps its own files while those on its disk cannot be used; undefined = below /run. */
  readonly standInFolder?: string;
  /** Undefined = nothing is told of daemons before. */
  readonly endsByDisk?: EndsByDisk | undefined;
}

/** The releases on the disk, and the machine that starts one of them. */
export interface MachineReleases {
  readonly boot: BootControl & BootImages;
  readonly deployments: Deployments;
  /** Starts the machine again. */
  readonly restart: () => Promise<void>;
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
  readonly measuredBoot: MeasuredBoot;
  readonly releaseTrials: ReleaseTrials;
  readonly address: OwnAddress;
  /** Of the authority that the volume keeps; undefined = the device speaks plain HTTP. */
  readonly authorityFingerprint: string | undefined;
  /** Told under which host names apps are reached. */
  readonly appHostsChanged: (names: readonly string[]) => void;
  readonly claimCode: ClaimCode;
  /** Throws `start-not-trusted` where nobody should type a phrase into this device. */
  readonly checkStart: () => Promise<void>;
  readonly reset: () => void;
  /** Closes the device and opens it again on the same volume: its own key is another one now. */
  readonly reopen: () => void;
}

export interface Device {
  readonly site: Site;
  /** Whether the name (lower case, without port) is an app's host. */
  readonly isAppHost: (name: string) => boolean;
  readonly keyring: Keyring;
  readonly security: OwnerSecurity;
  readonly unattended: UnattendedVersions;
  /** Plaintext of a version, for who has its id; throws `locked`. */
  readVersion(versionId: Uint8Array, bytes: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * A session with its cookie, for whom the phrase or a password at boot has shown to be the owner: the one that these cookies of the
   * request name, where it is alive, or a fresh one.
   */
  signIn(cookies: string): { readonly session: Session; readonly cookie: string };
  /** Ends the requests that would go on for long, so that the server can close. */
  interrupt(): void;
  /** Ends what runs, resolves when nothing does any more. */
  close(): Promise<void>;
}
