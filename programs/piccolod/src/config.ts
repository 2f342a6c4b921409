/** The only reader of piccolod's arguments, of the file they may name, and of its environment. */
import { resolve } from "node:path";
import { type PasswordCost, passwordCostFloor } from "@piccolo/envelope";
import { z } from "zod";
import { matching, optional, parseValues, readJsonFile, UsageError, type Values } from "./config-values.ts";
import { type ArmedCrash, parseArmedCrash } from "./crash-points.ts";
import type { VolumeBackend } from "./security/volume.ts";

export { UsageError } from "./config-values.ts";

/** What the image says of itself (its `release.json`). */
export interface ReleaseFacts {
  readonly version: string;
  /** What was sealed by a release opens in this one and in later ones. */
  readonly number: number;
  /** Releases below this number open nothing any more once this one was found good (docs/spec/release-policy.md, R9). */
  readonly minimum: number;
  /** Role of a key to the SHA-256 of its public key (DER), lower-case hex. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface Config {
  /** Absolute path of the folder of all state. */
  readonly stateFolder: string;
  readonly listenHost: string;
  /** 0 takes a free port. */
  readonly listenPort: number;
  /** Where plain HTTP answers with nothing but the way to HTTPS. */
  readonly redirect: Listen | undefined;
  /** The portal speaks HTTPS, with certificates of the device's own authority. */
  readonly https: boolean;
  /** The name browsers use; any other Host is refused. */
  readonly hostName: string;
  /** Multiaddr. */
  readonly peerListen: string;
  /** Of bulk bodies between devices, on the same address; 0 takes a free one. */
  readonly peerBulkPort: number;
  /** Finds members on the local network by multicast DNS, and is found. */
  readonly mdns: boolean;
  /** Origin of central. */
  readonly centralUrl: string;
  /** undefined = the device gives itself one at its first start. */
  readonly deviceName: string | undefined;
  /** Failure domain: devices of one household share a fate. undefined = the device is alone in its household. */
  readonly domain: string | undefined;
  /** Folder of the built portal; undefined takes the one inside the executable. */
  readonly portalFolder: string | undefined;
  readonly claimCodeFile: string;
  readonly invitationFile: string | undefined;
  /** Only where this file lies is a volume made: who installs the system puts it there. undefined = without being told. */
  readonly firstBootFile: string | undefined;
  /** Terminals that show a device without owner its claim code. */
  readonly screens: readonly string[];
  /** undefined = no release of an image. */
  readonly release: ReleaseFacts | undefined;
  /** What the system image carries of signed boots; undefined = keys are sealed to the boot as it is. */
  readonly signedBootsFile: string | undefined;
  /** What chooses the system at each start, and with it who keeps systems on the disk; undefined = no business of the device's. */
  readonly bootLoader: BootLoader | undefined;
  /** A code of its own instead of the policy's, for drills and benchmarks. */
  readonly code: { readonly k: number; readonly n: number } | undefined;
  readonly spoolLimitBytes: number | undefined;
  /** Podman's socket and its unit, where the service manager looks after it; undefined = a process of the device's own. */
  readonly podman: SystemPodman | undefined;
  /** Registries of this very machine that are asked without TLS, as HOST:PORT; for development. */
  readonly insecureRegistries: readonly string[];
  /** Folder of images that came with the device. */
  readonly bundledImages: string | undefined;
  /** Folders of signed catalogs; none takes the one inside the executable. */
  readonly catalogs: readonly string[];
  /** What this device keeps for all others together. */
  readonly holderQuotaBytes: number | undefined;
  readonly armedCrash: ArmedCrash | undefined;
  /** How often a running app is asked whether it is well, for drills. */
  readonly appHealthMs: number | undefined;
  /** The security chip: a TPM of the kernel's or a software TPM's socket; undefined = without one. */
  readonly tpm: { readonly kind: "device" | "swtpm"; readonly path: string } | undefined;
  readonly volume: { readonly backend: Exclude<VolumeBackend, "luks2"> } | LuksVolume;
  /** The unit through which the supervisor mounts a `luks2` volume; undefined = the daemon mounts it. */
  readonly mountUnit: string | undefined;
  /** Password slots that cost next to nothing, so that a network of test devices starts in seconds. */
  readonly cheapSlots: boolean;
  /** What new passwords cost to guess; undefined = what the product asks for. Never less than its floor. */
  readonly passwordCost: PasswordCost | undefined;
  /** Names of what the device was told to do without, and of what its machine is without (`boot-not-measured`). */
  readonly insecure: readonly string[];
  /** Who is told when the device is ready; undefined = nobody. */
  readonly supervisor: { readonly socket: string; readonly silenceMs: number | undefined } | undefined;
  /** What belongs to this start of the machine, in memory. */
  readonly runFolder: string;
}

