/** What has happened to an app, in words. Pure. */
import type { AppEvent } from "./queries.ts";

const changes: Readonly<Record<NonNullable<AppEvent["change"]>, string>> = {
  install: "The install",
  update: "The update",
  configure: "The change of its settings",
  rollback: "Going back",
  restore: "The restore",
  backup: "The backup",
};

const simple: Readonly<Partial<Record<AppEvent["kind"], string>>> = {
  configured: "Its settings were changed",
  "backed-up": "A backup was made",
  well: "It is well again",
  uninstalled: "Uninstalled",
};

/** Whether it is one that somebody should look at. */
export const isBad = ({ kind }: Pick<AppEvent, "kind">): boolean =>
  kind === "given-up" || kind === "failed" || kind === "ended";

/** `title` is short; `detail` a sentence of the device, where there is one. */
export function eventInWords(event: AppEvent): { readonly title: string; readonly detail: string | undefined } {
  const { kind, version = "", service = "", exitCode, change, detail } = event;
  const told = (title: string): ReturnType<typeof eventInWords> => ({ title, detail });
  switch (kind) {
    case "installed":
      return told(`Installed, version ${version}`);
    case "updated":
      return told(`Updated to version ${version}`);
    case "rolled-back":
      return told(`Went back to version ${version}`);
    case "restored":
      return told(`Restored, version ${version}`);
    case "given-up":
      return told(`${changes[change ?? "install"]} did not succeed (version ${version})`);
    case "failed":
      return told("It does not run as it should");
    case "started":
      return told(`"${service}" was started`);
    case "stopped":
      return told(`"${service}" was stopped`);
    case "ended":
      return told(`"${service}" ended by itself${exitCode === undefined ? "" : `, with the code ${exitCode}`}`);
    case "restarted":
      return told(`"${service}" was started again`);
    default:
      return told(simple[kind] ?? kind);
  }
}
