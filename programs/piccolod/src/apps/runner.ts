/** Makes of one app what shall be. Each step looks first and can be taken again, so that it may be cut off anywhere. */
import type { AppManifest, Service } from "@piccolo/app-manifest";
import type { World } from "@piccolo/world";
import type { DeviceNetworks } from "./addresses.ts";
import { type BundledImages, obtainImage } from "./image-source.ts";
import type { AppStorage } from "./runtime/app-storage.ts";
import type { ContainerRuntime, ContainerState } from "./runtime/container-runtime.ts";
import type { ContainerSpec } from "./runtime/container-spec.ts";
import {
  accountOf,
  appLabel,
  containerSpecs,
  hostAccount,
  isOneShot,
  networksOf,
  serviceAddress,
  specLabel,
} from "./specs.ts";
import { appFaults, type AppRecord } from "./types.ts";

const probePauseMs = 50;
const probeMs = 5_000;
const dependencyMs = 10 * 60_000;

export interface Progress {
  readonly signal: AbortSignal;
  readonly report: (step: string, doneUnits?: number, totalUnits?: number) => void;
}

export interface RunnerOptions {
  readonly runtime: ContainerRuntime;
  readonly storage: AppStorage;
  readonly bundled: BundledImages;
  readonly device: DeviceNetworks;
  readonly world: World;
  readonly secretsOf: (app: string) => Readonly<Record<string, string>>;
  readonly factsOf: (app: AppRecord) => Parameters<typeof containerSpecs>[1]["facts"];
  /** Sets the rules for all apps that shall run, this one among them. */
  readonly filter: () => Promise<void>;
  /** The status of an answer at an address; undefined where there is none in time. */
  readonly probe: (address: string, port: number, path: string, timeoutMs: number) => Promise<number | undefined>;
}

