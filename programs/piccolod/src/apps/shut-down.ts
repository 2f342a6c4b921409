/** The end of all apps when the device stops: within each, what uses a service ends before the service, as when one app is stopped. */
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { placeOfService } from "./generations.ts";
import type { AppPlanRecord } from "./plan-types.ts";
import type { ContainerRuntime, ContainerState } from "./runtime/container-runtime.ts";
import { appLabel, generationLabel, serviceLabel } from "./specs.ts";

/** So long the order is kept; what has not ended by then is ended with all that is left. */
export const inOrderMs = 60_000;

export interface ShutDownOptions {
  readonly runtime: ContainerRuntime;
  readonly world: Pick<World, "sleep">;
  readonly log: Log;
}

/** Resolves when all have ended, or the time for it is over. Never rejects: the runtime's own end follows. */
export async function stopInOrder(records: readonly AppPlanRecord[], options: ShutDownOptions): Promise<void> {
  const { runtime, world, log } = options;
  const over = new AbortController();
  const stopApp = async (record: AppPlanRecord): Promise<void> => {
    const own = await runtime.containers({ name: appLabel, value: record.app });
    for (const { name } of lastStartedFirst(record, own)) {
      if (over.signal.aborted) return;
      await runtime.stop(name);
    }
  };
  const stopped = Promise.all(
    records.map((record) =>
      stopApp(record).catch((error: unknown) => log.warn("app-not-stopped", { app: record.app, ...errorFacts(error) })),
    ),
  );
  const late = world.sleep(inOrderMs, over.signal).catch(() => undefined);
  await Promise.race([stopped, late]);
  over.abort(new Error("the time is over"));
}

function lastStartedFirst(record: AppPlanRecord, own: readonly ContainerState[]): readonly ContainerState[] {
  const generationOf = ({ labels }: ContainerState): number => Number(labels[generationLabel]);
  const place = (one: ContainerState): number =>
    placeOfService(record, generationOf(one), one.labels[serviceLabel] ?? "");
  return own
    .filter(({ phase }) => phase === "running" || phase === "paused")
    .toSorted((a, b) => generationOf(a) - generationOf(b) || place(b) - place(a));
}
