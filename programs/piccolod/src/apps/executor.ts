/** Takes the planner's steps on runtime, storage and packet filter. Each can be taken again after it was cut off. */
import { imageName, type Service } from "@piccolo/app-manifest";
import type { World } from "@piccolo/world";
import { isOperatingFailure } from "../operating-failure.ts";
import { type DeviceNetworks, networkOf } from "./addresses.ts";
import type { BoundedVolumes } from "./bounded-volumes.ts";
import { type BundledImages, obtainImage } from "./image-source.ts";
import { isOneShot } from "./generations.ts";
import { generationsOf } from "./observe.ts";
import { lastWords } from "./last-words.ts";
import type { AppPlanRecord, Generation, Known, SaidLine, Step } from "./plan-types.ts";
import type { AppStorage } from "./runtime/app-storage.ts";
import type { ContainerRuntime, ContainerState } from "./runtime/container-runtime.ts";
import { runtimeFaults } from "./runtime/faults.ts";
import {
  accountOf,
  type AppForm,
  containerName,
  hostAccount,
  networksOf,
  secretName,
  serviceAddress,
  type SpecSurroundings,
  specOf,
} from "./specs.ts";
import type { AppStore } from "./store.ts";
import type { AppPlace, InstalledApp } from "./types.ts";
import { changeFaults } from "./types.ts";

const probePauseMs = 50;
const probeMs = 5_000;
/** Each command run inside a container leaves a process that watches it for minutes. */
const checkPauseMs = 1_000;
/** So long a service waits for another one it depends on. */
const dependencyMs = 10 * 60_000;

/** Steps on the machine; `record` and `route` are the engine's. */
export type MachineStep = Exclude<Step, { readonly do: "record" | "route" }>;

export interface Progress {
  readonly signal: AbortSignal;
  readonly report: (step: string, doneUnits?: number, totalUnits?: number) => void;
}

export interface ExecutorOptions {
  readonly runtime: ContainerRuntime;
  readonly storage: AppStorage;
  readonly volumes: BoundedVolumes;
  readonly bundled: BundledImages;
  readonly device: DeviceNetworks;
  readonly world: World;
  readonly around: (form: AppForm) => SpecSurroundings;
  readonly secretsOf: (place: AppPlace) => Readonly<Record<string, string>>;
  /** What belongs to copies of data beside the data. */
  readonly snapshots: Pick<AppStore, "snapshotFacts" | "putSnapshotFacts" | "deleteSnapshotFacts" | "putSecrets">;
  /** Brings a backup into a local copy, with what belongs to it. */
  readonly fetchBackup: (step: Extract<Step, { readonly do: "fetch-backup" }>, progress: Progress) => Promise<void>;
  /** Sets the rules for the networks of all apps. */
  readonly filter: () => Promise<void>;
  /** By which visitors reach the app. */
  readonly originOf: (app: string) => string;
  /** The status of the answer; undefined where there is none in time. */
  readonly probe: (asked: Probed) => Promise<number | undefined>;
}

/** A page that is asked for as a visitor would who is not signed in. */
export interface Probed {
  readonly address: string;
  readonly port: number;
  readonly path: string;
  /** What the app is visited by: many answer to no other name. */
  readonly origin: string;
  readonly timeoutMs: number;
}

