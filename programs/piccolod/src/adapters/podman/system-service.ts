/** A Podman that the service manager looks after: it starts it when somebody calls, and again after it has ended. */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { World } from "@piccolo/world";
import { passByMode } from "../app-leftovers.ts";
import { runCommand } from "../volume/command.ts";
import { processesWith } from "../volume/mounts.ts";
import { endProcess, type PodmanEndpoint, serviceAnswers } from "./endpoint.ts";
import { type ServiceFolders, writeServiceConfig } from "./service-config.ts";
import { unavailable } from "./unix-http.ts";

/** So long the service manager may take. */
export const longestControlMs = 60_000;
const answerMs = 60_000;
/** So long it may answer on after it was told to end. */
export const longestEndMs = 30_000;
const lookAgainMs = 50;
/** Of the unit behind the socket: containers have theirs beside it (`os/units/piccolo-podman.service`). */
const cgroupOf = (service: string): string => `/system.slice/${service}/apps`;

export interface SystemServiceOptions extends ServiceFolders {
  /** Of the socket's unit. */
  readonly socketPath: string;
  /** Name of the socket's unit, `NAME.socket`; the service's is `NAME.service`. */
  readonly unit: string;
  /** Has the storage there: started before it, Podman would make itself another one in its place. */
  readonly ready: () => Promise<void>;
  readonly world: World;
}

export class SystemPodmanService implements PodmanEndpoint {
  readonly socketPath: string;
  readonly cgroupParent: string;
  readonly #options: SystemServiceOptions;
  readonly #service: string;
  #starting: Promise<void> | undefined;

  constructor(options: SystemServiceOptions) {
    this.#options = options;
    this.socketPath = options.socketPath;
    this.#service = options.unit.replace(/\.socket$/, ".service");
    this.cgroupParent = cgroupOf(this.#service);
  }

  ensure(): Promise<void> {
    this.#starting ??= this.#ensure().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #ensure(): Promise<void> {
    if (await serviceAnswers(this.socketPath)) return;
    const { unit, world } = this.#options;
    await this.#options.ready();
    this.#writeEnvironment(writeServiceConfig({ ...this.#options, insecureRegistries: [] }));
    // The apps' storage is mounted below them.
    for (const path of [dirname(this.socketPath), dirname(this.#options.run)]) chmodSync(path, passByMode);
    await this.#control("start", [unit]);
    const untilMs = world.monotonicMs() + answerMs;
    while (!(await serviceAnswers(this.socketPath))) {
      if (world.monotonicMs() > untilMs) throw unavailable(new Error(`${unit} was started and does not answer`));
      await world.sleep(lookAgainMs);
    }
  }

  /** Read by the service manager: a value is quoted, and a backslash takes the next letter as it is. */
  #writeEnvironment(environment: Readonly<Record<string, string>>): void {
    const path = join(dirname(this.socketPath), "podman.environment");
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const lines = Object.entries(environment).map(([name, value]) => `${name}=${JSON.stringify(value)}\n`);
    writeFileSync(`${path}.new`, lines.join(""), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  async #control(verb: "start" | "stop", units: readonly string[]): Promise<void> {
    // When the machine stops, the service manager would have them wait for this daemon, which waits for them.
    const mode = verb === "stop" ? ["--job-mode=ignore-dependencies"] : [];
    const { code, stderr } = await runCommand("systemctl", [verb, ...mode, ...units], { timeoutMs: longestControlMs });
    if (code !== 0) throw unavailable(new Error(`systemctl ${verb} ${units.join(" ")}: ${stderr.trim().slice(-500)}`));
  }

  /** The system keeps it from making notes: there is a file in their folder's place (`os/root/usr/lib/tmpfiles.d`). */
  bringIn<Result>(work: (endpoint: PodmanEndpoint) => Promise<Result>): Promise<Result> {
    return work(this);
  }

  async stop(): Promise<void> {
    const { unit, world, storage } = this.#options;
    await this.#starting?.catch(() => undefined);
    await this.#control("stop", [unit, this.#service]);
    const untilMs = world.monotonicMs() + longestEndMs;
    while ((await serviceAnswers(this.socketPath)) && world.monotonicMs() < untilMs) await world.sleep(lookAgainMs);
    // What has watched a command inside a container stays for minutes, and keeps the storage busy.
    for (const pid of processesWith("conmon", (word) => word.startsWith(`${storage}/`))) endProcess(pid, "SIGKILL");
  }
}
