/**
 * The port to the releases that lie on the disk beside the boot images. Adapters: `OstreeDeployments` (a repository of our own),
 * `RpmOstreeDeployments` (phase 1), `MemoryDeployments` for tests. A boot image names its release; it starts nothing without it.
 */
import { catalogue } from "@piccolo/fault";

export const deploymentFaults = catalogue({
  "deployment-untrusted": {
    retry: "never",
    meaning:
      "The release is not signed by a key this system trusts, or not what its name says; nothing of it was kept in use.",
  },
  "deployment-unreachable": {
    retry: "later",
    meaning: "The place releases come from does not answer; the next try goes on where this one ended.",
  },
  "deployment-no-room": {
    retry: "never",
    meaning: "The disk has no room for another release; remove an older one first.",
  },
  "deployment-failed": {
    retry: "later",
    meaning: "The release could not be put on the disk or taken off it; the log has the program's own words.",
  },
  "deployment-in-use": { retry: "never", meaning: "The running system is of this release; it is not removed." },
});

export interface Deployment {
  /** Number of the release, as it stands in the names of boot images. */
  readonly id: string;
  /** Checksum of the commit, hexadecimal. */
  readonly commit: string;
  readonly version: string | undefined;
  /** `partial`: its commit or a part of it is not here. */
  readonly state: "booted" | "kept" | "partial";
}

export interface DeploymentSource {
  readonly id: string;
  readonly branch: string;
  readonly commit: string;
}

export interface Deployments {
  /** Newest first. Throws `deployment-failed`. */
  list(): Promise<readonly Deployment[]>;
  /**
   * Fetches a release, checks its signature, and keeps it. Nothing happens where it is here already. A power cut leaves it whole or
   * not listed; what was fetched is used by the next try. Throws all but `deployment-in-use`.
   */
  stage(source: DeploymentSource): Promise<Deployment>;
  /** Repeatable. The room is free after `collect`. Throws `deployment-in-use`, `deployment-failed`. */
  undeploy(id: string): Promise<void>;
  /** Frees the room of everything that belongs to no deployment. */
  collect(): Promise<void>;
}

export const deploymentIdPattern = /^[1-9]\d{0,9}$/;
export const commitPattern = /^[0-9a-f]{64}$/;
export const branchPattern = /^[a-z0-9][a-z0-9_-]*(?:\/[a-z0-9][a-z0-9_-]*){0,7}$/;

/** Throws `deployment-untrusted` for names that would mean something else to the programs they are handed to. */
export function checkSource({ id, branch, commit }: DeploymentSource): void {
  if (deploymentIdPattern.test(id) && branchPattern.test(branch) && commitPattern.test(commit)) return;
  throw deploymentFaults.fault("deployment-untrusted", "the release has no name a release can have");
}

export const newestFirst = (a: Deployment, b: Deployment): number => Number(b.id) - Number(a.id);
