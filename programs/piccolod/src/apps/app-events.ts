/** What has happened to an app, for its owner to read later: from how its record changed, and from what its lane did. Pure. */
import type { AppPlanRecord, ChangeKind, RecordEvent } from "./plan-types.ts";

export type AppEvent =
  /** A change succeeded. */
  | {
      readonly kind: "installed" | "updated" | "configured" | "rolled-back" | "restored" | "backed-up";
      readonly version: string;
    }
  /** A change did not, and all is as before. */
  | {
      readonly kind: "given-up";
      readonly change: ChangeKind;
      readonly version: string;
      readonly code: string;
      readonly detail: string;
    }
  /** It is not as wanted, and why. */
  | { readonly kind: "failed"; readonly code: string; readonly detail: string }
  /** It is as wanted again. */
  | { readonly kind: "well" | "uninstalled" }
  | { readonly kind: "started" | "stopped"; readonly service: string }
  /** By itself; the code is undefined where nobody saw it. */
  | { readonly kind: "ended"; readonly service: string; readonly exitCode: number | undefined }
  /** By the device, after it had ended by itself. */
  | { readonly kind: "restarted"; readonly service: string };

export type KeptEvent = AppEvent & { readonly atMs: number };

/** The newest of an app; older ones go. */
export const eventsKept = 100;

const done: Readonly<Record<ChangeKind, Extract<AppEvent, { readonly version: string }>["kind"]>> = {
  install: "installed",
  update: "updated",
  configure: "configured",
  rollback: "rolled-back",
  restore: "restored",
  backup: "backed-up",
};

/** `event` is undefined where a failure changed the record. */
export function eventsOf(
  before: AppPlanRecord,
  after: AppPlanRecord,
  event: RecordEvent | undefined,
): readonly AppEvent[] {
  const { change } = before;
  const events: AppEvent[] = [];
  if (event?.type === "into-trash") events.push({ kind: "uninstalled" });
  if (event?.type === "committed" && change !== undefined) {
    const kind = done[change.kind] as "installed";
    events.push({ kind, version: change.to.manifest.version });
  }
  if (after.notice !== undefined && after.notice !== before.notice) {
    const { kind, version, failure } = after.notice;
    events.push({ kind: "given-up", change: kind, version, code: failure.code, detail: failure.detail });
  }
  // Without a generation to go back to, a change that is given up stays, and waits for the owner.
  const left = after.change?.failure;
  if (after.change !== undefined && left !== undefined && isFinal(left) && !isFinal(change?.failure)) {
    const { kind, to } = after.change;
    const { code, detail } = left;
    events.push({ kind: "given-up", change: kind, version: to.manifest.version, code, detail });
  }
  if (after.failure !== undefined && after.failure.code !== before.failure?.code) {
    events.push({ kind: "failed", code: after.failure.code, detail: after.failure.detail });
  }
  if (event?.type === "well" && before.failure !== undefined) events.push({ kind: "well" });
  return events;
}

function isFinal(failure: AppPlanRecord["failure"]): boolean {
  return failure !== undefined && failure.retryAtMs === undefined;
}
