/** Containers in memory, as far as the port tells: nothing runs in them, but for what a test says. */
import { createHash } from "node:crypto";
import {
  type ContainerEvent,
  type ContainerLabel,
  type ContainerPhase,
  type ContainerRuntime,
  type ContainerState,
  type ContainerUsage,
  execOutOfTime,
  type ExecResult,
  type LogLine,
  type LogOptions,
  type RegistryImage,
  type RuntimeFacts,
  type StoredImage,
  type TransferOptions,
} from "../src/apps/runtime/container-runtime.ts";
import type { ContainerSpec, NetworkSpec } from "../src/apps/runtime/container-spec.ts";
import { runtimeFaults } from "../src/apps/runtime/faults.ts";

interface MemoryContainer {
  readonly spec: ContainerSpec;
  readonly id: string;
  phase: ContainerPhase;
  exitCode: number | undefined;
  startedAtMs: number | undefined;
  readonly log: LogLine[];
  /** Of those who wait for its end. */
  readonly endings: (() => void)[];
}

export class MemoryRuntime implements ContainerRuntime {
  readonly #images = new Map<string, StoredImage>();
  #arriving = 0;
  readonly #networks = new Map<string, NetworkSpec>();
  readonly #containers = new Map<string, MemoryContainer>();
  readonly #listeners = new Set<(event: ContainerEvent) => void>();
  readonly #told: ContainerEvent[] = [];
  #made = 0;
  /** How often it was asked what containers use. */
  #asked = 0;
  /** The machine's clock, where it has one; no two things happen at the same moment. */
  readonly #clock: () => number;
  #lastMs = 1_800_000_000_000;
  /** What a registry would give, by digest. */
  readonly registry = new Map<string, StoredImage>();
  /** Images come only after it. */
  pullGate: (digest: string, signal: AbortSignal | undefined) => Promise<void> = () => Promise.resolve();
  /** What is asked for while it is set is not answered. */
  isAway = false;
  /** Whether a network of the house has the addresses. */
  isForeign: (subnet: string) => boolean = () => false;
  /** Names of containers whose state cannot be found out. */
  readonly unwell = new Set<string>();
  readonly puzzling = new Set<string>();
  /** Names of containers that would not be kept apart from the rest. */
  readonly unisolated = new Set<string>();

  constructor(clock?: () => number) {
    this.#clock = clock ?? (() => 0);
    if (clock !== undefined) this.#lastMs = clock();
  }

