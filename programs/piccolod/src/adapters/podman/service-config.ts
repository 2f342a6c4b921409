/** The files that make a Podman of this device's own, apart from any other on the machine. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { passByMode } from "../app-leftovers.ts";

export interface ServiceFolders {
  /** On the sealed volume: images, containers, their logs, networks. */
  readonly storage: string;
  /** What must be gone after a restart of the machine: locks, sockets, the state of what runs. */
  readonly run: string;
}

export interface ServiceConfig extends ServiceFolders {
  /** Registries without TLS, as `host:port`; all others are asked with TLS alone. */
  readonly insecureRegistries: readonly string[];
}

const mostOpenFiles = 65_536;
/** More than this was refused where a machine's own limit is low; the limit that counts is the app's cgroup. */
const mostProcesses = 32_768;

/** The largest power of two that neither exceeds this process' hard limit, which it cannot raise, nor `most`. */
function withinHardLimit(name: string, most: number): number {
  const line = readFileSync("/proc/self/limits", "utf8")
    .split("\n")
    .find((text) => text.startsWith(name));
  const hard = /(\d+|unlimited)\s+(\d+|unlimited)/.exec(line ?? "")?.[2] ?? "unlimited";
  return hard === "unlimited" ? most : Math.min(most, 2 ** Math.floor(Math.log2(Number(hard))));
}

/** crun refuses a machine that has both kinds of control groups. */
export function hasHybridCgroups(): boolean {
  return existsSync("/sys/fs/cgroup/unified/cgroup.controllers");
}

const quoted = (text: string): string => JSON.stringify(text);
const textOf = (lines: readonly string[]): string => `${lines.join("\n")}\n`;
const registriesFile = "registries.conf";

function registriesOf({ insecureRegistries }: ServiceConfig): readonly string[] {
  return [
    "unqualified-search-registries = []",
    'short-name-mode = "enforcing"',
    ...insecureRegistries.flatMap((place) => ["[[registry]]", `location = ${quoted(place)}`, "insecure = true"]),
  ];
}

/** Whether a Podman that was started with what lies there asks registries as it should. */
export function hasSameRegistries(config: ServiceConfig): boolean {
  const path = join(config.run, registriesFile);
  return existsSync(path) && readFileSync(path, "utf8") === textOf(registriesOf(config));
}

/** Writes them and returns the environment that Podman and what it starts take. */
export function writeServiceConfig(config: ServiceConfig): Readonly<Record<string, string>> {
  const { storage, run } = config;
  const temporary = join(storage, "temporary");
  for (const folder of [storage, run, temporary]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Podman 5 mounts here what a container's first process opens, which is nobody on this machine.
  chmodSync(temporary, passByMode);
  const [files, processes] = [
    withinHardLimit("Max open files", mostOpenFiles),
    withinHardLimit("Max processes", mostProcesses),
  ];
  const write = (name: string, lines: readonly string[]): string => {
    const path = join(run, name);
    writeFileSync(path, textOf(lines), { mode: 0o600 });
    return path;
  };
  const containers = write("containers.conf", [
    "[containers]",
    `default_ulimits = ["nofile=${files}:${files}", "nproc=${processes}:${processes}"]`,
    'log_driver = "k8s-file"',
    // The machine's own names are none of an app's business.
    'base_hosts_file = "none"',
    "[engine]",
    'cgroup_manager = "cgroupfs"',
    // Those in shared memory are one set for all stores of the machine.
    'lock_type = "file"',
    'events_logger = "file"',
    ...(hasHybridCgroups() ? ['runtime = "runc"'] : []),
    `tmp_dir = ${quoted(join(run, "libpod"))}`,
    `volume_path = ${quoted(join(storage, "volumes"))}`,
    // Parts of images would otherwise pass through a folder outside the sealed volume.
    `image_copy_tmp_dir = ${quoted(temporary)}`,
    "[network]",
    'network_backend = "netavark"',
    `network_config_dir = ${quoted(join(storage, "networks"))}`,
  ]);
  const graph = write("storage.conf", [
    "[storage]",
    'driver = "overlay"',
    `graphroot = ${quoted(join(storage, "graph"))}`,
    `runroot = ${quoted(join(run, "storage"))}`,
  ]);
  const registries = write(registriesFile, registriesOf(config));
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: run,
    TMPDIR: temporary,
    REGISTRY_AUTH_FILE: join(run, "auth.json"),
    CONTAINERS_CONF: containers,
    CONTAINERS_STORAGE_CONF: graph,
    CONTAINERS_REGISTRIES_CONF: registries,
  };
}
