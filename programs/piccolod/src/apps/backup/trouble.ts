/** What a failure means for the owner. */
import { type FaultEntry, isFault } from "@piccolo/fault";
import { engineFaults } from "@piccolo/storage/owner";
import { diskFaults } from "@piccolo/storage/ports";
import { backupFaults as logFaults } from "../../backup/faults.ts";
import { causeOf } from "../../operating-failure.ts";
import { planFaults } from "../requests.ts";
import { appStorageFaults } from "../runtime/app-storage.ts";
import { appFaults, changeFaults } from "../types.ts";
import { backupFaults, type Trouble } from "./types.ts";

const entries: Readonly<Record<string, FaultEntry>> = {
  ...engineFaults.entries,
  ...diskFaults.entries,
  ...logFaults.entries,
  ...planFaults.entries,
  ...appFaults.entries,
  ...changeFaults.entries,
  ...appStorageFaults.entries,
  ...backupFaults.entries,
};

/** Undefined for what is a bug. */
export function troubleOf(error: unknown): Trouble | undefined {
  const cause = causeOf(error);
  if (cause === undefined) return undefined;
  const ofSystem = "Free some room on the device; it is tried again by itself.";
  const nextStep = isFault(error) ? (entries[error.code]?.meaning ?? "It is tried again by itself.") : ofSystem;
  return { code: cause.code, detail: sentence(cause.message), nextStep };
}

function sentence(text: string): string {
  const first = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
