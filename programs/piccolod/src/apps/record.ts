/** How a record goes on: by what was done, and by what failed. Pure; each result is one commit of the database. */
import { imageName } from "@piccolo/app-manifest";
import { nextNetworkSlot } from "./addresses.ts";
import { placedVolumes, runsBeside, savedVolumes } from "./generations.ts";
import type {
  AppPlanRecord,
  Change,
  ChangePhase,
  Failure,
  FailureCode,
  KeptSnapshot,
  RecordEvent,
  SaidLine,
  Step,
  TrashRecord,
} from "./plan-types.ts";

export const trashKeptMs = 30 * 24 * 3_600_000;
export const backupsKept = 7;

/** After `well` nothing of a failure is left; what `committed` and `abandoned` leave is the next state of rest. */
export function recordAfter(record: AppPlanRecord, event: RecordEvent): AppPlanRecord {
  const { change } = record;
  switch (event.type) {
    case "phase":
      return change === undefined
        ? record
        : { ...record, change: { ...change, phase: event.phase, failure: undefined } };
    case "committed":
      return change === undefined ? record : without(committed(record, change), event.dropped);
    case "abandoned":
      return change === undefined ? record : abandoned(record, change);
    case "volumes-announced":
      return change === undefined
        ? record
        : { ...record, change: { ...change, made: [...(change.made ?? []), ...event.volumes] } };
    case "volumes-lost":
      return change === undefined
        ? record
        : {
            ...record,
            change: { ...change, lost: event.volumes, ...(event.none ? { safety: undefined } : {}) },
          };
    case "volumes-made":
      return { ...record, volumes: [...new Set([...record.volumes, ...event.volumes])] };
    case "trash-emptied-into-app":
      return { ...record, untrashing: false };
    case "discarded-gone":
      return { ...record, discarded: record.discarded.filter((id) => !event.snapshots.includes(id)) };
    case "silent":
      return { ...record, failure: event.failure };
    case "well":
      return { ...record, failure: undefined };
    case "into-trash":
    case "trashed":
    case "purged":
      return record;
    default:
      return record;
  }
}

function without(record: AppPlanRecord, gone: readonly string[] = []): AppPlanRecord {
  return { ...record, volumes: record.volumes.filter((name) => !gone.includes(name)) };
}

function copyOf(record: AppPlanRecord, change: Change): KeptSnapshot | undefined {
  const { current } = record;
  if (change.safety === undefined || current === undefined || change.kind === "install") return undefined;
  return {
    id: change.safety,
    generation: current,
    takenAtMs: change.startedAtMs,
    cause: change.kind,
    volumes: savedVolumes(record).map(({ name }) => name),
  };
}

function committed(record: AppPlanRecord, change: Change): AppPlanRecord {
  const { current } = record;
  const copy = copyOf(record, change);
  const rest = { ...record, change: undefined, failure: undefined, notice: undefined };
  if (change.kind === "backup") {
    const backups = copy === undefined ? record.backups : [...record.backups, copy];
    const gone = backups.slice(0, Math.max(backups.length - backupsKept, 0)).map(({ id }) => id);
    return {
      ...rest,
      failure: record.failure,
      backups: backups.slice(-backupsKept),
      discarded: [...record.discarded, ...gone],
    };
  }
  const fetched = fetchedCopy(change);
  const next = {
    ...rest,
    current: change.to,
    untrashing: false,
    discarded: [...record.discarded, ...fetched],
  };
  if (current === undefined) return { ...next, discarded: [...record.discarded, ...startedFrom(record, change)] };
  if (change.kind === "configure") {
    // Its copy only guarded the change: a rollback leads to the version before, not to the settings before.
    return { ...next, discarded: [...next.discarded, ...(change.safety === undefined ? [] : [change.safety])] };
  }
  const before = record.rollback?.snapshot?.id;
  return {
    ...next,
    rollback: { generation: current, snapshot: copy },
    discarded: [...next.discarded, ...(before === undefined ? [] : [before])],
  };
}

/** The copy an app came from, out of the trash or of the network, where it is none of those that are kept. */
export function startedFrom({ rollback, backups }: AppPlanRecord, { placed }: Change): readonly string[] {
  const isKept = [rollback?.snapshot, ...backups].some((kept) => kept?.id === placed);
  return placed === undefined || isKept ? [] : [placed];
}

/** The local copy of a backup in the network: only the change needed it. */
export function fetchedCopy({ fetched, placed }: Change): readonly string[] {
  return fetched === undefined || placed === undefined ? [] : [placed];
}

