import type { AppManifest, GrantKind } from "@piccolo/app-manifest";
import { catalogue } from "@piccolo/fault";

export const appFaults = catalogue({
  "app-not-found": { retry: "never", meaning: "No app of that name is installed." },
  "manifest-refused": {
    retry: "never",
    meaning: "The manifest has something this device does not take; see its problems.",
  },
  "source-unclear": { retry: "never", meaning: "An app comes from a catalog or from a manifest: give one of the two." },
  "app-exists": { retry: "never", meaning: "An app of that name is installed already; remove it first." },
  "app-name-reserved": { retry: "never", meaning: "The name belongs to the device itself; the app needs another one." },
  "app-not-running": {
    retry: "later",
    meaning: "The app does not run at the moment; start it, or wait until it has started.",
  },
  "app-unhealthy": {
    retry: "later",
    meaning: "The app was started and does not answer; its log may say why.",
  },
  "app-ended": { retry: "later", meaning: "A part of the app ended right after its start; its log may say why." },
  "grant-missing": {
    retry: "never",
    meaning: "The app cannot run without what it asks for; agree to it or leave the app.",
  },
  "setting-missing": { retry: "never", meaning: "A setting the app needs has no value; give one." },
  "no-room": {
    retry: "later",
    meaning: "There is not enough room on the device for this app; remove something first.",
  },
  "too-many-apps": { retry: "never", meaning: "The device has as many apps as it can keep apart; remove one first." },
  "apps-stopping": { retry: "later", meaning: "The device is stopping its apps; try again in a moment." },
});

export type Wanted = "running" | "stopped" | "removed";

/** An installed app as the control database has it: what shall be. What is, only the runtime knows. */
export interface AppRecord {
  readonly id: string;
  readonly manifest: AppManifest;
  readonly wanted: Wanted;
  readonly idStart: number;
  readonly slot: number;
  readonly generation: number;
  readonly grants: readonly GrantKind[];
  readonly settings: Readonly<Record<string, string>>;
  readonly installedAtMs: number;
  readonly removedAtMs: number | undefined;
}
