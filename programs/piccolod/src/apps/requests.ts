/** What an owner asks for, as changes of a record; throws `planFaults` where it cannot be. Pure. */
import type { AppManifest, GrantKind } from "@piccolo/app-manifest";
import { catalogue } from "@piccolo/fault";
import { sideOf } from "./addresses.ts";
import { agreedPaths, grantsStill } from "./agreed-grants.ts";
import { savedVolumes } from "./generations.ts";
import type { AppPlanRecord, Change, ChangeKind, Generation, Notice, TrashRecord } from "./plan-types.ts";
import { fetchedCopy, startedFrom } from "./record.ts";
import { type FormerSettings, valueTrouble, valueUnasked } from "./settings.ts";

export const planFaults = catalogue({
  "app-busy": { retry: "later", meaning: "Another change of this app is under way; wait until it has ended." },
  "app-not-installed": { retry: "never", meaning: "The app is not installed, or its install has not ended well." },
  "app-removed": { retry: "never", meaning: "The app is being uninstalled; restore it from the trash afterwards." },
  "app-name-taken": { retry: "never", meaning: "An app of this name is installed; uninstall it first." },
  "no-rollback": { retry: "never", meaning: "There is no version to go back to." },
  "snapshot-not-found": { retry: "never", meaning: "The app has no such backup; choose one of the list." },
  "grant-needed": { retry: "never", meaning: "The app cannot work without a grant it asks for; agree to it." },
  "setting-refused": { retry: "never", meaning: "A setting has a value the app does not take; correct it." },
});

export const nameTaken = (app: string): string => `an app ${app} is there already; uninstall it first`;

export interface Wish {
  readonly manifest: AppManifest;
  readonly grants: readonly GrantKind[];
  /** Of the grant for public paths, where not all of the manifest's. */
  readonly publicPaths?: Generation["publicPaths"];
  /** As they are given, passwords among them. */
  readonly settings: Readonly<Record<string, string>>;
  /** What holds where a setting is not given; absent: nothing. */
  readonly former?: FormerSettings;
  /** Id of the catalog the manifest is from. */
  readonly catalog?: string | undefined;
}

/**
 * Each setting of a manifest with what was given, what it had or its default. Passwords are kept elsewhere: they are checked here, and
 * not returned. No value is in what is thrown.
 */
function settledSettings({ manifest, settings: given, former }: Wish): Readonly<Record<string, string>> {
  const refuse = (name: string, detail: string): never => {
    const label = manifest.settings.find((one) => one.name === name)?.label["en"] ?? name;
    const message = `the setting "${label}" ${detail}; correct it, then do it again`;
    throw planFaults.fault("setting-refused", message, { details: { setting: name } });
  };
  const known = new Set(manifest.settings.map(({ name }) => name));
  for (const name of Object.keys(given)) if (!known.has(name)) refuse(name.slice(0, 64), "is not one of this app's");
  const result: Record<string, string> = {};
  for (const setting of manifest.settings) {
    const { name, kind } = setting;
    const isGiven = Object.hasOwn(given, name);
    if (kind === "password" && !isGiven && former !== undefined && former.passwords === undefined) continue;
    const value = isGiven ? given[name] : valueUnasked(setting, former);
    const trouble = valueTrouble(setting, value);
    if (value === undefined || trouble !== undefined) return refuse(name, trouble ?? "needs a value");
    if (kind !== "password") result[name] = value;
  }
  return result;
}

/** What the app cannot do without. */
const grantsInWords: Readonly<Record<GrantKind, string>> = {
  internet: "without the internet",
  "public-paths": "where visitors who are not signed in get no answer",
};

function generationOf(number: number, wish: Wish): Generation {
  const { manifest, grants, publicPaths, catalog } = wish;
  const asked = new Set(manifest.grants.map(({ kind }) => kind));
  for (const { kind, required } of manifest.grants) {
    if (required && !grants.includes(kind)) {
      throw planFaults.fault("grant-needed", `the app does not work ${grantsInWords[kind]}; agree to that`, {
        details: { grant: kind },
      });
    }
  }
  const agreed = [...new Set(grants)].filter((kind) => asked.has(kind)).toSorted();
  const from = catalog === undefined ? {} : { catalog };
  const paths = publicPaths === undefined ? {} : { publicPaths };
  return { number, manifest, grants: agreed, ...paths, settings: settledSettings(wish), ...from };
}

