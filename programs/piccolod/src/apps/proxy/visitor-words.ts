/** What a person is told at an app's address who gets no answer of the app. Pure. */
import type { Fault } from "@piccolo/fault";
import type { PageWords } from "../../http/page.ts";
import { sentence } from "../../http/problem.ts";
import type { AppPlanRecord, ChangeKind } from "../plan-types.ts";

const againSeconds = 5;

const changes: Readonly<Record<ChangeKind, string>> = {
  install: "is being installed",
  update: "is being updated",
  configure: "is being updated",
  rollback: "goes back to the version before",
  restore: "is being restored",
  backup: "is being backed up",
};

/**
 * `record`: of an app whose visitor is signed in; a stranger is told neither the name nor the state of an app. `portal`: the origin
 * of the portal.
 */
export function visitorWords(
  app: string,
  { code, message }: Fault,
  record: AppPlanRecord | undefined,
  portal: string,
): PageWords {
  const toPortal = { name: "To the device", href: `${portal}/` };
  if (code !== "app-not-running" && code !== "app-overloaded")
    return { title: "This page cannot be shown", text: sentence(message), link: toPortal };
  if (record === undefined)
    return {
      title: "There is no answer at the moment",
      text: "What is here is not running, or is busy. Try again later.",
      link: toPortal,
      againSeconds,
    };
  const manifest = (record.current ?? record.change?.to)?.manifest;
  const name = manifest?.name["en"] ?? app;
  const link = { name: `Look at ${name}`, href: `${portal}/#/app/${app}` };
  if (code === "app-overloaded") return { title: `${name} is busy`, text: sentence(message), link, againSeconds };
  const { change, failure, wanted } = record;
  const isGivenUp = change?.failure !== undefined && change.failure.retryAtMs === undefined;
  if (wanted === "removed")
    return { title: `${name} is being uninstalled`, text: "Its data waits for 30 days on the page Apps.", link };
  if (isGivenUp || (failure !== undefined && change === undefined))
    return {
      title: `${name} needs your attention`,
      text: (change?.failure ?? failure)?.detail ?? "It does not run as it should.",
      link,
      againSeconds: 30,
    };
  if (wanted === "stopped") return { title: `${name} is stopped`, text: "Start it on its page.", link };
  if (change !== undefined)
    return { title: `${name} ${changes[change.kind]}`, text: "It is back in a moment.", link, againSeconds };
  return {
    title: `${name} does not answer yet`,
    text: "It is starting, or starts again by itself.",
    link,
    againSeconds,
  };
}
