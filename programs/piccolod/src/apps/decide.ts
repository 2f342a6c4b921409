/**
 * What is still to be done for one app, from its record and what is observed of it alone: no other app's state is asked, so
 * none can delay it. Pure. Three rules hold in every plan: what is not known changes nothing; data is moved to the trash or
 * copied, and replaced or dropped only where a complete copy of it is recorded, or no generation that served wrote it; and
 * two generations run together only where both say that they may.
 */
import { imageName } from "@piccolo/app-manifest";
import { notSeen, startSteps } from "./decide-start.ts";
import { answersMin, missesMax } from "./health-watch.ts";
import {
  announced,
  dataMissing,
  isRunning,
  isSatisfied,
  missingVolumes,
  outlivedVolumes,
  placedVolumes,
  runsBeside,
  savedVolumes,
  stopAll,
} from "./generations.ts";
import { longestPauseMs, silentFailure } from "./record.ts";
import type {
  AppPlanRecord,
  Change,
  Failure,
  NotKnown,
  Observed,
  ObservedContainer,
  Plan,
  Route,
  Step,
  TrashRecord,
  Waiting,
} from "./plan-types.ts";

const nothing: Plan = { steps: [], waiting: undefined };
const plan = (...steps: readonly Step[]): Plan => ({ steps, waiting: undefined });
const wait = (waiting: Waiting): Plan => ({ steps: [], waiting });
const notKnown = (part: NotKnown): Plan => wait(notSeen(part));

function routeTo(observed: Observed, to: Route): readonly Step[] {
  const { route } = observed;
  const same =
    route.kind === to.kind && (route.kind !== "open" || to.kind !== "open" || route.generation === to.generation);
  return same ? [] : [{ do: "route", to }];
}

/** Why the last failure still holds things up; undefined when it does not. */
function held(failure: Failure | undefined, nowMs: number): Waiting | undefined {
  if (failure === undefined) return undefined;
  if (failure.retryAtMs === undefined) return { for: "owner", failure };
  // Further away than any pause is what a clock said that has been set back since.
  const isAhead = failure.retryAtMs > nowMs && failure.retryAtMs <= nowMs + longestPauseMs;
  return isAhead ? { for: "retry", atMs: failure.retryAtMs } : undefined;
}

export function decide(record: AppPlanRecord, observed: Observed, nowMs: number): Plan {
  if (!observed.containers.known) return notKnown(observed.containers);
  const containers = observed.containers.value;
  // An older database beside newer containers: whatever it says was decided before they were made.
  if (containers.some(({ generation }) => generation > record.lastGeneration)) {
    return wait({
      for: "owner",
      failure: {
        code: "record-behind",
        detail: "The device's database is older than what runs here.",
        nextStep: "Restore the app from its newest backup.",
      },
    });
  }
  if (record.wanted === "removed") return decideRemoval(record, observed, containers, nowMs);
  const { change } = record;
  if (change === undefined) return decideSteady(record, observed, containers, nowMs);
  return decideChange(record, change, observed, containers, nowMs);
}

function decideRemoval(
  record: AppPlanRecord,
  observed: Observed,
  containers: readonly ObservedContainer[],
  nowMs: number,
): Plan {
  const waiting = held(record.failure, nowMs);
  // The wish has been said: it waits for time, and never for its owner again.
  if (waiting?.for === "retry") return wait(waiting);
  if (!observed.volumes.known) return notKnown(observed.volumes);
  const trash = record.trash ?? record.app;
  // What is there is moved too, recorded or not: a volume left behind would greet the next install of this app.
  const volumes = [...new Set([...record.volumes, ...observed.volumes.value])];
  // What a restore that is cut off put in the place of missing data goes with it: the data is missing as before.
  const { made = [], lost = [] } = record.change ?? {};
  const replaced = made.filter((name) => lost.includes(name));
  return plan(
    ...routeTo(observed, { kind: "closed" }),
    ...stopAll(record, containers, true),
    ...(replaced.length === 0 ? [] : [{ do: "drop-volumes", volumes: replaced } as const]),
    // Also where not all of it is there: what is left of it goes, too.
    { do: "remove-network" },
    { do: "record", event: { type: "into-trash", volumes } },
    { do: "trash-volumes", trash, volumes },
    { do: "record", event: { type: "trashed" } },
  );
}

/** So often it is asked for its first answer before it is started anew, ever more seldom: some take long to come up. */
const triesOfStart = 6;