const atRest = {
  failure: undefined,
  notice: undefined,
  discarded: [],
  backups: [],
  rollback: undefined,
  trash: undefined,
  untrashing: false,
} as const;

function change(kind: ChangeKind, to: Generation, nowMs: number, more: Partial<Change> = {}): Change {
  return {
    kind,
    to,
    safety: undefined,
    placed: undefined,
    phase: "fetching",
    startedAtMs: nowMs,
    failure: undefined,
    cause: undefined,
    ...more,
  };
}

/** `placed`: a snapshot the app starts from, on a device that replaces another. */
export function requestInstall(
  before: AppPlanRecord | undefined,
  wish: Wish,
  nowMs: number,
  placed?: string,
): AppPlanRecord {
  if (before !== undefined) throw planFaults.fault("app-name-taken", nameTaken(wish.manifest.id));
  return {
    ...atRest,
    app: wish.manifest.id,
    wanted: "running",
    current: undefined,
    lastGeneration: 1,
    volumes: [],
    change: change("install", generationOf(1, wish), nowMs, { placed }),
  };
}

const busyWords = ({ app }: AppPlanRecord): string =>
  `${app} is being changed; wait until that has ended, then do it again`;

function notRemoved(record: AppPlanRecord): void {
  if (record.wanted === "removed")
    throw planFaults.fault(
      "app-removed",
      `${record.app} is being uninstalled; bring it back from the trash afterwards`,
    );
}

/** The current generation, of an app no change is under way for; one that only waits to fetch images gives way. */
function readyForChange(record: AppPlanRecord): Generation {
  notRemoved(record);
  if (record.current === undefined) {
    throw planFaults.fault(
      "app-not-installed",
      `the install of ${record.app} has not ended yet; wait until it has, or uninstall the app`,
    );
  }
  if (record.change !== undefined && (record.change.phase !== "fetching" || record.change.unsaved !== undefined)) {
    throw planFaults.fault("app-busy", busyWords(record));
  }
  return record.current;
}

/** The first change of an app that was given up: what waits for its owner has never served, and takes another form as it is. */
function firstTry({ current, change }: AppPlanRecord): Change | undefined {
  const isGivenUp = change?.failure !== undefined && change.failure.retryAtMs === undefined;
  return current === undefined && change?.phase === "fetching" && isGivenUp ? change : undefined;
}

function somePasswords(passwords: Change["passwords"] = {}): Pick<Change, "passwords"> {
  return Object.keys(passwords).length === 0 ? {} : { passwords };
}

/** Another try of it, with what was wrong put right: at the same place, with the same secrets and from the same data. */
function triedAnew(
  record: AppPlanRecord,
  first: Change,
  wish: Wish & Pick<Change, "passwords">,
  nowMs: number,
): AppPlanRecord {
  const number = nextNumber(record);
  const to = generationOf(number, wish);
  const change: Change = {
    ...first,
    to,
    startedAtMs: nowMs,
    failure: undefined,
    ...somePasswords({ ...first.passwords, ...wish.passwords }),
  };
  return { ...record, lastGeneration: number, change };
}

/**
 * The same for what brings data back, which is also what a change is told to be ended by that has come to where only its owner helps
 * (`isStuck`): for want of the data it would copy, or of the copy it would put back. The new change takes its place, also that of one
 * which did so and still fetches.
 */
function readyForData(
  record: AppPlanRecord,
  isStuck: boolean,
): { readonly ready: AppPlanRecord; readonly more: Partial<Change> } {
  const { change: before } = record;
  const canEnd =
    (isStuck && (before?.phase === "saving" || before?.phase === "undoing")) ||
    (before?.unsaved !== undefined && before.phase === "fetching");
  if (before === undefined || !canEnd) {
    const ready = isStuck ? cameBack(record) : record;
    readyForChange(ready);
    return { ready, more: {} };
  }
  notRemoved(record);
  const { safety, made } = before;
  const unsaved = before.unsaved ?? (before.phase === "undoing" ? safety : undefined);
  return {
    ready: safety === undefined ? record : { ...record, discarded: [...record.discarded, safety] },
    more: {
      ...(made === undefined ? {} : { made }),
      ...(unsaved === undefined ? {} : { safety: undefined, unsaved }),
    },
  };
}

