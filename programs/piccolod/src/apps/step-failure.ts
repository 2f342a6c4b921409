import { type FaultEntry, isFault } from "@piccolo/fault";
import { causeOf } from "../operating-failure.ts";
import { backupFaults } from "./backup/types.ts";
import type { FailureCode, Step } from "./plan-types.ts";
import type { StepFailure } from "./record.ts";
import { appStorageFaults } from "./runtime/app-storage.ts";
import { runtimeFaults } from "./runtime/faults.ts";
import { firewallFaults } from "./runtime/firewall.ts";
import { systemWords } from "./system-words.ts";
import { changeFaults } from "./types.ts";

/** What a fault of runtime, storage or filter means for the app. */
const codes: Readonly<Record<string, FailureCode>> = {
  "image-unreachable": "image-unreachable",
  "registry-busy": "registry-busy",
  "image-refused": "image-refused",
  "image-digest-differs": "image-refused",
  "image-architecture": "image-refused",
  "disk-full": "disk-full",
  "runtime-unavailable": "runtime-unavailable",
  locked: "device-locked",
  "not-enough-fragments": "backup-unreadable",
  "app-backup-damaged": "backup-damaged",
  "app-backup-not-found": "backup-damaged",
};

/** What else can go wrong with a step. */
const codesByStep: Readonly<Partial<Record<Step["do"], FailureCode>>> = {
  create: "not-started",
  start: "not-started",
  await: "not-started",
  stop: "not-stopped",
  remove: "not-stopped",
  "fetch-backup": "backup-unreadable",
  snapshot: "snapshot-failed",
  restore: "restore-failed",
  "untrash-volumes": "restore-failed",
};

const entries: Readonly<Record<string, FaultEntry>> = {
  ...runtimeFaults.entries,
  ...appStorageFaults.entries,
  ...firewallFaults.entries,
  ...backupFaults.entries,
  ...changeFaults.entries,
};

/** Of these the system's own words are the cause, and all there is to go by. */
const ofSystem: ReadonlySet<string> = new Set([
  "runtime-failed",
  "app-storage-failed",
  "app-data-damaged",
  "firewall-failed",
]);

/**
 * A failure a person understands; undefined for what is a bug. `step`: undefined where it was before any. `hidden`: the
 * values of the app's secrets and settings, of which nothing is in it.
 */
export function stepFailure(
  step: Step | undefined,
  error: unknown,
  hidden: readonly string[],
): StepFailure | undefined {
  const fault = causeOf(error);
  if (fault === undefined) return undefined;
  const own = Object.hasOwn(changeFaults.entries, fault.code) ? (fault.code as FailureCode) : undefined;
  const code = own ?? codes[fault.code] ?? (step === undefined ? undefined : codesByStep[step.do]) ?? "step-failed";
  const nextStep = (entries[fault.code] ?? changeFaults.entries[code]).meaning;
  const systemSaid = systemWords(wordsOfSystem(error), hidden);
  return { code, detail: sentence(fault.message), nextStep, ...(systemSaid === undefined ? {} : { systemSaid }) };
}

function wordsOfSystem(error: unknown): string {
  if (!isFault(error)) return error instanceof Error ? error.message : "";
  return ofSystem.has(error.code) && error.cause instanceof Error ? error.cause.message : "";
}

/** As a message of a fault is shown to a person. */
export function sentence(text: string): string {
  const first = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
