/** How a generation is brought up from whatever of it is there. */
import { imageName } from "@piccolo/app-manifest";
import { announced, dataMissing, hasDone } from "./generations.ts";
import type { AppPlanRecord, Generation, NotKnown, Observed, ObservedContainer, Step, Waiting } from "./plan-types.ts";

type StartSteps = { readonly steps: readonly Step[] } | { readonly waiting: Waiting };

/** What a plan waits for where a part of the world cannot be seen. */
export const notSeen = ({ reason, failure }: NotKnown): Waiting => ({
  for: "knowledge",
  reason,
  ...(failure === undefined ? {} : { failure }),
});

const notKnown = (part: NotKnown): StartSteps => ({ waiting: notSeen(part) });

/**
 * From images to running services, in their order; without the probe. Volumes that hold data are never made again: where one
 * is missing the app is not started, since it would greet its owner as if it were new.
 */
export function startSteps(
  record: AppPlanRecord,
  generation: Generation,
  observed: Observed,
  own: readonly ObservedContainer[],
): StartSteps {
  const { images, network, volumes } = observed;
  if (!volumes.known) return notKnown(volumes);
  if (!network.known) return notKnown(network);
  const { services, volumes: declared } = generation.manifest;
  // What a restore has found lost and does not bring has no copy anywhere: without it the app would never start again.
  const lost = record.change?.to.number === generation.number ? (record.change.lost ?? []) : [];
  const isKept = (name: string): boolean => record.volumes.includes(name) && !lost.includes(name);
  const missing = declared.map(({ name }) => name).filter((name) => isKept(name) && !volumes.value.has(name));
  if (missing.length > 0) return { waiting: { for: "owner", failure: dataMissing(missing) } };
  const container = (name: string): ObservedContainer | undefined => own.find(({ service }) => service === name);
  const needsNew = (name: string): boolean => {
    const now = container(name);
    return now === undefined || !now.upToDate || now.state === "broken";
  };
  const pulls: Step[] = [];
  const toCreate = services.filter(({ name }) => needsNew(name));
  if (toCreate.length > 0) {
    if (!images.known) return notKnown(images);
    const wanted = new Set(toCreate.map(({ image }) => imageName(image)));
    for (const image of wanted) if (!images.value.has(image)) pulls.push({ do: "pull", image });
  }
  const added = declared
    .map(({ name }) => name)
    .filter((name) => !isKept(name) && !(lost.includes(name) && volumes.value.has(name)));
  const { number } = generation;
  const made: readonly Step[] =
    added.length === 0
      ? []
      : [
          ...(generation.number === record.change?.to.number ? announced(record, added, volumes.value) : []),
          ...added.map((volume) => ({ do: "make-volume", volume, generation: number }) as const),
          { do: "record", event: { type: "volumes-made", volumes: added } },
        ];
  const steps: Step[] = [
    ...pulls,
    ...(network.value ? [] : [{ do: "make-network", generation: number } as const]),
    ...made,
  ];
  const strays = own.filter(({ service }) => !services.some(({ name }) => name === service));
  const old = [
    ...own.filter(({ service }) => services.some(({ name }) => name === service && needsNew(name))),
    ...strays,
  ];
  for (const { service, state } of old) {
    if (state !== "created" && state !== "stopped") steps.push({ do: "stop", generation: number, service });
    steps.push({ do: "remove", generation: number, service });
  }
  for (const { name, dependsOn } of services) {
    const now = needsNew(name) ? undefined : container(name);
    if (hasDone(generation, now)) continue;
    if (now?.state === "paused") {
      steps.push({ do: "resume", generation: number, service: name });
      continue;
    }
    for (const { service, condition } of dependsOn) {
      if (condition !== "started") steps.push({ do: "await", generation: number, service, condition });
    }
    if (now === undefined) steps.push({ do: "create", generation: number, service: name });
    steps.push({ do: "start", generation: number, service: name });
  }
  return { steps };
}
