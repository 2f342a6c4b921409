/** What is there of one app; what cannot be found out is not known, which is something else than not there. */
import { imageName, type ImageReference } from "@piccolo/app-manifest";
import { isOperatingFailure } from "../operating-failure.ts";

import type { AppPlanRecord, Generation, Health, Known, Observed, ObservedContainer, Route } from "./plan-types.ts";
import type { AppStorage } from "./runtime/app-storage.ts";
import type { ContainerRuntime, ContainerState } from "./runtime/container-runtime.ts";
import { appLabel, generationLabel, serviceLabel, specLabel } from "./specs.ts";
import { stepFailure } from "./step-failure.ts";

export interface ObserveOptions {
  readonly runtime: ContainerRuntime;
  readonly storage: AppStorage;
  /** The label a container of that service would have if it were made now; undefined where there is no such service. */
  readonly specLabelOf: (generation: Generation, service: string) => string | undefined;
  readonly networkNames: (generation: Generation) => readonly string[];
  readonly route: Route;
  readonly health: Health;
}

export async function observe(record: AppPlanRecord, options: ObserveOptions): Promise<Observed> {
  const { runtime, storage, route, health } = options;
  const generations = generationsOf(record);
  const [containers, images, network] = await Promise.all([
    known(async () => {
      // Of this app alone: what cannot be found out of another one is nothing to it.
      const own = await runtime.containers({ name: appLabel, value: record.app });
      return containersOf(own, record, options);
    }),
    known(() => imagesOf(runtime, generations)),
    known(async () => {
      const goal = record.change?.to ?? record.current;
      if (goal === undefined) return false;
      const there = new Set(await runtime.networks());
      return options.networkNames(goal).every((name) => there.has(name));
    }),
  ]);
  return {
    containers,
    images,
    network,
    volumes: await known(async () => new Set(storage.volumesOf(record.app))),
    snapshots: await known(async () => storage.snapshots()),
    route,
    health,
  };
}

/** Every generation the record still has a use for. */
export function generationsOf(record: AppPlanRecord): readonly Generation[] {
  return [record.current, record.change?.to, record.rollback?.generation].filter((one) => one !== undefined);
}

async function known<T>(find: () => Promise<T>): Promise<Known<T>> {
  try {
    return { known: true, value: await find() };
  } catch (error) {
    if (!isOperatingFailure(error)) throw error;
    // Words of the system are left out: nothing here knows which of them are the app's secrets.
    const { code, detail, nextStep } = stepFailure(undefined, error, []) ?? {};
    const isTold = code !== undefined && detail !== undefined && nextStep !== undefined;
    return { known: false, reason: error.message, ...(isTold ? { failure: { code, detail, nextStep } } : {}) };
  }
}

async function imagesOf(runtime: ContainerRuntime, generations: readonly Generation[]): Promise<ReadonlySet<string>> {
  const wanted = new Map<string, ImageReference>(
    generations.flatMap(({ manifest }) => manifest.services.map(({ image }) => [imageName(image), image])),
  );
  const there = new Set<string>();
  for (const [name, image] of wanted) if ((await runtime.image(image.digest)) !== undefined) there.add(name);
  return there;
}

const stateOf: Readonly<Record<ContainerState["phase"], ObservedContainer["state"]>> = {
  created: "created",
  running: "running",
  paused: "paused",
  stopped: "stopped",
  lost: "broken",
};

function containersOf(
  own: readonly ContainerState[],
  record: AppPlanRecord,
  { specLabelOf }: ObserveOptions,
): readonly ObservedContainer[] {
  const generations = generationsOf(record);
  return own.map(({ labels, phase, exitCode }) => {
    const number = Number(labels[generationLabel]);
    const service = labels[serviceLabel] ?? "";
    const generation = generations.find((one) => one.number === number);
    const wanted = generation === undefined ? undefined : specLabelOf(generation, service);
    return {
      generation: number,
      service,
      state: stateOf[phase],
      exitCode,
      upToDate: wanted !== undefined && wanted === labels[specLabel],
    };
  });
}
