/** What the interface shows of apps. Pure. */
import type { AppManifest, Grant, Setting } from "@piccolo/app-manifest";
import type { AppDescription, AppView, GrantView, SettingView } from "@piccolo/device-api";
import type { AppLook } from "./apps.ts";

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

function settingView(setting: Setting, value: string | undefined): SettingView {
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
  look: AppLook,
  more: { readonly entry: string; readonly usedBytes: Readonly<Record<string, number>> },
): AppView {
  const { record, failure, progress } = look;
  const { manifest } = record;
  return {
    app: describeApp(manifest, { settings: record.settings, usedBytes: more.usedBytes }),
    state: stateOf(look),
    wanted: record.wanted === "running" ? "running" : "stopped",
    ...(progress === undefined
      ? {}
      : {
          step: progress.step,
          ...(progress.totalUnits === 0 ? {} : { doneBytes: progress.doneUnits, totalBytes: progress.totalUnits }),
        }),
    ...(failure === undefined ? {} : { problem: failure }),
    ...(manifest.web === undefined ? {} : { openUrl: more.entry }),
    granted: [...record.grants],
    snapshots: [],
    hasShownSecrets: manifest.secrets.some(({ shownAs }) => shownAs !== undefined),
    installedAtMs: record.installedAtMs,
  };
}

function stateOf({ record, activity, services, failure }: AppLook): AppView["state"] {
  if (activity !== "idle") return activity;
  if (services === undefined) return "unknown";
  const isUp = services.some(({ phase }) => phase === "running");
  if (record.wanted === "stopped") return isUp ? "stopping" : "stopped";
  if (failure !== undefined) return "failed";
  return isUp ? "running" : "starting";
}
