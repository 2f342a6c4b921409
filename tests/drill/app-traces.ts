/**
 * What a device's apps have of the machine and of the device's disk: containers, networks, mounts, loop devices, rules,
 * files. On a machine of the drill's own, where there is one device.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "@piccolo/devnet";
import { callPodman } from "../apps/podman-call.ts";
import { processesCalled } from "./processes.ts";

const runFolder = "/run/piccolo";

/** Undefined as long as no app was ever installed since the machine started. */
export function tagOfDevice(): string | undefined {
  return existsSync(runFolder) ? readdirSync(runFolder)[0] : undefined;
}

function lines(path: string): readonly string[] {
  return readFileSync(path, "utf8").split("\n");
}

/** Of Podman, over the socket of its service. Throws what it refuses. */
export function tellPodman(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<string> {
  return callPodman(join(runFolder, tagOfDevice() ?? "", "podman/podman.sock"), method, path, body);
}

const ask = async <T>(path: string): Promise<T> => JSON.parse(await tellPodman("GET", path)) as T;

interface Inspection {
  readonly Id: string;
  /** Id of its image. */
  readonly Image: string;
  readonly State: { readonly Pid: number };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

/** Of a container, on the network of its app's own. */
export async function innerAddressOf(container: string): Promise<string> {
  const { NetworkSettings } = await ask<Inspection>(`/containers/${container}/json`);
  return Object.entries(NetworkSettings.Networks).find(([name]) => name.endsWith("i"))?.[1].IPAddress ?? "";
}

export interface RunningContainer {
  /** Id of its image. */
  readonly image: string;
  /** Of its first process, as the machine sees it. */
  readonly pid: number;
  /** Its logs are in there, the one that is written to and those before. */
  readonly logFolder: string;
}

export async function runningContainer(name: string): Promise<RunningContainer> {
  const { Id, Image, State } = await ask<Inspection>(`/containers/${name}/json`);
  return {
    image: Image,
    pid: State.Pid,
    logFolder: join(runFolder, tagOfDevice() ?? "", "apps/runtime/content/graph/overlay-containers", Id, "userdata"),
  };
}

export interface Traces {
  readonly containers: readonly string[];
  /** Containers that have a watcher, each as often as it has one; where there is no such container, the watcher's own words. */
  readonly watched: readonly string[];
  /** Containers whose processes are there, told as those with a watcher are. */
  readonly running: readonly string[];
  readonly networks: readonly string[];
  readonly images: number;
  /** Below the device's folder in `/run`, without it. */
  readonly mounts: readonly string[];
  /** Files, below the folder of apps on the volume, that a loop device has. */
  readonly loops: readonly string[];
  readonly bridges: readonly string[];
  /** Names of network namespaces. */
  readonly namespaces: readonly string[];
  /** Bridges that rules name. */
  readonly filtered: readonly string[];
  /** Below the folder of apps on the volume; the runtime's own file is not among them. */
  readonly files: readonly string[];
  readonly secrets: readonly string[];
}

export async function tracesOf(device: Device): Promise<Traces> {
  const tag = tagOfDevice() ?? "";
  const apps = join(device.folder, "volume/mount/apps");
  const containers = await ask<{ Id: string; Names: string[] }[] | null>("/containers/json?all=true");
  const nameOf = (id: string): string => containers?.find((one) => one.Id === id)?.Names[0] ?? `of no container: ${id}`;
  const networks = await ask<{ name: string }[]>("/networks/json");
  return {
    containers: (containers ?? []).flatMap(({ Names }) => Names).toSorted(),
    watched: watchedIds().map(nameOf).toSorted(),
    running: runningIds().map(nameOf).toSorted(),
    networks: networks
      .map(({ name }) => name)
      .filter((name) => name !== "podman")
      .toSorted(),
    images: (await ask<unknown[]>("/images/json")).length,
    mounts: mountsBelow(join(runFolder, tag, "apps")).filter((path) => !path.startsWith("runtime/")),
    loops: loopFiles(device.folder).map((path) => path.slice(apps.length + 1)),
    bridges: linksOf(`pc${tag}-`),
    namespaces: existsSync("/run/netns") ? readdirSync("/run/netns") : [],
    filtered: filteredBridges(tag),
    files: filesBelow(apps).filter((path) => path !== "runtime.ext4"),
    secrets: filesBelow(join(runFolder, tag, "apps/runtime/secrets")),
  };
}

/** Empty where the process has ended. */
function ofProcess(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

/** Ids of the containers, by what their watchers were started with. */
function watchedIds(): readonly string[] {
  return processesCalled("conmon").flatMap((pid) => {
    // A watcher starts as another's child and has only then its own words; one that has just ended has none.
    const words = ofProcess(pid, "cmdline").split("\0");
    const at = words.indexOf("-c");
    return at < 0 ? [] : [words[at + 1] ?? ""];
  });
}

/** Ids of the containers, by the control groups of the processes in them. */
function runningIds(): readonly string[] {
  const ids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      return /\/libpod-([0-9a-f]{64})(?:\/|\.scope|$)/m.exec(ofProcess(Number(pid), "cgroup"))?.[1] ?? [];
    });
  return [...new Set(ids)];
}

/** What is on the machine although the device has stopped. */
export function tracesAfterStop(device: Device): readonly string[] {
  const programs = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
        return /^(?:podman|conmon|aardvark-dns|catatonit)$/.test(name) ? [`process ${name}`] : [];
      } catch {
        return [];
      }
    });
  const { stdout } = spawnSync("nft", ["list", "tables"], { encoding: "utf8" });
  return [
    ...programs,
    ...mountsBelow(runFolder).map((path) => `mount ${path}`),
    ...loopFiles(device.folder).map((path) => `loop device of ${path}`),
    ...stdout.split("\n").filter((line) => line.includes("piccolo")),
  ];
}

function mountsBelow(folder: string): readonly string[] {
  return lines("/proc/self/mountinfo")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .map((path) => path.slice(folder.length + 1))
    .toSorted();
}

/** What lies in `/sys` is another network's in here. */
function linksOf(prefix: string): readonly string[] {
  const { stdout } = spawnSync("ip", ["-json", "link", "show"], { encoding: "utf8" });
  return (JSON.parse(stdout) as { ifname: string }[])
    .map(({ ifname }) => ifname)
    .filter((name) => name.startsWith(prefix))
    .toSorted();
}

/** Loop devices are the whole machine's. */
function loopFiles(folder: string): readonly string[] {
  return readdirSync("/sys/block")
    .filter((name) => name.startsWith("loop"))
    .flatMap((name) => {
      const path = `/sys/block/${name}/loop/backing_file`;
      return existsSync(path) ? [readFileSync(path, "utf8").trim()] : [];
    })
    .filter((path) => path.includes(`${folder}/`))
    .toSorted();
}

function filteredBridges(tag: string): readonly string[] {
  const { stdout } = spawnSync("nft", ["list", "table", "inet", `piccolo_${tag}`], { encoding: "utf8" });
  return [...new Set(stdout.match(new RegExp(`pc${tag}-[0-9a-z]+`, "g")))].toSorted();
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}