function abandoned(record: AppPlanRecord, change: Change): AppPlanRecord {
  const failure = change.cause ?? change.failure ?? givenUp;
  // The current generation has no data to go on with.
  if (change.unsaved !== undefined) {
    return { ...record, change: { ...change, phase: "undoing", failure: undefined, cause: failure } };
  }
  if (record.current === undefined) {
    return {
      ...record,
      change: { ...change, phase: "fetching", failure: { ...failure, retryAtMs: undefined }, cause: undefined },
    };
  }
  return {
    ...without(
      record,
      change.made?.filter((name) => change.lost?.includes(name) !== true),
    ),
    change: undefined,
    failure: undefined,
    discarded: [...record.discarded, ...fetchedCopy(change), ...(change.safety === undefined ? [] : [change.safety])],
    notice: {
      kind: change.kind,
      version: change.to.manifest.version,
      startedAtMs: change.startedAtMs,
      failure: { ...failure, retryAtMs: undefined },
    },
  };
}

const givenUp: Failure = {
  code: "step-failed",
  detail: "The change was given up.",
  nextStep: "Try it again.",
  count: 1,
  retryAtMs: undefined,
};

/** What goes into the trash with `into-trash`. */
export function trashOf(record: AppPlanRecord, volumes: readonly string[], nowMs: number): TrashRecord | undefined {
  const { change, current, trash } = record;
  const generation = current ?? change?.to;
  if (generation === undefined || trash === undefined) return undefined;
  const isTouched = change !== undefined && ["placing", "starting", "undoing"].includes(change.phase);
  const before = isTouched && !runsBeside(record) ? change.safety : undefined;
  const placed = current === undefined ? change?.placed : (change?.unsaved ?? before);
  const placedFrom = current === undefined ? placedVolumes(record) : savedVolumes(record).map(({ name }) => name);
  return {
    id: trash,
    app: record.app,
    generation,
    // Those of a change that was cut off are no data of the app that comes back; what was missing before it is missing still.
    volumes: volumes.filter((name) => change?.made?.includes(name) !== true || change.lost?.includes(name) === true),
    placed,
    ...(placed === undefined || placed === change?.unsaved ? {} : { placedVolumes: placedFrom }),
    ...(current === undefined && change?.fetched !== undefined ? { fetched: change.fetched } : {}),
    rollback: record.rollback,
    backups: record.backups,
    discarded: [
      ...record.discarded,
      ...(change === undefined ? [] : fetchedCopy(change).filter((id) => id !== placed)),
      ...(change?.safety === undefined || change.safety === placed ? [] : [change.safety]),
    ],
    lastGeneration: record.lastGeneration,
    trashedAtMs: nowMs,
    purgeAtMs: nowMs + trashKeptMs,
    purge: record.isDrill === true,
  };
}

/** A step that failed, as its executor says it. */
export interface StepFailure {
  readonly code: FailureCode;
  readonly detail: string;
  readonly nextStep: string;
  readonly said?: readonly SaidLine[];
  readonly systemSaid?: string;
}

function saidOf({ said, systemSaid }: Failure): Pick<Failure, "said" | "systemSaid"> {
  return { ...(said === undefined ? {} : { said }), ...(systemSaid === undefined ? {} : { systemSaid }) };
}

/** How often a step is tried that fails for the same reason in a row before its phase is given up. */
const triesOf: Readonly<Partial<Record<FailureCode, number>>> = {
  "image-unreachable": 5,
  // Those of Docker count what a connection has had in six hours.
  "registry-busy": 12,
  "image-refused": 1,
  "backup-unreadable": 8,
  "backup-damaged": 1,
  "disk-full": 1,
  "not-healthy": 1,
  // A part may need another one to be up first: those that run go on meanwhile.
  "not-started": 4,
  "snapshot-missing": 1,
};
const triesElse = 3;
/** And whatever it fails for. */
export const triesMax = 30;
const unavailableRetryMs = 2_000;
/** It is looked at again at once when the device is unlocked. */
const lockedRetryMs = 60_000;
/** Nothing waits longer before it is tried again. */
export const longestPauseMs = 3_600_000;
/** The first wait, which doubles, and the longest. */
const pace = { firstMs: 2_000, longestMs: 15 * 60_000 };
/** Who asks in vain too often is given nothing for longer. */
const busyPace = { firstMs: 60_000, longestMs: longestPauseMs };

function retryAfterMs(count: number, { firstMs, longestMs } = pace): number {
  return Math.min(firstMs * 2 ** Math.min(count - 1, 20), longestMs);
}

/** What a phase becomes once it is given up; `undoing` never is, since nothing else brings the data back. */
const givenUpPhase: Readonly<Record<ChangePhase, "abandon" | "undoing" | "again">> = {
  fetching: "abandon",
  saving: "abandon",
  placing: "undoing",
  starting: "undoing",
  undoing: "again",
};