/** `systemd-boot`: boot images of ours and releases in our own repository. `grub`: a Fedora CoreOS, whose systems rpm-ostree keeps. */
const bootLoaders = ["systemd-boot", "grub"] as const;
export type BootLoader = (typeof bootLoaders)[number];

export interface Listen {
  readonly listenHost: string;
  readonly listenPort: number;
}

export interface SystemPodman {
  readonly socketPath: string;
  readonly unit: string;
}

export interface LuksVolume {
  readonly backend: "luks2";
  /** Name of the one partition (PARTLABEL) that the volume lies in. */
  readonly partition: string;
}

const mostPasswordKiB = 1024 * 1024;
const mostPasses = 16;

function readListen(values: Values, name: "listen" | "redirect"): Listen {
  const listen = matching(values, name, /^(?:[^\s:[\]]+|\[[0-9a-f:]+\]):\d{1,5}$/, "HOST:PORT");
  const [listenHost = "", port = ""] = listen.split(/:(?=\d+$)/);
  return { listenHost: listenHost.replaceAll(/[[\]]/g, ""), listenPort: readPort(name, port) };
}

function readPort(name: keyof Values, port: string): number {
  if (Number(port) > 65_535) throw new UsageError(`--${name} takes a port up to 65535, not ${port}`);
  return Number(port);
}

