/** The only reader of piccolod's arguments. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type PasswordCost, passwordCostFloor } from "@piccolo/envelope";
import { type ArmedCrash, parseArmedCrash } from "./crash-points.ts";
import type { VolumeBackend } from "./security/volume.ts";

export interface Config {
  /** Absolute path of the folder of all state. */
  readonly stateFolder: string;
  readonly listenHost: string;
  /** 0 takes a free port. */
  readonly listenPort: number;
  /** The name browsers use; any other Host is refused. */
  readonly hostName: string;
  /** Multiaddr. */
  readonly peerListen: string;
  /** Finds members on the local network by multicast DNS, and is found. */
  readonly mdns: boolean;
  /** Origin of central. */
  readonly centralUrl: string;
  readonly deviceName: string;
  /** Failure domain: devices of one household share a fate. */
  readonly domain: string;
  /** Folder of the built portal; undefined takes the one inside the executable. */
  readonly portalFolder: string | undefined;
  readonly claimCodeFile: string;
  readonly invitationFile: string | undefined;
  /** A code of its own instead of the policy's, for drills and benchmarks. */
  readonly code: { readonly k: number; readonly n: number } | undefined;
  readonly spoolLimitBytes: number | undefined;
  /** Podman's socket, where the init system looks after it; undefined = a service of the device's own. */
  readonly podmanSocket: string | undefined;
  /** Folder of images that came with the device. */
  readonly bundledImages: string | undefined;
  /** Folders of signed catalogs; none takes the one inside the executable. */
  readonly catalogs: readonly string[];
  /** What this device keeps for all others together. */
  readonly holderQuotaBytes: number | undefined;
  readonly armedCrash: ArmedCrash | undefined;
  /** The security chip: a TPM of the kernel's or a software TPM's socket; undefined = without one. */
  readonly tpm: { readonly kind: "device" | "swtpm"; readonly path: string } | undefined;
  readonly volume: VolumeBackend;
  /** Password slots that cost next to nothing, so that a network of test devices starts in seconds. */
  readonly cheapSlots: boolean;
  /** What new passwords cost to guess; undefined = what the product asks for. Never less than its floor. */
  readonly passwordCost: PasswordCost | undefined;
  /** Names of what the device was told to do without. */
  readonly insecure: readonly string[];
}

const mostPasswordKiB = 1024 * 1024;
const mostPasses = 16;

/** Arguments that cannot be used; the message is one line for the person who typed them. */
export class UsageError extends Error {}

const options = {
  state: { type: "string" },
  listen: { type: "string" },
  host: { type: "string" },
  "peer-listen": { type: "string" },
  mdns: { type: "boolean" },
  central: { type: "string" },
  "device-name": { type: "string" },
  domain: { type: "string" },
  portal: { type: "string" },
  "claim-code-file": { type: "string" },
  "invitation-file": { type: "string" },
  policy: { type: "string" },
  "spool-limit-bytes": { type: "string" },
  "holder-quota-bytes": { type: "string" },
  "podman-socket": { type: "string" },
  "bundled-images": { type: "string" },
  catalog: { type: "string", multiple: true },
  tpm: { type: "string" },
  "password-cost": { type: "string" },
  "insecure-no-tpm": { type: "boolean" },
  "insecure-no-volume": { type: "boolean" },
  "insecure-cheap-slots": { type: "boolean" },
  "insecure-drills": { type: "boolean" },
  "crash-at": { type: "string" },
} as const;

type Values = { [Name in Exclude<keyof typeof options, "catalog">]?: string | boolean } & {
  catalog?: string[];
};

function parse(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    // Node explains at length; the first sentence is what matters.
    throw new UsageError((error instanceof Error ? error.message : String(error)).split(/\.\s|\n/)[0] ?? "");
  }
}

function matching(values: Values, name: keyof Values, pattern: RegExp, expected: string): string {
  const value = values[name];
  if (typeof value !== "string") throw new UsageError(`--${name} is missing: it takes ${expected}`);
  if (!pattern.test(value)) throw new UsageError(`--${name} takes ${expected}, not ${JSON.stringify(value)}`);
  return value;
}

function optional(values: Values, name: keyof Values, pattern: RegExp, expected: string): string | undefined {
  return values[name] === undefined ? undefined : matching(values, name, pattern, expected);
}

function readListen(values: Values): { readonly listenHost: string; readonly listenPort: number } {
  const listen = matching(values, "listen", /^[^\s:]+:\d{1,5}$/, "HOST:PORT");
  const [listenHost = "", port = ""] = listen.split(":");
  if (Number(port) > 65_535) throw new UsageError(`--listen takes a port up to 65535, not ${port}`);
  return { listenHost, listenPort: Number(port) };
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

/** Throws `UsageError`. */
export function readConfig(args: readonly string[] = process.argv.slice(2)): Config {
  const values = parse(args);
  const path = (name: keyof Values): string => resolve(matching(values, name, /./, "a path"));
  const optionalPath = (name: keyof Values): string | undefined =>
    values[name] === undefined ? undefined : path(name);
  const drills = values["insecure-drills"] === true;
  for (const name of ["policy", "crash-at"] as const) {
    if (values[name] !== undefined && !drills) throw new UsageError(`--${name} is for drills: add --insecure-drills`);
  }
  return {
    stateFolder: path("state"),
    ...readListen(values),
    hostName: matching(values, "host", /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "a host name in lower case"),
    peerListen: matching(values, "peer-listen", /^\/ip[46]\/[0-9a-fA-F.:]+\/tcp\/\d{1,5}$/, "/ip4/ADDRESS/tcp/PORT"),
    mdns: values.mdns === true,
    centralUrl: readCentral(values),
    deviceName: matching(values, "device-name", /^[a-z0-9][a-z0-9-]{0,31}$/, "letters, digits and hyphens"),
    domain: matching(values, "domain", /^[a-z0-9._-]{1,64}$/, "a label of a-z, 0-9, dots and hyphens"),
    portalFolder: optionalPath("portal"),
    claimCodeFile: path("claim-code-file"),
    invitationFile: optionalPath("invitation-file"),
    code: readCode(values),
    spoolLimitBytes: readBytes(values, "spool-limit-bytes"),
    holderQuotaBytes: readBytes(values, "holder-quota-bytes"),
    podmanSocket: optionalPath("podman-socket"),
    bundledImages: optionalPath("bundled-images"),
    catalogs: (values.catalog ?? []).map((folder) => resolve(folder)),
    armedCrash: readArmedCrash(values),
    tpm: readTpm(values),
    volume: values["insecure-no-volume"] === true ? "plain-folder" : "gocryptfs",
    passwordCost: readPasswordCost(values),
    cheapSlots: values["insecure-cheap-slots"] === true,
    insecure: Object.entries(insecureFlags).flatMap(([name, flag]) => (values[flag] === true ? [name] : [])),
  };
}