/** No change under way: the current generation is kept as it is wanted. */
function decideSteady(
  record: AppPlanRecord,
  observed: Observed,
  containers: readonly ObservedContainer[],
  nowMs: number,
): Plan {
  const { current, wanted } = record;
  if (current === undefined) return plan(...stopAll(record, containers, true));
  const waiting = held(record.failure, nowMs);
  const strangers = containers.filter(({ generation }) => generation !== current.number);
  if (wanted === "stopped") {
    const broken = containers.filter(({ state }) => state === "broken");
    const steps = [
      ...routeTo(observed, { kind: "closed" }),
      ...stopAll(record, containers, false),
      // A damaged one stays what it is however often it is stopped.
      ...broken.map(({ generation, service }) => ({ do: "remove", generation, service }) as const),
    ];
    if (waiting !== undefined) return { steps: [], waiting };
    return steps.length > 0 ? plan(...steps) : decideRest(record, observed);
  }
  const own = containers.filter(({ generation }) => generation === current.number);
  const isUp = isSatisfied(current, own);
  const isOpen = observed.route.kind === "open" && observed.route.generation === current.number;
  const { health } = observed;
  if (isUp && isOpen && waiting === undefined && health.misses >= missesMax) {
    const failure = silentFailure(record, health.silent, nowMs);
    return plan(
      ...routeTo(observed, { kind: "closed" }),
      { do: "record", event: { type: "silent", failure } },
      ...stopAll(record, own, false),
    );
  }
  if (isUp && isOpen && strangers.length === 0) {
    return waiting === undefined ? decideRest(record, observed) : wait(waiting);
  }
  const opened: readonly Step[] = [
    { do: "probe", generation: current.number },
    // Also where it is open now: before a start it is held.
    { do: "route", to: { kind: "open", generation: current.number } },
  ];
  // The current generation is up: it takes over before others go, so that requests find one or the other.
  if (isUp) {
    const gone = stopAll(record, strangers, true);
    // One that hung before the device was started is never heard of: after a while it is started anew, too.
    const isSilent = !isOpen && record.failure?.code === "not-healthy" && record.failure.count % triesOfStart === 0;
    if (isSilent && waiting === undefined) return plan(...stopAll(record, own, false), ...gone);
    return waiting === undefined ? plan(...(isOpen ? [] : opened), ...gone) : { steps: gone, waiting };
  }
  const isolated = stopAll(record, strangers, true);
  if (waiting !== undefined) return { steps: isolated, waiting };
  const start = startSteps(record, current, observed, own);
  if ("waiting" in start) return { steps: isolated, waiting: start.waiting };
  return plan(...routeTo(observed, { kind: "held" }), ...isolated, ...start.steps, ...opened);
}

/** All is as wanted: what nothing needs any more goes, and an old failure is forgotten. */
function decideRest({ discarded, failure, wanted }: AppPlanRecord, { snapshots, health }: Observed): Plan {
  // That it answered once after it was started again does not say yet that it goes on doing so.
  const isSettled = failure?.code !== "not-answering" || wanted !== "running" || health.answers >= answersMin;
  const well: readonly Step[] = failure === undefined || !isSettled ? [] : [{ do: "record", event: { type: "well" } }];
  if (discarded.length === 0 || !snapshots.known) return plan(...well);
  const there = discarded.filter((id) => snapshots.value.has(id));
  return plan(
    ...there.map((snapshot) => ({ do: "drop-snapshot", snapshot }) as const),
    { do: "record", event: { type: "discarded-gone", snapshots: discarded } },
    ...well,
  );
}

function decideChange(
  record: AppPlanRecord,
  change: Change,
  observed: Observed,
  containers: readonly ObservedContainer[],
  nowMs: number,
): Plan {
  const waiting = held(change.failure, nowMs);
  switch (change.phase) {
    case "fetching":
      return decideFetching(record, change, observed, containers, nowMs, waiting);
    case "saving":
      return waiting === undefined
        ? decideSaving(record, change, observed, containers)
        : { steps: resumed(containers), waiting };
    case "placing":
      return waiting === undefined ? decidePlacing(record, change, observed, containers) : wait(waiting);
    case "starting":
      return waiting === undefined ? decideStarting(record, change, observed, containers) : wait(waiting);
    case "undoing":
      return waiting === undefined ? decideUndoing(record, change, observed, containers) : wait(waiting);
    default:
      return nothing;
  }
}