function readCentral(values: Values): string {
  const text = matching(values, "central", /^https?:\/\/[^\s/?#@]+\/?$/, "a URL such as http://127.0.0.1:8700");
  const url = URL.parse(text);
  if (url === null) throw new UsageError(`--central takes a URL, not ${JSON.stringify(text)}`);
  return url.origin;
}

function readCode(values: Values): Config["code"] {
  const text = optional(values, "policy", /^\d{1,2}-of-\d{1,2}$/, "K-of-N");
  if (text === undefined) return undefined;
  const [k = 0, n = 0] = text.split("-of-").map(Number);
  if (k < 1 || k > n || n > 40) throw new UsageError(`--policy takes K-of-N with 1 <= K <= N <= 40, not ${text}`);
  return { k, n };
}

function readBytes(values: Values, name: "spool-limit-bytes" | "holder-quota-bytes"): number | undefined {
  const text = optional(values, name, /^\d{1,15}$/, "a number of bytes");
  return text === undefined ? undefined : Number(text);
}

function readArmedCrash(values: Values): ArmedCrash | undefined {
  const text = optional(values, "crash-at", /^\S+$/, "NAME:COUNT");
  if (text === undefined) return undefined;
  const armed = parseArmedCrash(text);
  if (armed === undefined) throw new UsageError(`--crash-at takes NAME:COUNT of a crash point, not ${text}`);
  return armed;
}

function readAppHealth(values: Values): number | undefined {
  const text = optional(values, "app-health-ms", /^[1-9]\d{0,6}$/, "a number of milliseconds");
  return text === undefined ? undefined : Number(text);
}

function readPasswordCost(values: Values): PasswordCost | undefined {
  const text = optional(values, "password-cost", /^\d{1,7}x\d{1,2}$/, "KIBxPASSES");
  if (text === undefined) return undefined;
  const [memoryKiB = 0, passes = 0] = text.split("x").map(Number);
  const floor = passwordCostFloor;
  if (memoryKiB < floor.memoryKiB || memoryKiB > mostPasswordKiB || passes < floor.passes || passes > mostPasses) {
    const [least, most] = [`${floor.memoryKiB}x${floor.passes}`, `${mostPasswordKiB}x${mostPasses}`];
    throw new UsageError(`--password-cost takes KIBxPASSES from ${least} to ${most}, not ${text}`);
  }
  return { memoryKiB, passes, parallelism: 1 };
}

/** What a device may be told to do without, and the flag that says so. */
const insecureFlags = {
  "no-tpm": "insecure-no-tpm",
  "no-volume": "insecure-no-volume",
  "cheap-slots": "insecure-cheap-slots",
  registry: "insecure-registry",
  drills: "insecure-drills",
} as const satisfies Readonly<Record<string, keyof Values>>;

function readTpm(values: Values): Config["tpm"] {
  if (values["insecure-no-tpm"] === true) {
    if (values.tpm !== undefined) throw new UsageError("--tpm and --insecure-no-tpm exclude each other");
    return undefined;
  }
  const text = optional(values, "tpm", /^(?:device|swtpm):\/.+$/, "device:/dev/tpmrm0 or swtpm:/PATH");
  const [kind, path = ""] = (text ?? "device:/dev/tpmrm0").split(/:(.*)/s, 2);
  return { kind: kind === "swtpm" ? "swtpm" : "device", path };
}

function readVolume(values: Values): Config["volume"] {
  if (values["insecure-no-volume"] === true) {
    if (values.volume !== undefined) throw new UsageError("--volume and --insecure-no-volume exclude each other");
    return { backend: "plain-folder" };
  }
  const text = optional(values, "volume", /^(?:gocryptfs|luks2:[\w-]{1,36})$/, "gocryptfs or luks2:PARTLABEL");
  const [backend, partition = ""] = (text ?? "gocryptfs").split(":");
  return backend === "luks2" ? { backend, partition } : { backend: "gocryptfs" };
}

function readPodman(values: Values): Config["podman"] {
  const unit = optional(values, "podman-unit", /^[\w-]+\.socket$/, "the name of a socket unit");
  const path = optional(values, "podman-socket", /^\/./, "an absolute path");
  if (unit === undefined && path === undefined) return undefined;
  if (unit === undefined || path === undefined)
    throw new UsageError("--podman-socket and --podman-unit need each other");
  return { socketPath: path, unit };
}

/** Only loopback addresses: nobody on a network can stand between. */
function readInsecureRegistries(values: Values): readonly string[] {
  const places = values["insecure-registry"];
  if (!Array.isArray(places)) return [];
  if (values["podman-unit"] !== undefined) {
    throw new UsageError("--insecure-registry and --podman-unit exclude each other");
  }
  return places.map((place: string) => {
    const port = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\]):(\d{1,5})$/.exec(place)?.[1];
    if (port === undefined) {
      throw new UsageError(`--insecure-registry takes HOST:PORT of this machine, not ${JSON.stringify(place)}`);
    }
    readPort("insecure-registry", port);
    return place;
  });
}

function isSet(value: Values[keyof Values]): boolean {
  return value === true || (Array.isArray(value) && value.length > 0);
}

const Release = z
  .object({
    version: z.string().regex(/^[\w.+~-]{1,64}$/),
    number: z.int().min(1),
    minimum: z.int().min(1),
    keys: z.record(z.string().regex(/^[\w-]{1,32}$/), z.string().regex(/^[0-9a-f]{64}$/)),
  })
  .refine(({ number, minimum }) => minimum <= number, "a release's minimum is not above its own number");

function readRelease(values: Values): ReleaseFacts | undefined {
  const path = optional(values, "release", /./, "a path");
  return path === undefined ? undefined : readJsonFile("release", path, Release);
}

/**
 * A machine of its own whose boots no release signs (piccolod on an ordinary Fedora CoreOS): its chip cannot tell our system from another
 * one, and nobody can take that mark off but by installing the image.
 */
function readInsecure(values: Values): readonly string[] {
  const told = Object.entries(insecureFlags).flatMap(([name, flag]) => (isSet(values[flag]) ? [name] : []));
  const isUnsigned = readTpm(values)?.kind === "device" && values["signed-boots"] === undefined;
  return isUnsigned ? [...told, "boot-not-measured"] : told;
}

