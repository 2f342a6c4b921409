import { setMaxListeners } from "node:events";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ContainerSpec, IdRange, NetworkSpec } from "../../apps/runtime/container-spec.ts";
import {
  type ContainerEvent,
  type ContainerLabel,
  type ContainerRuntime,
  type ContainerState,
  type ContainerUsage,
  type ExecResult,
  execOutOfTime,
  execOutputBytesMax,
  type LogLine,
  logLineBytesMax,
  type LogOptions,
  type RegistryImage,
  type RuntimeFacts,
  type StoredImage,
  type TransferOptions,
} from "../../apps/runtime/container-runtime.ts";
import { runtimeFaults } from "../../apps/runtime/faults.ts";
import type { Log } from "../log.ts";
import { processesWith } from "../volume/mounts.ts";
import type { ContainerFiles } from "./container-files.ts";
import { endProcesses } from "./exec-processes.ts";
import { createBody, networkBody } from "./create-body.ts";
import { framesOf } from "./frames.ts";
import { libpodApi as api, PodmanInterface, type Refusal } from "./interface.ts";
import { isProcessOf, isWatched, whatIsolationLacks } from "./isolation.ts";
import { PodmanImages } from "./images.ts";
import type { PodmanEndpoint } from "./endpoint.ts";
import { type ContainerInspection, type ListedContainer, read, type UsageInspection } from "./shapes.ts";
import { linesOf, unavailable } from "./unix-http.ts";
import type { StrayNetworks } from "./stray-networks.ts";
import type { WritableRoots } from "./writable-roots.ts";

const oldest = [4, 3] as const;
const eventLineBytesMax = 64 * 1024;
/** What another process of Podman is just leaving behind. */
const busyTries = 30;
const busyPauseMs = 100;
const cleanUpTries = 250;
const cleanUpPauseMs = 20;
const addressTries = 50;
/** The service may be killed while it starts a container, and what it leaves has to be looked at before it is asked again. */
const startTries = 3;
const addressPauseMs = 100;
const stopMarginMs = 30_000;
/** Of what still runs when everything ends. */
const lastGraceMs = 10_000;
const isolationLooks = 200;
const isolationPauseMs = 50;
const commandTries = 50;
const commandLooks = 5;
const commandPauseMs = 20;
/** Labels that the runtime reads back: what the container was made with, to check it at each start. */
const idLabel = "piccolo.ids";
const capabilityLabel = "piccolo.capabilities";
const graceLabel = "piccolo.grace-ms";
const rootLabel = "piccolo.root-bytes";
const addressLabel = "piccolo.addresses";

const at = (name: string, rest: string): string => `${api}/containers/${encodeURIComponent(name)}${rest}`;

export interface PodmanParts {
  readonly endpoint: PodmanEndpoint;
  readonly roots: WritableRoots;
  readonly files: ContainerFiles;
  readonly strays: StrayNetworks;
  readonly log: Log;
}

/** Containers by Podman, over the socket of its service. */
export class Podman implements ContainerRuntime {
  readonly #endpoint: PodmanEndpoint;
  readonly #interface: PodmanInterface;
  readonly #images: PodmanImages;
  readonly #roots: WritableRoots;
  readonly #files: ContainerFiles;
  readonly #strays: StrayNetworks;
  readonly #log: Log;
  /** The process that each container was found to be kept apart with. */
  readonly #keptApart = new Map<string, number>();

  constructor({ endpoint, roots, files, strays, log }: PodmanParts) {
    this.#endpoint = endpoint;
    this.#roots = roots;
    this.#files = files;
    this.#strays = strays;
    this.#log = log;
    this.#interface = new PodmanInterface(endpoint, log);
    this.#images = new PodmanImages(this.#interface, api);
  }