/** What was held back while a change waits stays as it is; only the current generation is looked after meanwhile. */
function decideFetching(
  record: AppPlanRecord,
  change: Change,
  observed: Observed,
  containers: readonly ObservedContainer[],
  nowMs: number,
  waiting: Waiting | undefined,
): Plan {
  const steady =
    change.unsaved !== undefined
      ? plan(...pausedRoute(record, observed), ...stopAll(record, containers, true))
      : decideSteady(record, observed, containers, nowMs);
  if (waiting !== undefined) return { steps: steady.steps, waiting };
  if (!observed.images.known) return { steps: steady.steps, waiting: notSeen(observed.images) };
  const present = observed.images.value;
  const wanted = new Set(change.to.manifest.services.map(({ image }) => imageName(image)));
  const pulls = [...wanted].filter((image) => !present.has(image)).map((image) => ({ do: "pull", image }) as const);
  const { placed, fetched } = change;
  if (fetched !== undefined && !observed.snapshots.known) {
    return { steps: steady.steps, waiting: notSeen(observed.snapshots) };
  }
  const isFetched = fetched === undefined || placed === undefined || isComplete(observed, placed);
  const fetches: readonly Step[] = isFetched
    ? []
    : [{ do: "fetch-backup", backup: fetched.backup, snapshot: placed, volumes: fetched.volumes }];
  const { trash, volumes } = record;
  const untrash: readonly Step[] =
    record.untrashing && trash !== undefined
      ? [
          { do: "untrash-volumes", trash, volumes },
          { do: "record", event: { type: "trash-emptied-into-app" } },
        ]
      : [];
  const next = record.current === undefined ? afterSaving(change) : "saving";
  return plan(...steady.steps, ...pulls, ...fetches, ...untrash, {
    do: "record",
    event: { type: "phase", phase: next },
  });
}

function isComplete({ snapshots }: Observed, id: string): boolean {
  return snapshots.known && snapshots.value.get(id) === "complete";
}

const afterSaving = (change: Change): "placing" | "starting" => (change.placed === undefined ? "starting" : "placing");

/** An app is never left frozen while something waits. */
function resumed(containers: readonly ObservedContainer[]): readonly Step[] {
  return containers
    .filter(({ state }) => state === "paused")
    .map(({ generation, service }) => ({ do: "resume", generation, service }) as const);
}

function decideSaving(
  record: AppPlanRecord,
  change: Change,
  observed: Observed,
  containers: readonly ObservedContainer[],
): Plan {
  const volumes = change.safety === undefined ? [] : savedVolumes(record);
  const names = volumes.map(({ name }) => name);
  // Another generation that goes on with the same data is not even tried without it; where data comes back, what is there is copied.
  const bringsBack = change.kind === "restore" || change.kind === "rollback";
  if (!observed.volumes.known) return notKnown(observed.volumes);
  const missing = missingVolumes(record, observed.volumes.value);
  const { lost = [] } = change;
  if (bringsBack && missing.some((name) => !lost.includes(name))) {
    const none = names.every((name) => missing.includes(name));
    return plan({ do: "record", event: { type: "volumes-lost", volumes: missing, none } });
  }
  const needed = change.kind === "backup" ? missing.filter((name) => names.includes(name)) : missing;
  if (!bringsBack && needed.length > 0) return wait({ for: "owner", failure: dataMissing(needed) });
  const copy: readonly Step[] =
    change.safety === undefined ? [] : [{ do: "snapshot", snapshot: change.safety, volumes: names }];
  const done: Step =
    change.kind === "backup"
      ? { do: "record", event: { type: "committed" } }
      : { do: "record", event: { type: "phase", phase: afterSaving(change) } };
  const mayRun = change.kind === "backup" || runsBeside(record);
  if (mayRun && !volumes.some(({ snapshot }) => snapshot === "stop")) {
    const isPaused = volumes.some(({ snapshot }) => snapshot === "pause");
    const running = containers.filter(isRunning);
    const pauses = isPaused ? running.filter(({ state }) => state === "running") : [];
    const frozen = isPaused ? running : running.filter(({ state }) => state === "paused");
    return plan(
      ...keptServing(record, observed, containers),
      ...pauses.map(({ generation, service }) => ({ do: "pause", generation, service }) as const),
      ...copy,
      ...frozen.map(({ generation, service }) => ({ do: "resume", generation, service }) as const),
      done,
    );
  }
  return plan(
    ...pausedRoute(record, observed),
    ...stopAll(record, containers, change.kind !== "backup"),
    ...copy,
    done,
  );
}

/** After a restart of the device the proxy knows no route: the current generation serves on while another comes up. */
function keptServing(
  record: AppPlanRecord,
  observed: Observed,
  containers: readonly ObservedContainer[],
): readonly Step[] {
  const { current, wanted } = record;
  if (current === undefined || wanted !== "running") return [];
  const own = containers.filter(({ generation }) => generation === current.number);
  return isSatisfied(current, own) ? routeTo(observed, { kind: "open", generation: current.number }) : [];
}

/** Requests wait while nothing may serve; those of a stopped app are refused as before. */
function pausedRoute(record: AppPlanRecord, observed: Observed): readonly Step[] {
  return routeTo(observed, { kind: record.wanted === "running" && record.current !== undefined ? "held" : "closed" });
}

