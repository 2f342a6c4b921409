import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "@piccolo/world";
import { runtimeFaults } from "../../apps/runtime/faults.ts";
import { runProgram } from "../app-storage/run-program.ts";
import { mountsOn, processesWith, serversOf } from "../volume/mounts.ts";
import { exchange, isGone, unavailable } from "./unix-http.ts";
import { hasSameRegistries, type ServiceConfig, writeServiceConfig } from "./service-config.ts";

/** Where the interface is, and who sees to it that somebody answers there. */
export interface PodmanEndpoint {
  readonly socketPath: string;
  /** Below this control group, an absolute path in its tree; undefined leaves it to Podman. */
  readonly cgroupParent: string | undefined;
  /** Makes sure that it answers. Throws `runtime-missing`, `runtime-unavailable`. */
  ensure(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether a Podman answers there. Throws `runtime-unavailable` where something else is wrong than that it is not there. */
export async function serviceAnswers(socketPath: string): Promise<boolean> {
  try {
    const { status, body } = await exchange(socketPath, { method: "GET", path: "/_ping", timeoutMs: answerMs });
    body.destroy();
    return status === 200;
  } catch (error) {
    if (isGone(error) || (error instanceof Error && "code" in error && error.code === "ETIMEDOUT")) return false;
    throw unavailable(error);
  }
}

export function endProcess(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

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
const startMs = 20_000;
const stopMs = 10_000;
const lookAgainMs = 20;
const answerMs = 5_000;

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
  #starting: Promise<void> | undefined;

  constructor(options: OwnServiceOptions) {
    this.#options = options;
    this.cgroupParent = options.cgroupParent;
    this.socketPath = join(options.run, "podman.sock");
  }

  get #words(): string {
    return join(this.#options.run, "podman.log");
  }

  get #url(): string {
    return `unix://${this.socketPath}`;
  }

  ensure(): Promise<void> {
    this.#starting ??= this.#ensure().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #ensure(): Promise<void> {
    // One from before a restart may have been told of other registries; apps go on while it is exchanged.
    if (hasSameRegistries(this.#options) && (await this.#answers())) return;
    const program = programs.find((path) => existsSync(path));
    if (program === undefined) {
      throw runtimeFaults.fault("runtime-missing", "podman is not installed on this machine, so no app can run");
    }
    if (process.getuid?.() !== 0) {
      throw runtimeFaults.fault("runtime-missing", "only the machine's administrator can run apps here");
    }
    await this.#options.ready();
    // One that hangs would keep the locks that the next one needs.
    this.#end("SIGKILL");
    this.#forgetBeforeReboot();
    await shareNamespaceFolder();
    const environment = writeServiceConfig(this.#options);
    rmSync(this.socketPath, { force: true });
    // Not a pipe: it outlives this process, and would die of writing to nobody. Of errors alone, this stays small.
    const words = openSync(this.#words, "w", 0o600);
    const child = spawn(program, ["--log-level=error", "system", "service", "--time=0", this.#url], {
      detached: true,
      stdio: ["ignore", "ignore", words],
      env: environment,
      cwd: "/",
    });
    closeSync(words);
    child.unref();
    await this.#untilAnswers(child);
  }

  async #untilAnswers(child: ChildProcess): Promise<void> {
    const { world } = this.#options;
    let ended: string | undefined;
    child.once("error", (error) => (ended = error.message));
    child.once("exit", (code, signal) => (ended = `it ended with ${code ?? signal}`));
    const untilMs = world.monotonicMs() + startMs;
    while (!(await this.#answers())) {
      if (ended !== undefined || world.monotonicMs() > untilMs) {
        const words = readFileSync(this.#words, "utf8").slice(-1_000);
        throw unavailable(new Error(`${ended ?? "it does not answer after its start"}: ${words}`));
      }
      await world.sleep(lookAgainMs);
    }
  }

  #answers(): Promise<boolean> {
    return serviceAnswers(this.socketPath);
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

  #end(signal: "SIGTERM" | "SIGKILL"): number {
    const pids = serversOf("podman", this.#url);
    for (const pid of pids) endProcess(pid, signal);
    return pids.length;
  }

  async stop(): Promise<void> {
    const { world } = this.#options;
    await this.#starting?.catch(() => undefined);
    const untilMs = world.monotonicMs() + stopMs;
    while (this.#end(world.monotonicMs() > untilMs ? "SIGKILL" : "SIGTERM") > 0) await world.sleep(lookAgainMs);
    rmSync(this.socketPath, { force: true });
    // What has watched a command inside a container stays for minutes, and keeps the storage busy.
    const below = `${this.#options.storage}/`;
    for (const pid of processesWith("conmon", (word) => word.startsWith(below))) endProcess(pid, "SIGKILL");
  }
}