export class AppRunner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  async run(app: AppRecord, progress: Progress): Promise<void> {
    const specs = await this.prepare(app, progress);
    progress.report("Starting");
    await this.#removeOthers(app, specs);
    for (const [at, service] of app.manifest.services.entries()) {
      const spec = specs[at];
      if (spec === undefined) continue;
      await this.#dependencies(app, service, specs, progress.signal);
      await this.#ensureRunning(spec);
    }
    progress.report("Waiting for its first answer");
    await this.#untilHealthy(app, specs, progress.signal);
  }

  /** All that is there before the first container starts. */
  async prepare(app: AppRecord, { signal, report }: Progress): Promise<readonly ContainerSpec[]> {
    const { runtime, storage, bundled, device } = this.#options;
    const imageUsers = new Map<string, string>();
    for (const { image } of app.manifest.services) {
      if (imageUsers.has(image.digest)) continue;
      const stored = await obtainImage(runtime, bundled, image, {
        signal,
        progress: (doneBytes, totalBytes) => report("Fetching", doneBytes, totalBytes),
      });
      imageUsers.set(image.digest, stored.user);
    }
    report("Preparing");
    // The rules come first: no bridge is ever there without them.
    await this.#options.filter();
    for (const network of networksOf(app, device)) await runtime.createNetwork(network);
    const secrets = this.#options.secretsOf(app.id);
    return containerSpecs(app, {
      device,
      facts: this.#options.factsOf(app),
      secrets,
      imageUsers,
      volumeFolders: await this.#mountVolumes(app, storage, imageUsers),
      secretFiles: Object.fromEntries(
        app.manifest.services.flatMap((service) =>
          service.secretFiles.map(({ secret }) => {
            const name = `${service.name}.${secret}`;
            const owner = hostAccount(app, accountOf(service, imageUsers));
            return [name, storage.writeSecret(app.id, name, secrets[secret] ?? "", owner)];
          }),
        ),
      ),
    });
  }

  async #mountVolumes(
    app: AppRecord,
    storage: AppStorage,
    imageUsers: ReadonlyMap<string, string>,
  ): Promise<Readonly<Record<string, string>>> {
    const folders: Record<string, string> = {};
    for (const { name, sizeBytesMax } of app.manifest.volumes) {
      const user = app.manifest.services.find(({ mounts }) =>
        mounts.some((mount) => mount.kind === "volume" && mount.volume === name),
      );
      const owner = hostAccount(app, user === undefined ? { uid: 0, gid: 0 } : accountOf(user, imageUsers));
      folders[name] = await storage.mountVolume({ app: app.id, volume: name, sizeBytesMax, owner });
    }
    return folders;
  }

  async #containersOf(app: AppRecord): Promise<readonly ContainerState[]> {
    return (await this.#options.runtime.containers()).filter(({ labels }) => labels[appLabel] === app.id);
  }

  /** Those of other generations, or made from something else than now. */
  async #removeOthers(app: AppRecord, specs: readonly ContainerSpec[]): Promise<void> {
    const wanted = new Map(specs.map(({ name, labels }) => [name, labels[specLabel]]));
    for (const { name, labels } of await this.#containersOf(app)) {
      if (wanted.get(name) === labels[specLabel]) continue;
      await this.#options.runtime.stop(name);
      await this.#options.runtime.remove(name);
    }
  }

  async #ensureRunning(spec: ContainerSpec): Promise<void> {
    const { runtime } = this.#options;
    const now = await runtime.container(spec.name);
    if (now?.phase === "running") return;
    if (now?.phase === "paused") return runtime.resume(spec.name);
    if (now?.phase === "stopped" && spec.restart === "never" && now.exitCode === 0) return undefined;
    if (now?.phase === "lost") await runtime.remove(spec.name);
    if (now === undefined || now.phase === "lost") await runtime.create(spec);
    await runtime.start(spec.name);
    return undefined;
  }

  async #dependencies(
    app: AppRecord,
    service: Service,
    specs: readonly ContainerSpec[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const { service: name, condition } of service.dependsOn) {
      const at = app.manifest.services.findIndex((one) => one.name === name);
      const [other, spec] = [app.manifest.services[at], specs[at]];
      if (other === undefined || spec === undefined || condition === "started") continue;
      await this.#until(dependencyMs, signal, async () => {
        const now = await this.#options.runtime.container(spec.name);
        if (condition === "healthy") return now?.phase === "running" && (await this.#isHealthy(spec.name, other));
        if (now?.phase !== "stopped") return false;
        if (now.exitCode === 0) return true;
        throw appFaults.fault("app-ended", `the part "${name}" of the app ended with the code ${now.exitCode ?? "?"}`);
      });
    }
  }

  async #isHealthy(name: string, { healthCheck }: Service): Promise<boolean> {
    if (healthCheck === undefined) return true;
    const { exitCode } = await this.#options.runtime.exec(name, healthCheck.command, healthCheck.timeoutMs);
    return exitCode === 0;
  }

  async #untilHealthy(app: AppRecord, specs: readonly ContainerSpec[], signal: AbortSignal): Promise<void> {
    const { runtime, world } = this.#options;
    const startMs = (app.manifest.web?.startSeconds ?? 10) * 1_000;
    const isUp = async (): Promise<boolean> => {
      for (const { name, restart } of specs) {
        const now = await runtime.container(name);
        if (now?.phase === "running") continue;
        if (restart === "never" && now?.phase === "stopped" && now.exitCode === 0) continue;
        return false;
      }
      return this.probe(app, probeMs);
    };
    const startedMs = world.monotonicMs();
    try {
      await this.#until(startMs, signal, isUp);
    } catch (error) {
      if (signal.aborted || !appFaults.owns(error) || error.code !== "app-unhealthy") throw error;
      const seconds = Math.round((world.monotonicMs() - startedMs) / 1_000);
      throw appFaults.fault("app-unhealthy", `the app did not answer within ${seconds} seconds; its log may say why`);
    }
  }

  /** Whether the app answers at its health path; one without a web page has nothing that could. */
  async probe(app: AppRecord, timeoutMs: number): Promise<boolean> {
    const target = webTarget(app.manifest);
    if (target === undefined) return true;
    const address = serviceAddress(app, this.#options.device, target.service);
    const status = await this.#options.probe(address, target.port, target.healthPath, timeoutMs);
    return status !== undefined && status >= 200 && status < 400;
  }

  async #until(limitMs: number, signal: AbortSignal, holds: () => Promise<boolean>): Promise<void> {
    const { world } = this.#options;
    const untilMs = world.monotonicMs() + limitMs;
    while (!(await holds())) {
      signal.throwIfAborted();
      if (world.monotonicMs() > untilMs) throw appFaults.fault("app-unhealthy", "the app does not answer");
      await world.sleep(probePauseMs, signal);
    }
  }

  /** Stopped, in the opposite order of its start, with nothing of it mounted. */
  async halt(app: AppRecord): Promise<void> {
    const { runtime, storage } = this.#options;
    const order = app.manifest.services.map(({ name }) => name);
    const running = [...(await this.#containersOf(app))].sort(
      (a, b) => order.indexOf(serviceOf(b)) - order.indexOf(serviceOf(a)),
    );
    for (const { name } of running) await runtime.stop(name);
    await storage.unmountVolumes(app.id);
  }

  /** Gone, but for its data where that is kept. */
  async remove(app: AppRecord, keepData: boolean): Promise<void> {
    const { runtime, storage, device } = this.#options;
    await this.halt(app);
    for (const { name } of await this.#containersOf(app)) await runtime.remove(name);
    for (const { name } of networksOf(app, device)) await runtime.removeNetwork(name);
    storage.removeSecrets(app.id);
    if (!keepData) await storage.removeVolumes(app.id);
  }

  isOneShot(manifest: AppManifest, service: string): boolean {
    return isOneShot(manifest, service);
  }
}

function serviceOf({ labels }: ContainerState): string {
  return labels["piccolo.service"] ?? "";
}

export function webTarget(
  manifest: AppManifest,
): { readonly service: string; readonly port: number; readonly healthPath: string } | undefined {
  return manifest.web;
}