  #nextMs(): number {
    this.#lastMs = Math.max(this.#lastMs + 1, this.#clock());
    return this.#lastMs;
  }

  #check(): void {
    if (this.isAway) throw runtimeFaults.fault("runtime-unavailable", "what runs the apps does not answer");
  }

  async describe(): Promise<RuntimeFacts> {
    this.#check();
    return { name: "memory", version: "1.0.0", architecture: "amd64" };
  }

  async image(digest: string): Promise<StoredImage | undefined> {
    this.#check();
    return this.#images.get(digest);
  }

  /** Reads of an archive what the suite's images have: their manifest's digest, architecture and account. */
  async loadImage(
    digest: string,
    archive: AsyncIterable<Uint8Array>,
    { progress }: TransferOptions = {},
  ): Promise<StoredImage> {
    const parts: Uint8Array[] = [];
    let doneBytes = 0;
    this.#arriving++;
    try {
      for await (const part of archive) {
        parts.push(part);
        doneBytes += part.length;
        progress?.(doneBytes, 0);
      }
    } finally {
      this.#arriving--;
    }
    this.#check();
    const blobs = jsonFilesOf(Buffer.concat(parts));
    const manifest = blobs.find(({ text }) => `sha256:${createHash("sha256").update(text).digest("hex")}` === digest);
    if (manifest === undefined) throw runtimeFaults.fault("image-digest-differs", "it is another image");
    const config = blobs.map(({ value }) => value).find((value) => value.architecture !== undefined);
    if (config?.architecture !== machine) throw runtimeFaults.fault("image-architecture", "another processor's");
    const user = config.config?.User ?? "";
    const image = { digest, architecture: machine, sizeBytes: doneBytes, user };
    this.#images.set(digest, image);
    return image;
  }

  async pullImage({ digest }: RegistryImage, { progress, signal }: TransferOptions = {}): Promise<StoredImage> {
    this.#check();
    await this.pullGate(digest, signal);
    const image = this.registry.get(digest);
    if (image === undefined) throw runtimeFaults.fault("image-refused", "the registry has no such image");
    progress?.(image.sizeBytes, image.sizeBytes);
    this.#images.set(digest, image);
    return image;
  }

  async removeImage(digest: string): Promise<void> {
    this.#check();
    const isUsed = [...this.#containers.values()].some(({ spec }) => spec.image === digest);
    if (!isUsed) this.#images.delete(digest);
  }

  async keepImages(digests: ReadonlySet<string>): Promise<void> {
    if (this.#arriving > 0) return;
    for (const digest of this.#images.keys()) if (!digests.has(digest)) await this.removeImage(digest);
  }

  async networks(): Promise<readonly string[]> {
    this.#check();
    return [...this.#networks.keys()];
  }

  async createNetwork(spec: NetworkSpec): Promise<void> {
    this.#check();
    if (this.#networks.has(spec.name)) return;
    if (this.isForeign(spec.subnet) || [...this.#networks.values()].some(({ subnet }) => subnet === spec.subnet)) {
      throw runtimeFaults.fault("address-taken", "the addresses are used");
    }
    this.#networks.set(spec.name, spec);
  }

  async removeNetwork(name: string): Promise<void> {
    this.#check();
    this.#networks.delete(name);
  }

  async containers(label?: ContainerLabel): Promise<readonly ContainerState[]> {
    this.#check();
    const all = [...this.#containers.values()].map(stateOf);
    const found = label === undefined ? all : all.filter(({ labels }) => labels[label.name] === label.value);
    if (found.some(({ name }) => this.puzzling.has(name))) {
      throw runtimeFaults.fault("runtime-unavailable", "a container is in an unknown state");
    }
    return found;
  }

  async listed(): Promise<readonly Pick<ContainerState, "name" | "labels">[]> {
    this.#check();
    return [...this.#containers.values()].map(stateOf);
  }

  async container(name: string): Promise<ContainerState | undefined> {
    this.#check();
    const found = this.#find(name);
    return found === undefined ? undefined : stateOf(found);
  }

  #find(name: string): MemoryContainer | undefined {
    return this.#containers.get(name) ?? [...this.#containers.values()].find(({ id }) => id === name);
  }

  #must(name: string): MemoryContainer {
    this.#check();
    const found = this.#find(name);
    if (found === undefined) throw runtimeFaults.fault("container-missing", "the container is gone");
    return found;
  }

  async create(spec: ContainerSpec): Promise<ContainerState> {
    this.#check();
    if (!this.#images.has(spec.image)) throw runtimeFaults.fault("image-missing", "the image is not here");
    if (this.#containers.has(spec.name)) throw runtimeFaults.fault("container-exists", "the name is taken");
    const id = createHash("sha256")
      .update(`${spec.name} ${this.#made++}`)
      .digest("hex");
    const made: MemoryContainer = {
      spec,
      id,
      phase: "created",
      exitCode: undefined,
      startedAtMs: undefined,
      log: [],
      endings: [],
    };
    this.#containers.set(spec.name, made);
    return stateOf(made);
  }

  async start(name: string): Promise<ContainerState> {
    const found = this.#must(name);
    if (found.phase === "running" || found.phase === "paused") return stateOf(found);
    // Stricter than Podman 4.3, which has two of them run at one address.
    const taken = [...this.#containers.values()].filter(({ phase }) => phase === "running" || phase === "paused");
    const own = new Set(found.spec.networks.map(({ address }) => address));
    if (taken.some(({ spec }) => spec.networks.some(({ address }) => own.has(address)))) {
      throw runtimeFaults.fault("runtime-failed", "another container has its address");
    }
    found.phase = "running";
    found.exitCode = undefined;
    found.startedAtMs = this.#nextMs();
    this.#tell(found, "start");
    if (this.unisolated.has(name)) {
      this.end(name, 137);
      throw runtimeFaults.fault("isolation-failed", "it was stopped at once, because it was not kept apart");
    }
    this.#runs(found);
    return stateOf(found);
  }

  /** What the suite's commands do: `echo`, `exit N`, and whatever else goes on for ever. */
  #runs(found: MemoryContainer): void {
    const script = found.spec.command?.at(-1) ?? "";
    for (const part of script.split(";").map((one) => one.trim())) {
      const [, text, isError] = /^echo ([\w ]+?)( >&2)?$/.exec(part) ?? [];
      if (text !== undefined) {
        found.log.push({ stream: isError === undefined ? "stdout" : "stderr", atMs: this.#nextMs(), text });
      }
      const code = /^exit (\d+)$/.exec(part)?.[1];
      if (code !== undefined) this.end(found.spec.name, Number(code));
    }
  }

  #tell({ spec }: MemoryContainer, what: ContainerEvent["what"]): void {
    const event = { name: spec.name, what, atMs: this.#nextMs() };
    this.#told.push(event);
    for (const listener of this.#listeners) listener(event);
  }

  /** Its process ends. */
  end(name: string, exitCode: number): void {
    const found = this.#must(name);
    found.phase = "stopped";
    found.exitCode = exitCode;
    for (const tell of found.endings.splice(0)) tell();
    this.#tell(found, "died");
  }

  /** Its process is gone, and nobody has noticed. */
  lose(name: string): void {
    this.#must(name).phase = "lost";
  }

  async stop(name: string, graceMsMax = Infinity): Promise<void> {
    this.#check();
    const found = this.#find(name);
    if (found === undefined || found.phase === "created" || found.phase === "stopped") return;
    if (isDeaf(found) && graceMsMax > 0) await new Promise<void>((resolve) => found.endings.push(resolve));
    else this.end(name, 143);
  }

  async remove(name: string): Promise<void> {
    this.#check();
    const found = this.#find(name);
    if (found === undefined) return;
    await this.stop(name, 0);
    this.#containers.delete(found.spec.name);
    this.#tell(found, "remove");
  }

  async pause(name: string): Promise<void> {
    const found = this.#must(name);
    if (found.phase === "running") found.phase = "paused";
  }

  async resume(name: string): Promise<void> {
    this.#check();
    const found = this.#find(name);
    if (found?.phase === "paused") found.phase = "running";
  }

  async exec(name: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const found = this.#must(name);
    if (found.phase !== "running") throw runtimeFaults.fault("container-missing", "it does not run");
    const script = command.at(-1) ?? "";
    const sleepMs = 1_000 * Number(/sleep (\d+)/.exec(script)?.[1] ?? 0);
    if (sleepMs > timeoutMs) return { exitCode: execOutOfTime, output: "" };
    const exitCode = this.unwell.has(name) ? 1 : Number(/exit (\d+)/.exec(script)?.[1] ?? 0);
    return { exitCode, output: `${/echo ([\w ]+?)(?:;|$)/.exec(script)?.[1] ?? ""}\n` };
  }

  async *logs(name: string, { tail, follow = false, signal }: LogOptions = {}): AsyncGenerator<LogLine> {
    const found = this.#must(name);
    yield* found.log.slice(tail === undefined ? 0 : -tail);
    if (!follow || signal === undefined || signal.aborted) return;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  }

  async usage(): Promise<readonly ContainerUsage[]> {
    this.#check();
    this.#asked++;
    return [...this.#containers.values()]
      .filter(({ phase }) => phase === "running")
      .map(({ spec }) => ({
        name: spec.name,
        cpuMs: this.#asked,
        memoryBytes: 1_024,
        memoryLimitBytes: spec.memoryBytes,
        processes: 1,
        receivedBytes: 0,
        sentBytes: 0,
        readBytes: 0,
        writtenBytes: 0,
      }));
  }

  async *events(signal: AbortSignal, sinceMs: number): AsyncGenerator<ContainerEvent> {
    this.#check();
    const waiting = this.#told.filter(({ atMs }) => atMs > sinceMs);
    let wake = (): void => undefined;
    const listener = (event: ContainerEvent): void => {
      waiting.push(event);
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => wake());
    try {
      while (!signal.aborted) {
        const event = waiting.shift();
        if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  async shutDown(): Promise<void> {
    for (const name of this.#containers.keys()) await this.stop(name, 0);
  }
}

/** Whether it passes over being asked to end, as the suite's commands say it. */
function isDeaf({ spec }: MemoryContainer): boolean {
  return spec.command?.at(-1)?.includes("trap '' TERM") === true;
}

const machine = process.arch === "arm64" ? "arm64" : "amd64";

function stateOf({ spec, id, phase, exitCode, startedAtMs }: MemoryContainer): ContainerState {
  return {
    id,
    name: spec.name,
    phase,
    exitCode: phase === "stopped" ? exitCode : undefined,
    startedAtMs,
    labels: spec.labels,
    addresses: Object.fromEntries(spec.networks.map(({ network, address }) => [network, address])),
  };
}

interface Blob {
  readonly text: string;
  readonly value: { readonly architecture?: string; readonly config?: { readonly User?: string } };
}

/** The JSON files of an archive, whatever they are called. */
function jsonFilesOf(archive: Buffer): readonly Blob[] {
  const files: Blob[] = [];
  for (let at = 0; at + 512 <= archive.length;) {
    const sizeBytes = Number.parseInt(archive.toString("latin1", at + 124, at + 135), 8) || 0;
    const text = archive.toString("utf8", at + 512, at + 512 + sizeBytes);
    if (text.startsWith("{")) files.push({ text, value: JSON.parse(text) as Blob["value"] });
    at += 512 + Math.ceil(sizeBytes / 512) * 512;
  }
  return files;
}
