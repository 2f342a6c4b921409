/** What generations and their containers are to each other. */
import type { DataVolume } from "@piccolo/app-manifest";
import type { AppPlanRecord, Failure, Generation, ObservedContainer, Step } from "./plan-types.ts";

export const isRunning = ({ state }: ObservedContainer): boolean => state === "running" || state === "paused";

/** A service that others wait for to end: once it ended well it has done its part. */
export function isOneShot({ manifest }: Generation, service: string): boolean {
  return manifest.services.some(({ dependsOn }) =>
    dependsOn.some((dependency) => dependency.service === service && dependency.condition === "completed"),
  );
}

export function hasDone(generation: Generation, container: ObservedContainer | undefined): boolean {
  if (container === undefined || !container.upToDate) return false;
  if (container.state === "running") return true;
  return container.state === "stopped" && container.exitCode === 0 && isOneShot(generation, container.service);
}

/** Whether every service runs or has done its part, and nothing else of the generation is there. */
export function isSatisfied(generation: Generation, own: readonly ObservedContainer[]): boolean {
  const { services } = generation.manifest;
  const isAll = services.every(({ name }) =>
    hasDone(
      generation,
      own.find(({ service }) => service === name),
    ),
  );
  return isAll && own.every(({ service }) => services.some(({ name }) => name === service));
}

/** The volumes that hold data worth a copy, and are there to be copied. */
export function savedVolumes({ change, current, volumes }: AppPlanRecord): readonly DataVolume[] {
  const isThere = (name: string): boolean => volumes.includes(name) && change?.lost?.includes(name) !== true;
  return current?.manifest.volumes.filter(({ name, backup }) => backup && isThere(name)) ?? [];
}

/** Those of the current generation that should be there and are not. */
export function missingVolumes({ current, volumes }: AppPlanRecord, there: ReadonlySet<string>): readonly string[] {
  const declared = current?.manifest.volumes.map(({ name }) => name) ?? [];
  return declared.filter((name) => volumes.includes(name) && !there.has(name));
}

/** Those that are in the copy whose data the change under way starts from. */
export function placedVolumes({ change, rollback, backups }: AppPlanRecord): readonly string[] {
  if (change?.placed === undefined) return [];
  if (change.fetched !== undefined) return change.fetched.volumes;
  const kept = [rollback?.snapshot, ...backups].find((snapshot) => snapshot?.id === change.placed);
  return (
    kept?.volumes ??
    change.placedVolumes ??
    change.to.manifest.volumes.filter(({ backup }) => backup).map(({ name }) => name)
  );
}

/**
 * Those that a change back to another generation leaves without a use, and that its safety copy has. If they stayed, the
 * next update would start from what they were then.
 */
export function outlivedVolumes(record: AppPlanRecord): readonly string[] {
  const { change } = record;
  if (change?.safety === undefined || (change.kind !== "rollback" && change.kind !== "restore")) return [];
  const declared = change.to.manifest.volumes.map(({ name }) => name);
  return savedVolumes(record)
    .map(({ name }) => name)
    .filter((name) => !declared.includes(name));
}

/** Written down before they are made, so that undoing the change tells them from data that was there. */
export function announced(
  { change, current, volumes }: AppPlanRecord,
  names: readonly string[],
  there: ReadonlySet<string>,
): readonly Step[] {
  if (change === undefined || current === undefined) return [];
  const { lost = [], made = [] } = change;
  const known = [...volumes.filter((name) => !lost.includes(name)), ...there, ...made];
  const fresh = names.filter((name) => !known.includes(name));
  return fresh.length === 0 ? [] : [{ do: "record", event: { type: "volumes-announced", volumes: fresh } }];
}

/** Whether the change under way may have both generations run: both say so, and a copy needs no stop. */
export function runsBeside(record: AppPlanRecord): boolean {
  const { change, current } = record;
  if (change === undefined || current === undefined) return false;
  if (change.kind !== "update" && change.kind !== "configure") return false;
  if (!current.manifest.sideBySide || !change.to.manifest.sideBySide) return false;
  return !savedVolumes(record).some(({ snapshot }) => snapshot === "stop");
}

function generationOf(record: AppPlanRecord, number: number): Generation | undefined {
  return [record.current, record.change?.to, record.rollback?.generation].find((known) => known?.number === number);
}

/** When a service is started among those of its generation; 0 where the record knows neither. */
export function placeOfService(record: AppPlanRecord, generation: number, service: string): number {
  return generationOf(record, generation)?.manifest.services.findIndex(({ name }) => name === service) ?? 0;
}

/** Those that run are stopped, last started first; and, if `remove`, all are removed. */
export function stopAll(
  record: AppPlanRecord,
  containers: readonly ObservedContainer[],
  remove: boolean,
): readonly Step[] {
  const place = ({ generation, service }: ObservedContainer): number => placeOfService(record, generation, service);
  const ordered = containers.toSorted((a, b) => a.generation - b.generation || place(b) - place(a));
  return [
    ...ordered
      .filter((container) => isRunning(container) || container.state === "broken")
      .map(({ generation, service }) => ({ do: "stop", generation, service }) as const),
    ...(remove ? ordered.map(({ generation, service }) => ({ do: "remove", generation, service }) as const) : []),
  ];
}

export function dataMissing(volumes: readonly string[]): Pick<Failure, "code" | "detail" | "nextStep"> {
  return {
    code: "data-missing",
    detail: `Data of the app is missing: ${volumes.join(", ")}.`,
    nextStep: "Restore the app from a backup; it is not started without its data.",
  };
}
