/** The end of all apps when the device stops: within each, what uses a service ends before the service, as when one app is stopped. */
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { placeOfService } from "./generations.ts";
import type { AppPlanRecord } from "./plan-types.ts";
import type { ContainerRuntime, ContainerState } from "./runtime/container-runtime.ts";
import { appLabel, generationLabel, serviceLabel } from "./specs.ts";

/** So long the order is kept. */
export const inOrderMs = 60_000;
/** Whatever is left then is asked to end once more, or for the first time, and has so long for it. */
export const lastGraceMs = 10_000;
/** So long an app's parts wait for what is still done with it, as a start, or the end of one of them. */
const restMs = inOrderMs / 2;

export interface ShutDownOptions {
  readonly runtime: ContainerRuntime;
  readonly world: Pick<World, "sleep">;
  readonly log: Log;
  /** Resolves when nothing is done with the app any more. */
  readonly rested: (app: string) => Promise<void>;
}

/** Resolves when all have ended, or the time for it is over. Never rejects: the runtime's own end follows. */
export async function stopInOrder(records: readonly AppPlanRecord[], options: ShutDownOptions): Promise<void> {
  const { runtime, world, log, rested } = options;
  const over = new AbortController();
  const stopApp = async (record: AppPlanRecord): Promise<void> => {
    await orInTime(world, rested(record.app), restMs);
    const own = await runtime.containers({ name: appLabel, value: record.app });
    for (const { name } of lastStartedFirst(record, own)) {
      if (over.signal.aborted) return;
      await runtime.stop(name);
    }
  };
  const told = (app: string, error: unknown): void => log.warn("app-not-stopped", { app, ...errorFacts(error) });
  const stopped = Promise.all(
    records.map((record) => stopApp(record).catch((error: unknown) => told(record.app, error))),
  );
  const isInTime = await orInTime(world, stopped, inOrderMs);
  over.abort(new Error("the time is over"));
  if (isInTime) return;
  try {
    const left = await runtime.listed();
    await Promise.all(
      left.map(({ name }) => runtime.stop(name, lastGraceMs).catch((error: unknown) => told(name, error))),
    );
  } catch (error) {
    log.warn("apps-out-of-sight", errorFacts(error));
  }
}

/** Whether it came to its end before the time was over, which is waited for no longer. */
export async function orInTime(world: Pick<World, "sleep">, work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = new AbortController();
  try {
    const slept = world.sleep(ms, late.signal).catch(() => undefined);
    return await Promise.race([work.then(() => true), slept.then(() => false)]);
  } finally {
    late.abort(new Error("it is not waited for any longer"));
  }
}

function lastStartedFirst(record: AppPlanRecord, own: readonly ContainerState[]): readonly ContainerState[] {
  const generationOf = ({ labels }: ContainerState): number => Number(labels[generationLabel]);
  const place = (one: ContainerState): number =>
    placeOfService(record, generationOf(one), one.labels[serviceLabel] ?? "");
  return own
    .filter(({ phase }) => phase === "running" || phase === "paused")
    .toSorted((a, b) => generationOf(a) - generationOf(b) || place(b) - place(a));
}
