/** Apps in words: states, what is asked of the owner, and texts by language. Pure. */
import { momentInWords } from "../wording/time.ts";
import type { AppView, Grant, Setting } from "./queries.ts";

type State = AppView["state"];

const states: Readonly<Record<State, string>> = {
  installing: "Being installed",
  starting: "Starting",
  running: "Running",
  stopping: "Stopping",
  stopped: "Stopped",
  updating: "Being updated",
  "rolling-back": "Going back to the version before",
  restoring: "Being restored",
  "backing-up": "Being backed up",
  removing: "Being uninstalled",
  failed: "Needs your attention",
  unknown: "Not known at the moment",
};

export const stateInWords = (state: State): string => states[state];

const restful: readonly State[] = ["running", "stopped", "failed"];

/** Whether something is under way, or nobody knows, so that asking again soon is worth it. */
export const isChanging = ({ state, step }: Pick<AppView, "state" | "step">): boolean =>
  !restful.includes(state) || step !== undefined;

const changes: readonly State[] = ["installing", "updating", "rolling-back", "restoring", "backing-up", "removing"];

/** Whether another change would be refused, or would get in the way. One that does not come up can be changed: that often mends it. */
export const isChangeUnderWay = ({ state }: Pick<AppView, "state">): boolean => changes.includes(state);

/** What the list of apps tells of one beside its state: what is amiss, else that there is something newer. */
export function badgeOf({ state, problem, update }: Pick<AppView, "state" | "problem" | "update">): Badge | undefined {
  if (problem !== undefined) return { tone: state === "failed" ? "danger" : "warn", text: problem.detail };
  return update === undefined ? undefined : { tone: "calm", text: `Version ${update.version} is there` };
}

export interface Badge {
  readonly tone: "danger" | "warn" | "calm";
  readonly text: string;
}

/** What going back brings, whatever made the copy. */
export const rollbackInWords = (name: string, { version, takenAtMs }: NonNullable<AppView["rollback"]>): string =>
  `${name} gets version ${version} and the data it had on ${momentInWords(takenAtMs)}. What was written since is copied, so that you can come back.`;

/** The settings are in force: what the app makes of them depends on whether it shall run. */
export const settledInWords = ({ wanted }: Pick<AppView, "wanted">): string =>
  wanted === "running"
    ? "The settings are saved, and the app runs with them."
    : "The settings are saved. The app has them when it is started.";

/** Short, since many apps of a catalog may share it; anything else is said in the device's own words. */
export const blockedInWords = ({ reason, detail }: { readonly reason: string; readonly detail: string }): string =>
  reason === "digest-unverified" ? "Digest unverified: not offered yet" : detail;

const systems: Readonly<Record<string, string>> = {
  compose: "Docker Compose",
  umbrel: "Umbrel",
  casaos: "CasaOS",
  runtipi: "Runtipi",
};

export const systemInWords = (system: string | undefined): string => systems[system ?? ""] ?? "another system";

/** A text in the person's language, else in English. */
export function inLanguage(text: Readonly<Record<string, string>>, languages: readonly string[]): string {
  for (const language of languages.map((one) => one.toLowerCase())) {
    const found = text[language] ?? text[language.split("-")[0] ?? ""];
    if (found !== undefined) return found;
  }
  return text["en"] ?? "";
}

/** What another version asks for beyond what was agreed to; a public path that is new makes the whole grant new. */
export function newGrantsOf(
  { grants }: AppView["app"],
  { granted, app }: Pick<AppView, "granted" | "app">,
): readonly Grant[] {
  return grants.filter(({ kind, paths = [] }) => {
    const before = app.grants.find((one) => one.kind === kind);
    return !granted.includes(kind) || !paths.every((path) => before?.paths?.includes(path) === true);
  });
}

export interface GrantWords {
  readonly title: string;
  /** What it means to agree. */
  readonly meaning: string;
}

export function grantInWords({ kind, paths = [] }: Grant): GrantWords {
  if (kind === "internet")
    return {
      title: "Reach the internet",
      meaning: "It can talk to servers on the internet, never to your home network or to your other apps.",
    };
  return {
    title: "Answer visitors who are not signed in",
    meaning: `Anyone who reaches this device may open ${listed(paths)}. The app itself decides what they see there.`,
  };
}

function listed(paths: readonly string[]): string {
  const shown = paths.slice(0, 4).map((path) => path.replace(/\*$/, "…"));
  const more = paths.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

const categories: Readonly<Record<string, string>> = {
  automation: "Automation",
  books: "Books",
  communication: "Communication",
  development: "Development",
  documents: "Documents",
  files: "Files",
  finance: "Finance",
  games: "Games",
  media: "Films and music",
  monitoring: "Monitoring",
  news: "News",
  notes: "Notes",
  photos: "Photos",
  security: "Security",
  tools: "Tools",
};

export const categoryInWords = (category: string): string => categories[category] ?? category;

/** The values a form starts with: what is set, else the default, else empty. */
export function firstValues(settings: readonly Setting[]): Record<string, string> {
  return Object.fromEntries(settings.map((setting) => [setting.name, setting.value ?? setting.default ?? ""]));
}

/** A value of each setting that is asked: what was typed, else what its field started with. */
export function answersTo(
  settings: readonly Setting[],
  typed: Readonly<Record<string, string>>,
): Record<string, string> {
  const first = firstValues(settings);
  return Object.fromEntries(settings.map(({ name }) => [name, typed[name] ?? first[name] ?? ""]));
}

/** Why a value cannot be taken, before the device is asked; undefined when it can. */
export function valueTrouble(setting: Setting, value: string): string | undefined {
  const { kind, minimum = 0, maximum = Number.MAX_SAFE_INTEGER, lengthMax = 1000 } = setting;
  if (kind === "number" && !(/^[0-9]{1,16}$/.test(value) && Number(value) >= minimum && Number(value) <= maximum))
    return `A whole number from ${minimum} to ${maximum}.`;
  if (kind === "password" && value === "") return "It cannot be empty.";
  return value.length > lengthMax ? `At most ${lengthMax} characters.` : undefined;
}

/** Only what differs from what is set, and a password only when one was typed. */
export function changedValues(
  settings: readonly Setting[],
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    settings.flatMap(({ name, kind, value, default: usual }) => {
      const now = values[name] ?? "";
      if (kind === "password") return now === "" ? [] : [[name, now]];
      return now === (value ?? usual ?? "") ? [] : [[name, now]];
    }),
  );
}