/**
 * An app out of the trash, with its data as it was, that does not come up: it is taken for the app that it was, so that other data can
 * take the place of what is there, of which a copy is kept. Where its data still has to come from the trash or from a copy, only that helps.
 */
function cameBack(record: AppPlanRecord): AppPlanRecord {
  const { current, change: first, untrashing, trash } = record;
  if (current !== undefined || first === undefined || trash === undefined || untrashing) return record;
  const isItsData = first.phase === "starting" || (first.phase === "fetching" && first.placed === undefined);
  if (first.kind !== "restore" || !isItsData || first.passwords !== undefined) return record;
  const discarded = [...record.discarded, ...startedFrom(record, first)];
  return { ...record, current: first.to, change: undefined, discarded };
}

/** What a change that gives way had fetched is of no use to the next one. */
function leftOver({ discarded, change: before }: AppPlanRecord): readonly string[] {
  return before === undefined ? discarded : [...discarded, ...fetchedCopy(before)];
}

/** The copy has an id only where there is data to copy. */
function safetyFor(record: AppPlanRecord, id: string): string | undefined {
  return savedVolumes(record).length > 0 ? id : undefined;
}

/** The current generation may run beside it, so it has the other addresses, whatever numbers earlier tries have used up. */
function nextNumber({ current, lastGeneration }: AppPlanRecord): number {
  const next = lastGeneration + 1;
  return current !== undefined && sideOf(next) === sideOf(current.number) ? next + 1 : next;
}

export function requestUpdate(
  record: AppPlanRecord,
  wish: Wish & Pick<Change, "passwords">,
  snapshot: string,
  nowMs: number,
): AppPlanRecord {
  notRemoved(record);
  const first = firstTry(record);
  if (first !== undefined) return triedAnew(record, first, wish, nowMs);
  readyForChange(record);
  const number = nextNumber(record);
  const safety = safetyFor(record, snapshot);
  const next = change("update", generationOf(number, wish), nowMs, { safety, ...somePasswords(wish.passwords) });
  return { ...record, lastGeneration: number, change: next, notice: undefined, discarded: leftOver(record) };
}

/** Without a copy of its data where it is the same in all but grants that are taken back. */
export function requestConfigure(
  record: AppPlanRecord,
  wish: Omit<Wish, "manifest" | "catalog" | "former"> & Pick<Change, "passwords">,
  snapshot: string,
  nowMs: number,
): AppPlanRecord {
  notRemoved(record);
  const first = firstTry(record);
  if (first !== undefined) {
    const { manifest, catalog } = first.to;
    return triedAnew(record, first, { ...wish, manifest, catalog, former: first.to }, nowMs);
  }
  const current = readyForChange(record);
  const { manifest, catalog } = current;
  const number = nextNumber(record);
  const { passwords = {} } = wish;
  const to = generationOf(number, { ...wish, manifest, catalog, former: current });
  const takesOnly = Object.keys(passwords).length === 0 && !allowsMore(current, to);
  const next = change("configure", to, nowMs, {
    safety: takesOnly ? undefined : safetyFor(record, snapshot),
    ...somePasswords(passwords),
  });
  return { ...record, lastGeneration: number, change: next, notice: undefined, discarded: leftOver(record) };
}

/**
 * Whether the one may do, or is told, anything that the other is not. If not, the same version finds what it finds in an
 * ordinary life, as without the internet: its data is no less its own when it is given back what it had.
 */
function allowsMore(before: Generation, after: Generation): boolean {
  const names = new Set([...Object.keys(before.settings), ...Object.keys(after.settings)]);
  const paths = agreedPaths(before);
  return (
    [...names].some((name) => before.settings[name] !== after.settings[name]) ||
    after.grants.some((kind) => !before.grants.includes(kind)) ||
    agreedPaths(after).some((path) => !paths.includes(path))
  );
}

/** A generation that there was, under the number it gets now. */
function cameFrom(
  { publicPaths: formerPaths, ...generation }: Omit<Generation, "number">,
  { current, rollback }: AppPlanRecord,
  number: number,
): Generation {
  const before = formerPaths === undefined ? generation : { ...generation, publicPaths: formerPaths };
  if (current === undefined) return { ...before, number };
  const since = rollback === undefined ? [current] : [current, rollback.generation];
  return { ...generation, ...grantsStill(before, since), number };
}