  async describe(): Promise<RuntimeFacts> {
    await this.#endpoint.ensure();
    const { Version: version, Arch: architecture } = read.versions(
      await this.#interface.call({ method: "GET", path: "/version" }),
    );
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
      throw runtimeFaults.fault("runtime-too-old", `Podman ${version} is too old; ${oldest.join(".")} is needed`);
    }
    return { name: "podman", version, architecture };
  }

  image(digest: string): Promise<StoredImage | undefined> {
    return this.#images.find(digest);
  }

  loadImage(digest: string, archive: AsyncIterable<Uint8Array>, options?: TransferOptions): Promise<StoredImage> {
    return this.#images.load(digest, archive, options);
  }

  pullImage(image: RegistryImage, options?: TransferOptions): Promise<StoredImage> {
    return this.#images.pull(image, options);
  }

  removeImage(digest: string): Promise<void> {
    return this.#images.remove(digest);
  }

  async keepImages(digests: ReadonlySet<string>): Promise<void> {
    this.#roots.forgetGone();
    this.#files.forgetGone(new Set((await this.listed()).map(({ name }) => name)));
    await this.#strays.sweep();
    await this.#images.keep(digests);
  }

  async networks(): Promise<readonly string[]> {
    const all = read.networks(await this.#interface.call({ method: "GET", path: `${api}/networks/json` }));
    return all.map(({ name }) => name).filter((name) => name !== "podman");
  }

  async createNetwork(spec: NetworkSpec): Promise<void> {
    if ((await this.networks()).includes(spec.name)) return;
    await this.#interface.call(
      { method: "POST", path: `${api}/networks/create`, json: networkBody(spec) },
      ({ message }) =>
        /subnet .*(?:already|used)|overlap|(?:already used|already in use)/i.test(message)
          ? runtimeFaults.fault("address-taken", `the addresses ${spec.subnet} are used by something else`)
          : undefined,
    );
  }

  async removeNetwork(name: string): Promise<void> {
    await this.#interface.find({ method: "DELETE", path: `${api}/networks/${encodeURIComponent(name)}` });
  }

  async containers(label?: ContainerLabel): Promise<readonly ContainerState[]> {
    const states = await Promise.all((await this.#list(label)).map((one) => this.#stateOfListed(one)));
    return states.filter((state) => state !== undefined);
  }

  async listed(): Promise<readonly Pick<ContainerState, "name" | "labels">[]> {
    return (await this.#list()).map(brokenState);
  }

  async #list(label?: ContainerLabel): Promise<readonly ListedContainer[]> {
    const filters =
      label === undefined
        ? ""
        : `&filters=${encodeURIComponent(JSON.stringify({ label: [`${label.name}=${label.value}`] }))}`;
    const path = `${api}/containers/json?all=true${filters}`;
    return read.containers(await this.#interface.call({ method: "GET", path })) ?? [];
  }

  /** A power cut may leave a container whose files on the disk are unfinished: it is there, and good for nothing. */
  async #stateOfListed(listed: ListedContainer): Promise<ContainerState | undefined> {
    const damaged = new Error("the container's files are damaged");
    try {
      const answer = await this.#interface.call(
        { method: "GET", path: at(listed.Id, "/json") },
        ({ status, message }) => (status === 404 || isDamage(message) ? damaged : undefined),
      );
      return await this.#looked(read.container(answer));
    } catch (error) {
      if (error !== damaged) throw error;
    }
    // What is not found is either gone meanwhile, or listed still.
    return (await this.#list()).some(({ Id }) => Id === listed.Id) ? brokenState(listed) : undefined;
  }

  async container(name: string): Promise<ContainerState | undefined> {
    const found = await this.#inspect(name);
    return found === undefined ? undefined : this.#looked(found);
  }

  /**
   * One that runs and whose start this process has not seen to its end is looked at, too: what looked at it may have been killed
   * before. Where it is not kept apart as it should be it counts as broken, and is made anew.
   */
  async #looked(found: ContainerInspection): Promise<ContainerState> {
    const state = stateOf(found);
    const isAlive = state.phase === "running" || state.phase === "paused";
    if (!isAlive || this.#keptApart.get(found.Id) === found.State.Pid) return state;
    const lacks = await lacksLastingly(found);
    if (lacks !== undefined) {
      this.#log.error("isolation-failed", { container: found.Name, lacks });
      return { ...state, phase: "lost" };
    }
    this.#keptApart.set(found.Id, found.State.Pid);
    return state;
  }

  async #inspect(name: string): Promise<ContainerInspection | undefined> {
    const answer = await this.#interface.find({ method: "GET", path: at(name, "/json") });
    return answer === undefined ? undefined : read.container(answer);
  }

  async create(spec: ContainerSpec): Promise<ContainerState> {
    const image = await this.#images.idOf(spec.image);
    if (image === undefined) throw runtimeFaults.fault("image-missing", "the image of this app is not on this device");
    const labels = {
      ...spec.labels,
      [idLabel]: `${spec.ids.start}:${spec.ids.size}`,
      [capabilityLabel]: spec.capabilities.join(","),
      [graceLabel]: String(spec.stopGraceMs),
      [addressLabel]: spec.networks.map(({ address }) => address).join(","),
      ...(spec.readOnlyRoot ? {} : { [rootLabel]: String(spec.rootBytesMax) }),
    };
    const mounts = [...spec.mounts, ...(await this.#files.lay(spec))];
    const body = createBody({ ...spec, mounts, labels }, image, this.#endpoint.cgroupParent);
    try {
      return await this.#createOf(spec.name, body);
    } catch (error) {
      const isTaken = runtimeFaults.owns(error) && error.code === "container-exists";
      if (!isTaken || (await this.#inspectUnlessDamaged(spec.name)) !== undefined) throw error;
    }
    // Whoever was to make it was killed meanwhile: its files have the name, and no container is there.
    await this.#removeByForce(spec.name);
    return this.#createOf(spec.name, body);
  }

  async #createOf(name: string, body: unknown): Promise<ContainerState> {
    const { Id } = read.created(
      await this.#interface.call({ method: "POST", path: `${api}/containers/create`, json: body }, (refusal) =>
        isNameTaken(refusal)
          ? runtimeFaults.fault("container-exists", `there is a container ${name} already`)
          : undefined,
      ),
    );
    return this.#present(Id);
  }

  async #present(name: string): Promise<ContainerState> {
    const found = await this.container(name);
    if (found === undefined) throw missing();
    return found;
  }

  async start(name: string): Promise<ContainerState> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#startOnce(name);
      } catch (error) {
        const isAway = runtimeFaults.owns(error) && error.code === "runtime-unavailable";
        if (!isAway || attempt === startTries) throw error;
      }
    }
  }

  async #startOnce(name: string): Promise<ContainerState> {
    const before = await this.#inspect(name);
    if (before === undefined) throw missing();
    const { phase } = stateOf(before);
    // What Podman still takes for running would not be started, and one whose start was cut off would run without a network.
    if (phase === "lost" || before.State.Status === "initialized") await this.#kill(before);
    await this.#cleanedUp(name);
    if (phase !== "running" && phase !== "paused") await this.#strays.end(before.Id, addressesOf(before));
    await this.#boundRoot(before);
    await this.#startWithAddress(name);
    const now = await this.#inspect(name);
    if (now === undefined) throw missing();
    const lacks = now.State.Status === "running" ? await lacksLastingly(now) : undefined;
    if (lacks !== undefined) {
      await this.#kill(now);
      this.#log.error("isolation-failed", { container: now.Name, lacks });
      throw runtimeFaults.fault(
        "isolation-failed",
        `the app was stopped at once, because it was not kept apart from the rest as it should be: ${lacks}`,
      );
    }
    this.#keptApart.set(now.Id, now.State.Pid);
    return stateOf(now);
  }

  async #boundRoot({ State, Config, GraphDriver }: ContainerInspection): Promise<void> {
    const bytesMax = Number(Config.Labels?.[rootLabel] ?? 0);
    if (bytesMax === 0 || State.Status === "running" || State.Status === "paused") return;
    const upper = GraphDriver?.Data?.["UpperDir"];
    if (upper === undefined) throw this.#interface.failed("inspect", { status: 200, message: "no folder of changes" });
    await this.#roots.bound(dirname(upper), bytesMax);
  }

  /** Podman gives the address of a container that has just gone back a moment after it is gone. */
  async #startWithAddress(name: string): Promise<void> {
    const taken = new Error("the address is not given back yet");
    for (let attempt = 1; ; attempt++) {
      try {
        const body = await this.#interface.open({ method: "POST", path: at(name, "/start"), isOnce: true }, (refusal) =>
          attempt < addressTries && /IPAM error.*already allocated/.test(refusal.message) ? taken : orMissing(refusal),
        );
        body.resume();
        return;
      } catch (error) {
        if (error !== taken) throw error;
        await delay(addressPauseMs);
      }
    }
  }

  async #kill({ Id }: ContainerInspection): Promise<void> {
    await this.#interface.find({ method: "POST", path: at(Id, "/stop?timeout=0&ignore=true") });
    await this.#cleanedUp(Id);
  }

  async stop(name: string, graceMsMax = Infinity): Promise<void> {
    const found = await this.#inspectUnlessDamaged(name);
    if (found === undefined || found === "damaged") return;
    if (found.State.Status === "paused") await this.resume(name);
    const graceMs = Math.min(Number(found.Config.Labels?.[graceLabel] ?? 10_000), graceMsMax);
    await this.#interface.find({
      method: "POST",
      path: at(name, `/stop?ignore=true&timeout=${Math.ceil(graceMs / 1_000)}`),
      timeoutMs: graceMs + stopMarginMs,
    });
    await this.#cleanedUp(name);
  }

  /**
   * A container that has ended is `stopped` until another process of Podman has taken its network and mounts away, and
   * `exited` then. Removed in between, it leaves its network behind, and somebody with its address.
   */
  async #cleanedUp(name: string): Promise<void> {
    for (let attempt = 0; attempt < cleanUpTries; attempt++) {
      const found = await this.#inspect(name);
      if (found?.State.Status !== "stopped" && found?.State.Status !== "stopping") return;
      // Where there is none, Podman tidies up when the container is started or removed.
      if (!isTidiedUp(found)) return;
      await delay(cleanUpPauseMs);
    }
  }

  async remove(name: string): Promise<void> {
    const found = await this.#inspectUnlessDamaged(name);
    if (found !== undefined && found !== "damaged") {
      if (found.State.Status === "running" || found.State.Status === "paused") await this.#kill(found);
      await this.#cleanedUp(name);
      this.#keptApart.delete(found.Id);
    }
    if (found !== undefined) await this.#removeByForce(name);
    this.#files.forget(name);
  }

  async #inspectUnlessDamaged(name: string): Promise<ContainerInspection | "damaged" | undefined> {
    const damaged = new Error("the container's files are damaged");
    try {
      const answer = await this.#interface.call({ method: "GET", path: at(name, "/json") }, ({ status, message }) =>
        isDamage(message) ? damaged : status === 404 ? missing() : undefined,
      );
      return read.container(answer);
    } catch (error) {
      if (error === damaged) return "damaged";
      if (runtimeFaults.owns(error) && error.code === "container-missing") return undefined;
      throw error;
    }
  }

  async #removeByForce(name: string): Promise<void> {
    const busy = new Error("something of it is still mounted");
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#interface.call(
          { method: "DELETE", path: at(name, "?force=true&timeout=0&v=true&ignore=true") },
          ({ message }) => (attempt < busyTries && /device or resource busy/.test(message) ? busy : undefined),
        );
        this.#roots.forgetGone();
        return;
      } catch (error) {
        if (error !== busy) throw error;
        await delay(busyPauseMs);
      }
    }
  }

  async pause(name: string): Promise<void> {
    if ((await this.#present(name)).phase === "paused") return;
    await this.#interface.call({ method: "POST", path: at(name, "/pause") }, orMissing);
  }

  async resume(name: string): Promise<void> {
    if ((await this.container(name))?.phase !== "paused") return;
    await this.#interface.call({ method: "POST", path: at(name, "/unpause") }, orMissing);
  }

  async exec(name: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const { Id: id } = read.execCreated(
      await this.#interface.call(
        {
          method: "POST",
          path: at(name, "/exec"),
          json: { AttachStdout: true, AttachStderr: true, Cmd: command },
        },
        orMissing,
      ),
    );
    const signal = AbortSignal.timeout(timeoutMs);
    const parts: Buffer[] = [];
    let kept = 0;
    const output = (): string => Buffer.concat(parts).toString("utf8");
    try {
      const body = await this.#interface.open(
        {
          method: "POST",
          path: `${api}/exec/${id}/start`,
          json: { Detach: false },
          signal,
          timeoutMs: timeoutMs + 1_000,
        },
        orMissing,
      );
      for await (const { bytes } of framesOf(body)) {
        if (kept < execOutputBytesMax) parts.push(bytes.subarray(0, execOutputBytesMax - kept));
        kept += bytes.length;
      }
    } catch (error) {
      if (!signal.aborted) throw runtimeFaults.owns(error) ? error : unavailable(error);
    }
    // What it says may end before it does.
    while (!signal.aborted) {
      const { ExitCode: exitCode, Running: isRunning } = await this.#command(id);
      if (!isRunning) return { exitCode, output: output() };
      await delay(commandPauseMs);
    }
    await this.#endCommand(id);
    return { exitCode: execOutOfTime, output: output() };
  }

  async #command(id: string): Promise<ReturnType<typeof read.exec>> {
    return read.exec(await this.#interface.call({ method: "GET", path: `${api}/exec/${id}/json` }));
  }

  /** Who asked for it has left. It may be on its way still, and what it has started may go on without it. */
  async #endCommand(id: string): Promise<void> {
    for (let attempt = 0; attempt < commandTries; attempt++) {
      const { Running: isRunning, Pid: pid, ContainerID: containerId } = await this.#command(id);
      if (isRunning) endProcesses(pid, containerId);
      else if (attempt >= commandLooks) return;
      await delay(commandPauseMs);
    }
  }

  async *logs(name: string, { tail, follow = false, signal }: LogOptions = {}): AsyncGenerator<LogLine> {
    const query = `stdout=true&stderr=true&timestamps=true&follow=${follow}${tail === undefined ? "" : `&tail=${tail}`}`;
    const body = await this.#interface.open(
      { method: "GET", path: at(name, `/logs?${query}`), ...(signal === undefined ? {} : { signal }) },
      orMissing,
    );
    try {
      for await (const { stream, bytes } of framesOf(body)) {
        const line = /^(\S+) (.*?)\n?$/s.exec(bytes.toString("utf8"));
        const atMs = Date.parse(line?.[1] ?? "");
        if (line === null || Number.isNaN(atMs)) continue;
        yield { stream, atMs, text: (line[2] ?? "").slice(0, logLineBytesMax) };
      }
    } catch (error) {
      if (signal?.aborted !== true) throw unavailable(error);
    } finally {
      body.destroy();
    }
  }

  async usage(): Promise<readonly ContainerUsage[]> {
    const all = await this.#usageOf("");
    if (all !== undefined) return all;
    // Where one container ends meanwhile, libpod has no answer for any of them: each is asked for by itself.
    const running = (await this.#list()).filter(({ State: state }) => state === "running");
    const each = await Promise.all(running.map(({ Id: id }) => this.#usageOf(`&containers=${id}`)));
    return each.flatMap((one) => one ?? []);
  }

  /** Undefined where one of them has no answer. */
  async #usageOf(query: string): Promise<readonly ContainerUsage[] | undefined> {
    const ended = new Error("a container has ended meanwhile");
    try {
      const call = { method: "GET", path: `${api}/containers/stats?stream=false${query}` } as const;
      return read.usage(await this.#interface.call(call, () => ended)).Stats?.map(usageOf);
    } catch (error) {
      if (error === ended) return undefined;
      throw error;
    }
  }

  async *events(signal: AbortSignal, sinceMs: number): AsyncGenerator<ContainerEvent> {
    const filters = JSON.stringify({ type: ["container"], event: ["start", "died", "remove"] });
    const since = (sinceMs / 1_000).toFixed(3);
    const path = `${api}/events?stream=true&since=${since}&filters=${encodeURIComponent(filters)}`;
    setMaxListeners(0, signal);
    const body = await this.#interface.open({ method: "GET", path, signal });
    try {
      for await (const line of linesOf(body, eventLineBytesMax)) {
        const { Action, Actor, timeNano } = read.event(JSON.parse(line));
        if (Action !== "start" && Action !== "died" && Action !== "remove") continue;
        yield { name: Actor.Attributes?.["name"] ?? "", what: Action, atMs: Math.floor(timeNano / 1e6) };
      }
    } catch (error) {
      if (!signal.aborted) throw unavailable(error);
      return;
    } finally {
      body.destroy();
    }
    if (!signal.aborted) throw unavailable(new Error("the stream of events ended"));
  }

  async shutDown(): Promise<void> {
    // One that cannot be stopped keeps no other one running.
    const ended = await Promise.allSettled((await this.listed()).map(({ name }) => this.stop(name, lastGraceMs)));
    await this.#endpoint.stop();
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  }
}

function usageOf(one: UsageInspection): ContainerUsage {
  const interfaces = Object.values(one.Network ?? {});
  return {
    name: one.Name,
    cpuMs: one.CPUNano / 1e6,
    memoryBytes: one.MemUsage,
    memoryLimitBytes: one.MemLimit,
    processes: one.PIDs,
    receivedBytes: one.NetInput ?? interfaces.reduce((sum, { RxBytes }) => sum + RxBytes, 0),
    sentBytes: one.NetOutput ?? interfaces.reduce((sum, { TxBytes }) => sum + TxBytes, 0),
    readBytes: one.BlockInput,
    writtenBytes: one.BlockOutput,
  };
}

/** What Podman says where a layer's or a container's own files are not what they were. */
function isDamage(message: string): boolean {
  return /getting graph driver info|layer not known|container not known|error reading container|unexpected end of JSON/i.test(
    message,
  );
}

function brokenState({ Id: id, Names: names, Labels: labels }: ListedContainer): ContainerState {
  return {
    id,
    name: names?.[0] ?? id,
    phase: "lost",
    exitCode: undefined,
    startedAtMs: undefined,
    labels: labels ?? {},
    addresses: {},
  };
}

/** Whether a process is there that sees to the container's end: its watcher, or whom the watcher has told. */
function isTidiedUp({ Id, State }: ContainerInspection): boolean {
  return isWatched(State.ConmonPid) || processesWith("podman", (word) => word === Id).length > 0;
}

function isNameTaken({ message }: Refusal): boolean {
  return /name .*is already in use|already exists/i.test(message);
}

function missing(): Error {
  return runtimeFaults.fault("container-missing", "the container is gone; start the app again");
}

function orMissing({ status, message }: Refusal): Error | undefined {
  const isNotRunning = /can only create exec sessions on running|container state improper/i.test(message);
  return status === 404 || isNotRunning ? missing() : undefined;
}

function addressesOf({ Config }: ContainerInspection): readonly string[] {
  return (Config.Labels?.[addressLabel] ?? "").split(",").filter((address) => address !== "");
}

function madeWith({ Config }: ContainerInspection): {
  readonly ids: IdRange;
  readonly capabilities: readonly string[];
} {
  const labels = Config.Labels ?? {};
  const [start = 0, size = 0] = (labels[idLabel] ?? "").split(":").map(Number);
  return {
    ids: { start, size },
    capabilities: (labels[capabilityLabel] ?? "").split(",").filter((name) => name !== ""),
  };
}

/** A start is over for Podman when the container's first process goes on, which closes itself in only then. */
async function lacksLastingly(now: ContainerInspection): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    const lacks = whatIsolationLacks(now.State.Pid, madeWith(now));
    if (lacks === undefined || attempt === isolationLooks) return lacks;
    await delay(isolationPauseMs);
  }
}