function readBootLoader(values: Values): Config["bootLoader"] {
  const text = optional(values, "boot-loader", /./, bootLoaders.join(" or "));
  const found = bootLoaders.find((name) => name === text);
  if (text !== undefined && found === undefined) {
    throw new UsageError(`--boot-loader takes ${bootLoaders.join(" or ")}, not ${JSON.stringify(text)}`);
  }
  return found;
}

/** The variables of sd_notify(3) and sd_watchdog_enabled(3). */
function readSupervisor(environment: Readonly<Record<string, string | undefined>>): Config["supervisor"] {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: silence, WATCHDOG_PID: watched } = environment;
  if (socket === undefined || !/^[/@]./.test(socket)) return undefined;
  const isWatched = /^\d{1,15}$/.test(silence ?? "") && (watched === undefined || watched === String(process.pid));
  return { socket, silenceMs: isWatched ? Number(silence) / 1_000 : undefined };
}

/** The variable of systemd.exec(5), where the unit has one folder of its own. */
function readRunFolder({ RUNTIME_DIRECTORY: given }: Readonly<Record<string, string | undefined>>): string {
  return given !== undefined && /^\/[^:]+$/.test(given) ? given : "/run/piccolo";
}

/** Throws `UsageError`. */
export function readConfig(
  args: readonly string[] = process.argv.slice(2),
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  const values = parseValues(args);
  const path = (name: keyof Values): string => resolve(matching(values, name, /./, "a path"));
  const optionalPath = (name: keyof Values): string | undefined =>
    values[name] === undefined ? undefined : path(name);
  if (values["signed-boots"] !== undefined && values.release === undefined) {
    throw new UsageError("--signed-boots needs --release, which names the key they are signed by");
  }
  const drills = values["insecure-drills"] === true;
  for (const name of ["policy", "crash-at", "app-health-ms"] as const) {
    if (values[name] !== undefined && !drills) throw new UsageError(`--${name} is for drills: add --insecure-drills`);
  }
  return {
    stateFolder: path("state"),
    ...readListen(values, "listen"),
    redirect: values.redirect === undefined ? undefined : readListen(values, "redirect"),
    https: values.https === true,
    hostName: matching(values, "host", /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "a host name in lower case"),
    peerListen: matching(values, "peer-listen", /^\/ip[46]\/[0-9a-fA-F.:]+\/tcp\/\d{1,5}$/, "/ip4/ADDRESS/tcp/PORT"),
    peerBulkPort: readPort("peer-bulk-port", optional(values, "peer-bulk-port", /^\d{1,5}$/, "a port") ?? "0"),
    mdns: values.mdns === true,
    centralUrl: readCentral(values),
    deviceName: optional(values, "device-name", /^[a-z0-9][a-z0-9-]{0,31}$/, "letters, digits and hyphens"),
    domain: optional(values, "domain", /^[a-z0-9._-]{1,64}$/, "a label of a-z, 0-9, dots and hyphens"),
    portalFolder: optionalPath("portal"),
    claimCodeFile: path("claim-code-file"),
    invitationFile: optionalPath("invitation-file"),
    firstBootFile: optionalPath("first-boot"),
    screens: Array.isArray(values.screen) ? values.screen : [],
    release: readRelease(values),
    signedBootsFile: optionalPath("signed-boots"),
    bootLoader: readBootLoader(values),
    code: readCode(values),
    spoolLimitBytes: readBytes(values, "spool-limit-bytes"),
    holderQuotaBytes: readBytes(values, "holder-quota-bytes"),
    podman: readPodman(values),
    insecureRegistries: readInsecureRegistries(values),
    bundledImages: optionalPath("bundled-images"),
    catalogs: (Array.isArray(values.catalog) ? values.catalog : []).map((folder: string) => resolve(folder)),
    armedCrash: readArmedCrash(values),
    appHealthMs: readAppHealth(values),
    tpm: readTpm(values),
    volume: readVolume(values),
    mountUnit: optional(values, "mount-unit", /^[\w\\-]+\.mount$/, "the name of a mount unit"),
    passwordCost: readPasswordCost(values),
    cheapSlots: values["insecure-cheap-slots"] === true,
    insecure: readInsecure(values),
    supervisor: readSupervisor(environment),
    runFolder: readRunFolder(environment),
  };
}
