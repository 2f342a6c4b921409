import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "@piccolo/world";
import { runtimeFaults } from "../../apps/runtime/faults.ts";
import { runProgram } from "../app-storage/run-program.ts";
import { mountsOn, processesWith } from "../volume/mounts.ts";
import {
  endProcess,
  endServices,
  type PodmanEndpoint,
  serviceAnswers,
  signalServices,
  startService,
} from "./endpoint.ts";
import { ImageService } from "./image-service.ts";
import { hasSameRegistries, type ServiceConfig, writeServiceConfig } from "./service-config.ts";

const namespaceFolder = "/run/netns";

/**
 * What takes a container's network away when it has ended runs in a mount namespace of its own. Networks are mounts, and
 * where their folder is not shared between the two, Podman loses sight of them.
 */
async function shareNamespaceFolder(): Promise<void> {
  mkdirSync(namespaceFolder, { recursive: true, mode: 0o755 });
  if (mountsOn(namespaceFolder).length === 0) {
    await runProgram("/bin/mount", ["--bind", namespaceFolder, namespaceFolder]);
  }
  await runProgram("/bin/mount", ["--make-shared", namespaceFolder]);
}

const programs = ["/usr/bin/podman", "/usr/local/bin/podman"];

/** Throws `runtime-missing`. */
function podmanHere(): string {
  const program = programs.find((path) => existsSync(path));
  if (program !== undefined) return program;
  throw runtimeFaults.fault("runtime-missing", "podman is not installed on this machine, so no app can run");
}

export interface OwnServiceOptions extends ServiceConfig {
  readonly cgroupParent: string;
  /** Has the storage there: started before it, Podman would make itself another one in its place. */
  readonly ready: () => Promise<void>;
  readonly world: World;
}

/**
 * A Podman of the device's own, for where no init system looks after one. Its process is detached: it outlives a crash
 * of piccolod like the apps do, and the next start finds it answering.
 */
export class OwnPodmanService implements PodmanEndpoint {
  readonly socketPath: string;
  readonly cgroupParent: string;
  readonly #options: OwnServiceOptions;
  readonly #images: ImageService;
  #starting: Promise<void> | undefined;

  constructor(options: OwnServiceOptions) {
    this.#options = options;
    this.cgroupParent = options.cgroupParent;
    this.socketPath = join(options.run, "podman.sock");
    this.#images = new ImageService({ ...options, program: podmanHere, prepare: () => this.ensure() });
  }

  ensure(): Promise<void> {
    this.#starting ??= this.#ensure().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #ensure(): Promise<void> {
    // One from before a restart may have been told of other registries; apps go on while it is exchanged.
    if (hasSameRegistries(this.#options) && (await serviceAnswers(this.socketPath))) return;
    const program = podmanHere();
    if (process.getuid?.() !== 0) {
      throw runtimeFaults.fault("runtime-missing", "only the machine's administrator can run apps here");
    }
    await this.#options.ready();
    // One that hangs would keep the locks that the next one needs.
    signalServices(this.socketPath, "SIGKILL");
    this.#forgetBeforeReboot();
    await shareNamespaceFolder();
    await startService({
      socketPath: this.socketPath,
      command: [program],
      environment: writeServiceConfig(this.#options),
      wordsFile: join(this.#options.run, "podman.log"),
      world: this.#options.world,
    });
  }

  /** Podman takes what is in these files for the state of this very boot. */
  #forgetBeforeReboot(): void {
    const { run } = this.#options;
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const path = join(run, "boot-id");
    if (existsSync(path) && readFileSync(path, "utf8") === bootId) return;
    rmSync(run, { recursive: true, force: true });
    mkdirSync(run, { recursive: true, mode: 0o700 });
    writeFileSync(path, bootId, { mode: 0o600 });
  }

  bringIn<Result>(work: (endpoint: PodmanEndpoint) => Promise<Result>): Promise<Result> {
    return this.#images.bringIn(work);
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    await this.#images.stop();
    await endServices(this.socketPath, this.#options.world);
    // What has watched a command inside a container stays for minutes, and keeps the storage busy.
    const below = `${this.#options.storage}/`;
    for (const pid of processesWith("conmon", (word) => word.startsWith(below))) endProcess(pid, "SIGKILL");
  }
}