const never = 0;

function stateOf(found: ContainerInspection): ContainerState {
  const { Id, Name, State, Config, NetworkSettings } = found;
  const startedAtMs = Date.parse(State.StartedAt);
  // Whom nobody brings to an end any more can neither be started nor be stopped.
  const isStuck = /^(?:stopping|removing)$/.test(State.Status) && !isTidiedUp(found);
  const phase = isStuck ? "lost" : phaseOf(State, Id);
  return {
    id: Id,
    name: Name,
    phase,
    exitCode: phase === "stopped" ? State.ExitCode : undefined,
    startedAtMs: startedAtMs > never ? startedAtMs : undefined,
    labels: Config.Labels ?? {},
    addresses: Object.fromEntries(
      Object.entries(NetworkSettings.Networks ?? {}).map(([network, { IPAddress }]) => [network, IPAddress]),
    ),
  };
}

function phaseOf(
  { Status: status, Pid: pid, ConmonPid: conmonPid }: ContainerInspection["State"],
  id: string,
): ContainerState["phase"] {
  switch (status) {
    case "running":
    case "paused":
      return isProcessOf(pid, id) && isWatched(conmonPid) ? status : "lost";
    case "created":
    case "configured":
    case "initialized":
      return "created";
    case "stopped":
    case "exited":
    case "stopping":
    case "removing":
      return "stopped";
    default:
      throw unavailable(new Error(`a container is in the unknown state ${status}`));
  }
}