export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  async take(app: InstalledApp, step: MachineStep, progress: Progress): Promise<void> {
    const { runtime, storage, snapshots } = this.#options;
    const { record } = app;
    const nameOf = (at: { readonly generation: number; readonly service: string }): string =>
      containerName(record.app, at.generation, at.service);
    switch (step.do) {
      case "pull":
        return this.#pull(record, step.image, progress);
      case "fetch-backup":
        return this.#options.fetchBackup(step, progress);
      case "make-network":
        return this.#makeNetworks(this.#form(app, step.generation));
      case "remove-network":
        return this.#removeNetworks(app);
      case "make-volume":
        return this.#makeVolume(this.#form(app, step.generation), step.volume);
      case "create":
        return this.#create(this.#form(app, step.generation), step.service, progress);
      case "start":
        return this.#start(this.#form(app, step.generation), step.service, progress);
      case "stop":
        progress.report("Stopping");
        return runtime.stop(nameOf(step));
      case "pause":
        return runtime.pause(nameOf(step));
      case "resume":
        return runtime.resume(nameOf(step));
      case "remove":
        return runtime.remove(nameOf(step));
      case "await":
        return this.#await(this.#form(app, step.generation), step, progress);
      case "probe":
        return this.#untilHealthy(this.#form(app, step.generation), progress);
      case "snapshot":
        progress.report("Copying its data");
        return this.#snapshot(app, step.snapshot, step.volumes);
      case "restore":
        progress.report("Putting its data back");
        return this.#restore(app, step.snapshot, step.volumes);
      case "drop-snapshot":
        await storage.dropSnapshot(step.snapshot);
        return snapshots.deleteSnapshotFacts(step.snapshot);
      case "drop-volumes":
        return storage.dropVolumes(record.app, step.volumes);
      case "trash-volumes":
        storage.removeSecrets(record.app);
        return storage.intoTrash(step.trash, record.app, step.volumes);
      case "untrash-volumes":
        return storage.outOfTrash(step.trash, record.app, step.volumes);
      case "purge-trash":
        for (const id of step.snapshots) {
          await storage.dropSnapshot(id);
          snapshots.deleteSnapshotFacts(id);
        }
        return storage.purgeTrash(step.trash);
      default:
        return undefined;
    }
  }

  /** Data is no use without the secrets it was written under, and a copy has to say whose ids its files have. */
  async #snapshot({ record, ...place }: InstalledApp, id: string, volumes: readonly string[]): Promise<void> {
    const { storage, snapshots, secretsOf } = this.#options;
    await storage.snapshot(id, record.app, volumes);
    snapshots.putSnapshotFacts(id, { idStart: place.idStart, secrets: secretsOf(place) });
  }

  async #restore({ record, ...place }: InstalledApp, id: string, volumes: readonly string[]): Promise<void> {
    const { storage, snapshots } = this.#options;
    const facts = snapshots.snapshotFacts(id);
    if (facts === undefined) {
      throw changeFaults.fault("restore-failed", "What belongs to the copy, its secrets and ids, is missing.");
    }
    await storage.restore(id, record.app, volumes);
    if (facts.idStart !== place.idStart) {
      await storage.moveOwners(record.app, volumes, { from: facts.idStart, to: place.idStart });
    }
    snapshots.putSecrets(place, facts.secrets);
  }

  #form({ record, ...place }: InstalledApp, number: number): AppForm {
    const generation = generationsOf(record).find((one) => one.number === number);
    if (generation === undefined) throw new Error(`the record of ${record.app} has no generation ${number}`);
    return { app: record.app, place, generation };
  }

  async #pull(record: AppPlanRecord, name: string, { signal, report }: Progress): Promise<void> {
    const { runtime, bundled } = this.#options;
    const image = generationsOf(record)
      .flatMap(({ manifest }) => manifest.services)
      .find((service) => imageName(service.image) === name)?.image;
    if (image === undefined) throw new Error(`the record of ${record.app} has no image ${name}`);
    report("Fetching");
    if ((await runtime.image(image.digest)) !== undefined) return;
    await obtainImage(runtime, bundled, image, {
      signal,
      progress: (doneBytes, totalBytes) => report("Fetching", doneBytes, totalBytes),
    });
    // An image is not looked at again: one that a power cut left in parts would be taken for a whole one.
    await this.#options.storage.flushRuntime();
  }

  /** The rules come first: no bridge is ever there without them. */
  async #makeNetworks(form: AppForm): Promise<void> {
    await this.#options.filter();
    for (const network of networksOf(form, this.#options.device)) await this.#options.runtime.createNetwork(network);
  }

  async #removeNetworks(place: AppPlace): Promise<void> {
    const { runtime, device } = this.#options;
    // Both, since an earlier generation may have had a way out.
    for (const kind of ["inner", "outer"] as const)
      await runtime.removeNetwork(networkOf(device, place.networkSlot, kind).name);
  }

  async #makeVolume({ app, generation }: AppForm, volume: string): Promise<void> {
    const declared = generation.manifest.volumes.find(({ name }) => name === volume);
    if (declared === undefined) throw new Error(`generation ${generation.number} of ${app} has no volume ${volume}`);
    return this.#options.volumes.make(app, declared, generation.manifest);
  }

  async #create(form: AppForm, name: string, progress: Progress): Promise<void> {
    const { runtime, around } = this.#options;
    const service = serviceOf(form.generation, name);
    progress.report("Preparing");
    await this.#lay(form, service);
    try {
      await runtime.create(specOf(form, service, around(form)));
    } catch (error) {
      // A call that was cut off has been answered after all: what is there is looked at like any other.
      if (!runtimeFaults.owns(error) || error.code !== "container-exists") throw error;
    }
  }

  async #start(form: AppForm, name: string, progress: Progress): Promise<void> {
    progress.report("Starting");
    // After a restart of the device the container is there, and what it mounts is not.
    await this.#options.filter();
    await this.#lay(form, serviceOf(form.generation, name));
    await this.#options.runtime.start(containerName(form.app, form.generation.number, name));
  }

  /** What a service finds in its folders: volumes mounted, secrets as files. */
  async #lay(form: AppForm, service: Service): Promise<void> {
    const { app, place, generation } = form;
    const { runtime, storage, volumes, around } = this.#options;
    if (service.mounts.some(({ kind }) => kind === "volume")) await volumes.raise(app, generation.manifest);
    const ownerOf = async (one: Service): Promise<ReturnType<typeof hostAccount>> =>
      hostAccount(place, accountOf(one, (await runtime.image(one.image.digest))?.user ?? ""));
    for (const mount of service.mounts) {
      if (mount.kind !== "volume") continue;
      // An empty volume belongs to the first service that has it.
      const first = generation.manifest.services.find(({ mounts }) =>
        mounts.some((other) => other.kind === "volume" && other.volume === mount.volume),
      );
      await storage.mountVolume(app, mount.volume, await ownerOf(first ?? service));
    }
    if (service.secretFiles.length === 0) return;
    const [{ secrets }, owner] = [around(form), await ownerOf(service)];
    for (const { secret } of service.secretFiles) {
      storage.writeSecret(app, secretName(service.name, secret), secrets[secret] ?? "", owner);
    }
  }

  async #await(
    form: AppForm,
    { service: name, condition }: { readonly service: string; readonly condition: "healthy" | "completed" },
    { signal, report }: Progress,
  ): Promise<void> {
    const { runtime } = this.#options;
    const service = serviceOf(form.generation, name);
    const container = containerName(form.app, form.generation.number, name);
    report(`Waiting for ${name}`);
    await this.#until(dependencyMs, signal, checkPauseMs, async () => {
      const now = await runtime.container(container);
      if (condition === "completed" && now?.phase === "stopped" && now.exitCode === 0) return true;
      if (hasEnded(now)) throw endedPart(name, now);
      return condition === "healthy" && now?.phase === "running" && this.#isHealthy(container, service);
    });
  }

  async #isHealthy(container: string, { healthCheck }: Service): Promise<boolean> {
    if (healthCheck === undefined) return true;
    const { exitCode } = await this.#options.runtime.exec(container, healthCheck.command, healthCheck.timeoutMs);
    return exitCode === 0;
  }

  /**
   * Until it answers at its health path, with everything up that should be; or the time to start is over, or a part has
   * ended meanwhile, without which it need not be waited for any longer.
   */
  async #untilHealthy(form: AppForm, { signal, report }: Progress): Promise<void> {
    const { world } = this.#options;
    const { manifest } = form.generation;
    report("Waiting for its first answer");
    const limitMs = (manifest.web?.startSeconds ?? 10) * 1_000;
    let lookAtMs = world.monotonicMs() + checkPauseMs;
    await this.#until(limitMs, signal, probePauseMs, async () => {
      // What answers at its address is it only while it runs.
      if ((await this.isHealthy(form, probeMs)) && (await this.#runs(form))) return true;
      if (world.monotonicMs() < lookAtMs) return false;
      await this.#requireUp(form);
      lookAtMs = world.monotonicMs() + checkPauseMs;
      return false;
    });
  }

  /** Throws `not-started` where a part that shall go on running has ended; what cannot be found out has not. */
  async #requireUp({ app, generation }: AppForm): Promise<void> {
    for (const { name } of generation.manifest.services) {
      if (isOneShot(generation, name)) continue;
      let now: ContainerState | undefined;
      try {
        now = await this.#options.runtime.container(containerName(app, generation.number, name));
      } catch (error) {
        if (isOperatingFailure(error)) continue;
        throw error;
      }
      if (hasEnded(now)) throw endedPart(name, now);
    }
  }

  async #runs({ app, generation: { manifest, number } }: AppForm): Promise<boolean> {
    if (manifest.web === undefined) return true;
    return (
      (await this.#options.runtime.container(containerName(app, number, manifest.web.service)))?.phase === "running"
    );
  }

  /** Whether the app answers at its health path; one without a web page has nothing that could. */
  async isHealthy(form: AppForm, timeoutMs: number): Promise<boolean> {
    const { web } = form.generation.manifest;
    if (web === undefined) return true;
    const { device, originOf, probe } = this.#options;
    const status = await probe({
      address: serviceAddress(form, device, web.service),
      port: web.port,
      path: web.healthPath,
      origin: originOf(form.app),
      timeoutMs,
    });
    return status !== undefined && status >= 200 && status < 400;
  }

  /**
   * The part of a running app that does not answer as its manifest says it would, undefined where all do. Throws where it
   * cannot be asked, as while the runtime is away or the disk is full, or where the container has ended, which others look
   * after.
   */
  async silentPart(app: InstalledApp, number: number, timeoutMs: number): Promise<Known<string | undefined>> {
    const form = this.#form(app, number);
    const { web, services } = form.generation.manifest;
    if (web !== undefined && !(await this.isHealthy(form, timeoutMs))) return { known: true, value: web.service };
    for (const service of services) {
      if (isOneShot(form.generation, service.name)) continue;
      if (!(await this.#isHealthy(containerName(form.app, number, service.name), service))) {
        return { known: true, value: service.name };
      }
    }
    return { known: true, value: undefined };
  }

  /** See `last-words.ts`. */
  lastWords(app: string, generation: Generation, signal: AbortSignal): Promise<readonly SaidLine[]> {
    const { runtime, world } = this.#options;
    return lastWords({ runtime, world, signal }, app, generation);
  }

  async #until(limitMs: number, signal: AbortSignal, pauseMs: number, holds: () => Promise<boolean>): Promise<void> {
    const { world } = this.#options;
    const startMs = world.monotonicMs();
    while (!(await holds())) {
      signal.throwIfAborted();
      const seconds = Math.round((world.monotonicMs() - startMs) / 1_000);
      if (seconds * 1_000 >= limitMs) {
        throw changeFaults.fault("not-healthy", `The app did not answer within ${seconds} seconds.`);
      }
      await world.sleep(pauseMs, signal);
    }
  }
}

/** Of one that was started: nothing but another start makes it run again. */
function hasEnded(state: ContainerState | undefined): boolean {
  return state === undefined || state.phase === "stopped" || state.phase === "lost";
}

function endedPart(name: string, state: ContainerState | undefined): Error {
  const how = state?.exitCode === undefined ? "unexpectedly" : `with the code ${state.exitCode}`;
  return changeFaults.fault("not-started", `The part "${name}" ended ${how} while the app was starting.`);
}

function serviceOf({ manifest, number }: Generation, name: string): Service {
  const service = manifest.services.find((one) => one.name === name);
  if (service === undefined) throw new Error(`generation ${number} of ${manifest.id} has no service ${name}`);
  return service;
}
