/** What the interface shows of apps. Pure. */
import type { AppManifest, Grant, LocalizedText, Setting } from "@piccolo/app-manifest";
import type { AppDescription, AppView, GrantView, SettingView, TrashedApp } from "@piccolo/device-api";
import { isAgreed } from "./agreed-grants.ts";
import { type AppLook, describedOf } from "./apps.ts";
import type { AppPlanRecord, ChangeKind, Generation, Told, Waiting } from "./plan-types.ts";
import { noticeId } from "./requests.ts";
import type { TrashedPlace } from "./types.ts";

export function describeApp(
  manifest: AppManifest,
  installed: {
    readonly settings: Readonly<Record<string, string>>;
    readonly usedBytes: Readonly<Record<string, number>>;
  } = { settings: {}, usedBytes: {} },
): AppDescription {
  return {
    id: manifest.id,
    version: manifest.version,
    name: { ...manifest.name },
    summary: { ...manifest.summary },
    ...(manifest.description === undefined ? {} : { description: { ...manifest.description } }),
    ...(manifest.author === undefined ? {} : { author: manifest.author }),
    ...(manifest.website === undefined ? {} : { website: manifest.website }),
    ...(manifest.license === undefined ? {} : { license: manifest.license }),
    categories: [...manifest.categories],
    grants: manifest.grants.map(grantView),
    settings: manifest.settings.map((setting) => settingView(setting, installed.settings[setting.name])),
    volumes: manifest.volumes.map(({ name, title, snapshot, backup }) => {
      const usedBytes = installed.usedBytes[name];
      return { name, title: { ...title }, snapshot, backup, ...(usedBytes === undefined ? {} : { usedBytes }) };
    }),
    memoryBytes: manifest.services.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    hasWebPage: manifest.web !== undefined,
  };
}

export function grantView(grant: Grant): GrantView {
  return {
    kind: grant.kind,
    reason: { ...grant.reason },
    required: grant.required,
    ...(grant.kind === "public-paths" ? { paths: [...grant.paths] } : {}),
  };
}

export function settingView(setting: Setting, value?: string): SettingView {
  const view: SettingView = {
    name: setting.name,
    kind: setting.kind,
    label: { ...setting.label },
    ...(setting.hint === undefined ? {} : { hint: { ...setting.hint } }),
    ...(value === undefined ? {} : { value }),
  };
  switch (setting.kind) {
    case "password":
      return { ...view, lengthMax: setting.lengthMax };
    case "text":
      return { ...view, lengthMax: setting.lengthMax, ...defaultOf(setting.default) };
    case "number":
      return { ...view, minimum: setting.minimum, maximum: setting.maximum, ...defaultOf(setting.default) };
    case "switch":
      return { ...view, ...defaultOf(setting.default) };
    default:
      return {
        ...view,
        choices: setting.choices.map((choice) => ({ value: choice.value, label: { ...choice.label } })),
        ...defaultOf(setting.default),
      };
  }
}

function defaultOf(value: string | number | boolean | undefined): { readonly default?: string } {
  return value === undefined ? {} : { default: String(value) };
}

/** `entry` is where its page is opened by way of the portal. */
export function appView(
  { app: { record, installedAtMs }, lane }: AppLook,
  more: {
    readonly entry: string;
    readonly usedBytes: Readonly<Record<string, number>>;
    readonly icon: string | undefined;
    /** Another form of it that a catalog offers, and its settings that only the owner can give a value. */
    readonly update: { readonly manifest: AppManifest; readonly missing: readonly Setting[] } | undefined;
    /** That it is from; the title is undefined where the device has it not. */
    readonly catalog: { readonly id: string; readonly title: LocalizedText | undefined } | undefined;
  },
): AppView {
  const described = describedOf(record);
  const { manifest, grants, settings } = described;
  const { progress } = lane;
  const trouble = troubleOf(record, lane.waiting);
  const isObstacle = obstacleOf(record, lane.waiting) !== undefined;
  return {
    app: {
      ...describeApp(manifest, { settings, usedBytes: more.usedBytes }),
      grants: manifest.grants.map((grant) => grantView(narrowed(grant, described))),
      ...(more.icon === undefined ? {} : { icon: more.icon }),
    },
    state: stateOf(record, lane),
    wanted: record.wanted === "running" ? "running" : "stopped",
    ...(progress === undefined
      ? {}
      : {
          step: progress.step,
          ...(progress.totalUnits === 0 ? {} : { doneBytes: progress.doneUnits, totalBytes: progress.totalUnits }),
        }),
    ...(trouble === undefined
      ? {}
      : {
          problem: {
            ...shown(trouble, isObstacle ? undefined : record.notice),
            ...(isObstacle && lane.waiting?.for === "retry" ? { retryAtMs: lane.waiting.atMs } : {}),
          },
        }),
    ...(manifest.web === undefined ? {} : { openUrl: more.entry }),
    granted: [...grants],
    ...(more.catalog === undefined
      ? {}
      : {
          catalog: {
            id: more.catalog.id,
            ...(more.catalog.title === undefined ? {} : { title: { ...more.catalog.title } }),
          },
        }),
    ...(more.update === undefined
      ? {}
      : {
          update: {
            version: more.update.manifest.version,
            newGrants: more.update.manifest.grants.filter((grant) => !isAgreed(grant, described)).map(grantView),
            missingSettings: more.update.missing.map((setting) => settingView(setting)),
          },
        }),
    ...(record.rollback === undefined
      ? {}
      : {
          rollback: {
            version: record.rollback.generation.manifest.version,
            takenAtMs: record.rollback.snapshot?.takenAtMs ?? installedAtMs,
          },
        }),
    snapshots: record.backups.toReversed().map(({ id, takenAtMs, generation }) => ({
      id,
      takenAtMs,
      version: generation.manifest.version,
      cause: "backup" as const,
      durable: false,
    })),
    hasShownSecrets: manifest.secrets.some(({ shownAs }) => shownAs !== undefined),
    installedAtMs,
  };
}