function decidePlacing(
  record: AppPlanRecord,
  change: Change,
  observed: Observed,
  containers: readonly ObservedContainer[],
): Plan {
  const { placed } = change;
  if (placed === undefined) return plan({ do: "record", event: { type: "phase", phase: "starting" } });
  const volumes = placedVolumes(record);
  const isolated = [...pausedRoute(record, observed), ...stopAll(record, containers, true)];
  if (!observed.volumes.known) return { steps: isolated, waiting: notSeen(observed.volumes) };
  return plan(
    ...isolated,
    ...announced(record, volumes, observed.volumes.value),
    { do: "restore", snapshot: placed, volumes },
    { do: "record", event: { type: "volumes-made", volumes } },
    { do: "record", event: { type: "phase", phase: "starting" } },
  );
}

function decideStarting(
  record: AppPlanRecord,
  change: Change,
  observed: Observed,
  containers: readonly ObservedContainer[],
): Plan {
  const { to } = change;
  const isBeside = runsBeside(record);
  const others = containers.filter(({ generation }) => generation !== to.number);
  const isolated = isBeside ? [] : stopAll(record, others, true);
  const own = containers.filter(({ generation }) => generation === to.number);
  const start = startSteps(record, to, observed, own);
  const waiting = isBeside ? keptServing(record, observed, containers) : pausedRoute(record, observed);
  if ("waiting" in start) return { steps: [...waiting, ...isolated], waiting: start.waiting };
  // One that shall be stopped is started, too, and stopped once it has answered: what never ran is not known to work.
  const opened: readonly Step[] =
    record.wanted === "stopped" ? [] : [{ do: "route", to: { kind: "open", generation: to.number } }];
  const probe: Step = { do: "probe", generation: to.number };
  const outlived = outlivedVolumes(record);
  if (outlived.length > 0 && !observed.snapshots.known)
    return { steps: [...waiting, ...isolated], waiting: notSeen(observed.snapshots) };
  // They stay recorded until the commit: where it is not reached, the copy brings them back with all others.
  const dropped = change.safety !== undefined && isComplete(observed, change.safety) ? outlived : [];
  return plan(
    ...waiting,
    ...isolated,
    ...start.steps,
    probe,
    ...(dropped.length === 0 ? [] : [{ do: "drop-volumes", volumes: dropped } as const]),
    { do: "record", event: { type: "committed", dropped } },
    ...opened,
  );
}

function decideUndoing(
  record: AppPlanRecord,
  change: Change,
  observed: Observed,
  containers: readonly ObservedContainer[],
): Plan {
  const { made = [] } = change;
  const undone: readonly Step[] = [
    ...(made.length === 0 ? [] : [{ do: "drop-volumes", volumes: made } as const]),
    { do: "record", event: { type: "abandoned" } },
  ];
  if (runsBeside(record)) {
    // The current generation went on writing: putting its copy back would undo what it acknowledged.
    const failed = containers.filter(({ generation }) => generation === change.to.number);
    return plan(...stopAll(record, failed, true), ...undone);
  }
  const isolated = [...pausedRoute(record, observed), ...stopAll(record, containers, true)];
  const { safety } = change;
  if (change.unsaved !== undefined) return { steps: isolated, waiting: { for: "owner", failure: copyGone } };
  if (safety === undefined) return plan(...isolated, ...undone);
  if (!observed.snapshots.known) return { steps: isolated, waiting: notSeen(observed.snapshots) };
  if (observed.snapshots.value.get(safety) !== "complete") {
    return { steps: isolated, waiting: { for: "owner", failure: copyGone } };
  }
  const volumes = savedVolumes(record).map(({ name }) => name);
  return plan(...isolated, { do: "restore", snapshot: safety, volumes }, ...undone);
}

const copyGone = {
  code: "snapshot-missing",
  detail: "The copy of the data made before the update is gone.",
  nextStep: "Restore the app from a backup.",
} as const;

/** `believedMs`: what time it is, where that is believed; by a clock that is years ahead everything would be due. */
export function decideTrash(trash: TrashRecord, app: AppPlanRecord | undefined, believedMs: number | undefined): Plan {
  // On its way in or out, it is all the data there is of that app.
  if (app?.trash === trash.id) return nothing;
  if (!trash.purge && (believedMs === undefined || believedMs < trash.purgeAtMs)) return nothing;
  const kept = [trash.rollback?.snapshot?.id, trash.placed, ...trash.backups.map(({ id }) => id), ...trash.discarded];
  const snapshots = [...new Set(kept.flatMap((id) => id ?? []))];
  return plan({ do: "purge-trash", trash: trash.id, snapshots }, { do: "record", event: { type: "purged" } });
}