/** The version before and its data; the present data is copied first, so that this can be undone the same way. */
export function requestRollback(asked: AppPlanRecord, snapshot: string, nowMs: number, isStuck = false): AppPlanRecord {
  const { ready: record, more } = readyForData(asked, isStuck);
  const { rollback } = record;
  if (rollback === undefined)
    throw planFaults.fault(
      "no-rollback",
      `${record.app} has no version to go back to; restore one of its backups instead`,
    );
  const number = nextNumber(record);
  const next = change("rollback", cameFrom(rollback.generation, record, number), nowMs, {
    safety: safetyFor(record, snapshot),
    placed: rollback.snapshot?.id,
    ...more,
  });
  return { ...record, lastGeneration: number, change: next, notice: undefined, discarded: leftOver(record) };
}

export function requestRestore(
  asked: AppPlanRecord,
  backup: string,
  snapshot: string,
  nowMs: number,
  isStuck = false,
): AppPlanRecord {
  const { ready: record, more } = readyForData(asked, isStuck);
  const kept = record.backups.find(({ id }) => id === backup);
  if (kept === undefined)
    throw planFaults.fault("snapshot-not-found", `${record.app} has no such backup any more; choose one of the list`);
  const number = nextNumber(record);
  const next = change("restore", cameFrom(kept.generation, record, number), nowMs, {
    safety: safetyFor(record, snapshot),
    placed: backup,
    ...more,
  });
  return { ...record, lastGeneration: number, change: next, notice: undefined, discarded: leftOver(record) };
}