/** Whether a step belongs to the change under way, rather than to keeping the current generation up meanwhile. */
function isOfChange({ change, current }: AppPlanRecord, step: Step): boolean {
  if (change === undefined) return false;
  if (change.phase !== "fetching" || current === undefined) return true;
  if (step.do === "fetch-backup") return true;
  return step.do === "pull" && !current.manifest.services.some(({ image }) => imageName(image) === step.image);
}

export function recordAfterFailure(
  record: AppPlanRecord,
  step: Step,
  failed: StepFailure,
  nowMs: number,
): AppPlanRecord {
  const { change } = record;
  const isUnavailable = failed.code === "runtime-unavailable" || failed.code === "device-locked";
  const soonMs = failed.code === "device-locked" ? lockedRetryMs : unavailableRetryMs;
  const paceOf = failed.code === "registry-busy" ? busyPace : pace;
  const count = (before: Failure | undefined): number =>
    isUnavailable ? (before?.count ?? 0) : (before?.count ?? 0) + 1;
  const alike = (before: Failure | undefined): number =>
    before?.code === failed.code ? (before.alike ?? before.count) + 1 : 1;
  const again = (before: Failure | undefined): Failure => ({
    // What was said before stands where this try came to no word.
    ...(before?.code === failed.code ? saidOf(before) : {}),
    ...failed,
    count: count(before),
    ...(isUnavailable || alike(before) === count(before) ? {} : { alike: alike(before) }),
    retryAtMs: nowMs + (isUnavailable ? soonMs : retryAfterMs(count(before), paceOf)),
  });
  // What an uninstall fails at says nothing of a change it cut off, whose phase tells which data can be trusted.
  const isOfRecord = change === undefined || record.wanted === "removed" || !isOfChange(record, step);
  if (isOfRecord) return { ...record, failure: again(record.failure) };
  const failure = again(change.failure);
  const isPatient = (failure.alike ?? failure.count) < (triesOf[failed.code] ?? triesElse) && failure.count < triesMax;
  if (isUnavailable || isPatient || givenUpPhase[change.phase] === "again") {
    return { ...record, change: { ...change, failure } };
  }
  const final = { ...failure, retryAtMs: undefined };
  if (givenUpPhase[change.phase] === "abandon") return abandoned(record, { ...change, failure: final });
  return { ...record, change: { ...change, phase: "undoing", failure: undefined, cause: final } };
}

/** Of an app that runs and answers no more: it is started again at once, and where that does not help ever more seldom. */
export function silentFailure({ failure }: AppPlanRecord, silent: string | undefined, nowMs: number): Failure {
  const count = (failure?.code === "not-answering" ? failure.count : 0) + 1;
  const part = silent === undefined ? "It" : `Its part "${silent}"`;
  return {
    code: "not-answering",
    detail:
      count === 1
        ? `${part} did not answer any more while it ran, and the app was started again.`
        : `${part} stopped answering ${count} times, although the app was started again each time.`,
    nextStep:
      "Look into its log. Where it happens again and again, go back to the version before, or stop the app until there is a newer one.",
    count,
    retryAtMs: count === 1 ? nowMs : nowMs + retryAfterMs(count),
  };
}

/** So many other places are tried in a row where something else has the addresses. */
export const networkTriesMax = 16;

/** With its networks elsewhere; undefined where it was tried often enough, or every place is taken. */
export function recordElsewhere(
  record: AppPlanRecord,
  networkSlot: number,
  taken: ReadonlySet<number>,
): AppPlanRecord | undefined {
  const { tries } = record.network ?? { tries: 0 };
  const slot = tries < networkTriesMax ? nextNetworkSlot(networkSlot, taken) : undefined;
  return slot === undefined ? undefined : { ...record, network: { slot, tries: tries + 1 } };
}

/** Within `restartWindowMs` a service is started so often before each further start waits longer. */
const startsMax = 5;
const longestRestartMs = 30_000;
export const restartWindowMs = 10 * 60_000;

/** Undefined where it may start at once: it has not ended that often, or has waited for that already. */
export function recordAfterRestarts(record: AppPlanRecord, starts: number, nowMs: number): AppPlanRecord | undefined {
  const count = starts - startsMax + 1;
  if (count <= 0 || (record.failure?.count ?? 0) >= count) return undefined;
  return {
    ...record,
    failure: {
      code: "not-started",
      detail: "It ended again and again after it had started.",
      nextStep: "Look into its log; start it again once the cause is gone, or go back to the version before.",
      count,
      retryAtMs: nowMs + Math.min(retryAfterMs(count), longestRestartMs),
    },
  };
}