/** As it holds: with the paths the owner agreed to, where those are fewer. */
function narrowed(grant: Grant, { publicPaths, grants }: Generation): Grant {
  return grant.kind === "public-paths" && grants.includes(grant.kind) && publicPaths !== undefined
    ? { ...grant, paths: publicPaths }
    : grant;
}

/** What stands in the way now. */
function obstacleOf({ change, failure }: AppPlanRecord, waiting: Waiting | undefined): Told | undefined {
  if (waiting?.for === "owner") return waiting.failure;
  const unknown = waiting?.for === "knowledge" ? waiting.failure : undefined;
  return unknown ?? change?.failure ?? failure;
}

/** What stands in the way now, else why the last change was given up. */
export function troubleOf(record: AppPlanRecord, waiting: Waiting | undefined): Told | undefined {
  const obstacle = obstacleOf(record, waiting);
  const { notice } = record;
  if (obstacle !== undefined || notice === undefined) return obstacle;
  // The app is well meanwhile: without these words it would seem that it is not.
  const detail = `${triedInWords(notice)} did not succeed, and everything is as it was before. ${notice.failure.detail}`;
  return { ...notice.failure, detail };
}

function triedInWords({ kind, version }: NonNullable<AppPlanRecord["notice"]>): string {
  switch (kind) {
    case "update":
      return `The update to version ${version}`;
    case "configure":
      return "Changing its settings";
    case "rollback":
      return `Going back to version ${version}`;
    case "restore":
      return "Restoring it";
    case "backup":
      return "The backup";
    default:
      return "The install";
  }
}

/** `notice`: that it is, where it is over. */
function shown(
  { code, detail, nextStep, said = [], systemSaid }: Told,
  notice: AppPlanRecord["notice"],
): NonNullable<AppView["problem"]> {
  return {
    code,
    detail,
    nextStep,
    ...(systemSaid === undefined ? {} : { systemSaid }),
    ...(said.length === 0 ? {} : { hasLog: true }),
    ...(notice === undefined ? {} : { notice: noticeId(notice) }),
  };
}

const changing: Readonly<Record<ChangeKind, AppView["state"]>> = {
  install: "installing",
  update: "updating",
  configure: "updating",
  rollback: "rolling-back",
  restore: "restoring",
  backup: "backing-up",
};

function stateOf(record: AppPlanRecord, lane: AppLook["lane"]): AppView["state"] {
  if (record.wanted === "removed") return "removing";
  if (lane.waiting?.for === "knowledge") return "unknown";
  const { change, failure } = record;
  if (change !== undefined) {
    const isGivenUp = change.failure !== undefined && change.failure.retryAtMs === undefined;
    return isGivenUp || lane.waiting?.for === "owner" ? "failed" : changing[change.kind];
  }
  if (lane.waiting?.for === "owner" || (failure !== undefined && failure.retryAtMs === undefined)) return "failed";
  // Not before nothing of it runs any more; a device that has just started has not begun to stop anything.
  if (record.wanted === "stopped") return lane.restedAs === "stopped" || !lane.hasRested ? "stopped" : "stopping";
  return lane.route.kind === "open" ? "running" : "starting";
}

export function trashView({ trash }: TrashedPlace, isNameTaken: boolean): TrashedApp {
  return {
    id: trash.id,
    app: describeApp(trash.generation.manifest),
    trashedAtMs: trash.trashedAtMs,
    purgeAtMs: trash.purgeAtMs,
    nameTaken: isNameTaken,
  };
}