/** A generation as a backup has it, under the number it gets here. */
export interface BackedUpForm {
  readonly generation: Omit<Generation, "number">;
  readonly backup: string;
  readonly volumes: readonly string[];
  /** Of one without data. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** `copy`: the name of the local copy the backup is brought into; one without data needs none. */
function fetchInto({ backup, volumes, secrets }: BackedUpForm, copy: string): Partial<Change> {
  if (volumes.length > 0) return { placed: copy, fetched: { backup, volumes } };
  return secrets === undefined ? {} : { secrets };
}

/** An app that is not there comes back from the storage network, on this device or on one that replaces another. */
export function requestInstallFromBackup(
  before: AppPlanRecord | undefined,
  form: BackedUpForm,
  copy: string,
  nowMs: number,
): AppPlanRecord {
  const { id } = form.generation.manifest;
  if (before !== undefined) throw planFaults.fault("app-name-taken", nameTaken(id));
  return {
    ...atRest,
    app: id,
    wanted: "running",
    current: undefined,
    lastGeneration: 1,
    volumes: [],
    change: change("restore", { ...form.generation, number: 1 }, nowMs, fetchInto(form, copy)),
  };
}

/** The present data is copied first and stays as what a rollback brings back. */
export function requestRestoreFromBackup(
  asked: AppPlanRecord,
  form: BackedUpForm,
  { copy, safety }: { readonly copy: string; readonly safety: string },
  nowMs: number,
  isStuck = false,
): AppPlanRecord {
  const { ready: record, more } = readyForData(asked, isStuck);
  const number = nextNumber(record);
  const next = change("restore", cameFrom(form.generation, record, number), nowMs, {
    safety: safetyFor(record, safety),
    ...fetchInto(form, copy),
    ...more,
  });
  return { ...record, lastGeneration: number, change: next, notice: undefined, discarded: leftOver(record) };
}

/** A copy beside the app, cut off from everything, under a name no app can have. */
export function requestDrill(
  form: BackedUpForm,
  { name, copy }: { readonly name: string; readonly copy: string },
  nowMs: number,
): AppPlanRecord {
  const { manifest } = form.generation;
  const generation = { ...form.generation, manifest: { ...manifest, id: name }, grants: [] };
  return { ...requestInstallFromBackup(undefined, { ...form, generation }, copy, nowMs), isDrill: true };
}

/** A local copy that is in the storage network now is needed no more. One that a change is starting from stays. */
export function requestForgetCopy(record: AppPlanRecord, copy: string): AppPlanRecord {
  if (record.change?.placed === copy || !record.backups.some(({ id }) => id === copy)) return record;
  return {
    ...record,
    backups: record.backups.filter(({ id }) => id !== copy),
    discarded: [...record.discarded, copy],
  };
}

/** Its owner needs the room more than the copy. One that a change is starting from stays. */
export function requestDeleteCopy(record: AppPlanRecord, copy: string): AppPlanRecord {
  if (!record.backups.some(({ id }) => id === copy)) {
    throw planFaults.fault("snapshot-not-found", `${record.app} has no such backup any more; choose one of the list`);
  }
  const after = requestForgetCopy(record, copy);
  if (after === record)
    throw planFaults.fault(
      "app-busy",
      `${record.app} is being brought back from that backup; wait until that has ended`,
    );
  return after;
}

/** The same of what a rollback would bring back: there is no version to go back to then. */
export function requestDeleteRollback(record: AppPlanRecord): AppPlanRecord {
  const { rollback, change: underWay, discarded } = record;
  if (rollback === undefined)
    throw planFaults.fault(
      "no-rollback",
      `${record.app} has no version to go back to; restore one of its backups instead`,
    );
  const copy = rollback.snapshot?.id;
  if (underWay?.kind === "rollback" || (copy !== undefined && underWay?.placed === copy)) {
    throw planFaults.fault(
      "app-busy",
      `${record.app} is being brought back from what would be deleted; wait until that has ended`,
    );
  }
  return { ...record, rollback: undefined, discarded: copy === undefined ? discarded : [...discarded, copy] };
}

/** Of an app without data, a backup is its record alone, and there is nothing to do. */
export function requestBackup(record: AppPlanRecord, snapshot: string, nowMs: number): AppPlanRecord {
  const current = readyForChange(record);
  if (record.change !== undefined) throw planFaults.fault("app-busy", busyWords(record));
  const safety = safetyFor(record, snapshot);
  if (safety === undefined) return record;
  return { ...record, change: change("backup", current, nowMs, { safety, phase: "saving" }) };
}

export function requestRun(record: AppPlanRecord, wanted: "running" | "stopped"): AppPlanRecord {
  notRemoved(record);
  return { ...record, wanted, failure: undefined };
}

/** The owner looked at a failure and asks for another try. */
export function requestRetry(record: AppPlanRecord, nowMs: number): AppPlanRecord {
  const again =
    record.change?.failure === undefined ? undefined : { ...record.change.failure, count: 0, retryAtMs: nowMs };
  return {
    ...record,
    ...(record.network === undefined ? {} : { network: { ...record.network, tries: 0 } }),
    failure: undefined,
    change: record.change === undefined ? undefined : { ...record.change, failure: again },
  };
}

/** Names a notice, so that no later one is put away for it. */
export const noticeId = ({ kind, startedAtMs = 0 }: Notice): string => `${kind}-${startedAtMs}`;

/** The owner has read it. */
export function requestDismissal(record: AppPlanRecord, notice: string): AppPlanRecord {
  const isSeen = record.notice !== undefined && noticeId(record.notice) === notice;
  return isSeen ? { ...record, notice: undefined } : record;
}

/** At any time, in the middle of a change, too: the owner's wish to be rid of an app waits for nothing. */
export function requestRemoval(record: AppPlanRecord, trash: string): AppPlanRecord {
  if (record.wanted === "removed") return record;
  const { change: before } = record;
  return {
    ...record,
    wanted: "removed",
    failure: undefined,
    change: before === undefined ? undefined : { ...before, failure: undefined },
    trash: record.trash !== undefined && record.untrashing ? record.trash : trash,
  };
}

export function requestTrashRestore(
  trash: TrashRecord,
  taken: AppPlanRecord | undefined,
  nowMs: number,
): AppPlanRecord {
  if (taken !== undefined) throw planFaults.fault("app-name-taken", nameTaken(trash.app));
  const number = trash.lastGeneration + 1;
  return {
    ...atRest,
    app: trash.app,
    wanted: "running",
    current: undefined,
    lastGeneration: number,
    volumes: trash.volumes,
    rollback: trash.rollback,
    backups: trash.backups,
    discarded: trash.discarded,
    trash: trash.id,
    untrashing: true,
    change: change("restore", { ...trash.generation, number }, nowMs, {
      placed: trash.placed,
      ...(trash.placedVolumes === undefined ? {} : { placedVolumes: trash.placedVolumes }),
      ...(trash.fetched === undefined ? {} : { fetched: trash.fetched }),
    }),
  };
}
