/**
 * The port to what runs containers. Each operation can be repeated: doing again what is done already is no error, so
 * that a step that was cut off can be taken again. "I do not know" is the fault `runtime-unavailable`, never an empty
 * answer. The adapter is `adapters/podman`, the fake `test-support/memory-runtime.ts`; both run the suite
 * `test-support/container-runtime-suite.ts`.
 */
import type { ContainerSpec, NetworkSpec } from "./container-spec.ts";

export interface RuntimeFacts {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

export interface StoredImage {
  /** What it was asked for by. */
  readonly digest: string;
  readonly architecture: string;
  readonly sizeBytes: number;
  /** The account its containers run as unless told otherwise, as the image says it: `1000`, `1000:1000`, a name, or empty. */
  readonly user: string;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  /** `totalBytes` grows while parts are found; 0 = not known yet. */
  readonly progress?: (doneBytes: number, totalBytes: number) => void;
}

export interface RegistryImage {
  /** `docker.io`, `127.0.0.1:5000` */
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
}

/** `created`: never started; `lost`: the runtime takes it for running, and its process is gone. */
export type ContainerPhase = "created" | "running" | "paused" | "stopped" | "lost";

export interface ContainerState {
  /** Given at creation, another one for each container, whatever its name. */
  readonly id: string;
  readonly name: string;
  readonly phase: ContainerPhase;
  /** Of the last end; undefined while it runs or never ran. */
  readonly exitCode: number | undefined;
  readonly startedAtMs: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: Readonly<Record<string, string>>;
}

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  readonly atMs: number;
  /** At most `logLineBytesMax`; what is longer is cut. */
  readonly text: string;
}
export const logLineBytesMax = 16 * 1024;

export interface LogOptions {
  readonly tail?: number;
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

export interface ContainerUsage {
  readonly name: string;
  /** Processor time since the start. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly processes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export interface ContainerEvent {
  readonly name: string;
  readonly what: "start" | "died" | "remove";
  readonly atMs: number;
}

/** Only those that have it. */
export interface ContainerLabel {
  readonly name: string;
  readonly value: string;
}

export interface ExecResult {
  readonly exitCode: number;
  /** Both streams, at most `execOutputBytesMax` of them. */
  readonly output: string;
}
export const execOutputBytesMax = 4 * 1024;
/** The code of a command that took too long and was ended. */
export const execOutOfTime = 124;

export interface ContainerRuntime {
  /** Throws `runtime-missing`, `runtime-too-old`, and like everything below `runtime-unavailable`, `runtime-failed`. */
  describe(): Promise<RuntimeFacts>;

  image(digest: string): Promise<StoredImage | undefined>;
  /**
   * Takes an OCI archive. Throws `image-digest-differs` or `image-architecture` and keeps nothing then; a stream that
   * fails keeps nothing either and throws its error.
   */
  loadImage(digest: string, archive: AsyncIterable<Uint8Array>, options?: TransferOptions): Promise<StoredImage>;
  /** Throws `image-unreachable`, `registry-busy`, `image-refused`, `image-digest-differs`, `image-architecture`. */
  pullImage(image: RegistryImage, options?: TransferOptions): Promise<StoredImage>;
  /** Images a container uses stay. */
  removeImage(digest: string): Promise<void>;
  /** Removes all images but these, and those a container uses. While an image is arriving all stay, until it is asked again. */
  keepImages(digests: ReadonlySet<string>): Promise<void>;

  networks(): Promise<readonly string[]>;
  /** Where there is one of that name, it is left as it is. Throws `address-taken`. */
  createNetwork(spec: NetworkSpec): Promise<void>;
  removeNetwork(name: string): Promise<void>;

  containers(label?: ContainerLabel): Promise<readonly ContainerState[]>;
  /** All there are, by what they were made with alone: a state that cannot be found out hides no other container. */
  listed(): Promise<readonly Pick<ContainerState, "name" | "labels">[]>;
  container(name: string): Promise<ContainerState | undefined>;
  /** Throws `container-exists`, `image-missing`. */
  create(spec: ContainerSpec): Promise<ContainerState>;
  /**
   * Starts it and makes sure of its isolation; `isolation-failed` has stopped it again. Throws `container-missing`.
   */
  start(name: string): Promise<ContainerState>;
  /**
   * Asks it to end, and ends it after its grace, or after `graceMsMax` where that is shorter, also where it was asked before.
   * It stays down until it is started. Harmless when it is gone.
   */
  stop(name: string, graceMsMax?: number): Promise<void>;
  /** Ends it without asking. */
  remove(name: string): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** A command that is not through in time is ended: `execOutOfTime`. Throws `container-missing` where it does not run. */
  exec(name: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>;

  /** Oldest first. Throws `container-missing`. */
  logs(name: string, options?: LogOptions): AsyncIterable<LogLine>;
  usage(): Promise<readonly ContainerUsage[]>;
  /**
   * From a moment on (of the machine's clock), which may have passed, until the signal; ends with `runtime-unavailable`
   * where the runtime goes away.
   */
  events(signal: AbortSignal, sinceMs: number): AsyncIterable<ContainerEvent>;

  /** Ends every container, within seconds, and the runtime itself, where it is this device's own. */
  shutDown(): Promise<void>;
}
