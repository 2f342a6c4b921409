import {
  checkSource,
  type Deployment,
  deploymentFaults,
  type Deployments,
  type DeploymentSource,
  newestFirst,
} from "../src/system/deployments.ts";

/** Where releases come from: by commit, what they are and how they are signed. */
export type Offered = ReadonlyMap<string, { readonly version: string; readonly signed: boolean }>;

export class MemoryDeployments implements Deployments {
  readonly #kept = new Map<string, Deployment>();
  readonly #offered: () => Offered | undefined;
  readonly #booted: string | undefined;

  /** `offered` gives nothing while the place does not answer. */
  constructor(offered: () => Offered | undefined, booted?: string) {
    this.#offered = offered;
    this.#booted = booted;
  }

  async list(): Promise<readonly Deployment[]> {
    return [...this.#kept.values()].sort(newestFirst);
  }

  async stage(source: DeploymentSource): Promise<Deployment> {
    checkSource(source);
    const { id, commit } = source;
    const present = this.#kept.get(id);
    if (present?.commit === commit) return present;
    if (id === this.#booted && present !== undefined) throw this.#inUse(id);
    const release = this.#offered()?.get(commit);
    if (release === undefined) throw deploymentFaults.fault("deployment-unreachable", "nobody has this release");
    if (!release.signed)
      throw deploymentFaults.fault("deployment-untrusted", "nobody who is trusted signed this release");
    const state = id === this.#booted ? ("booted" as const) : ("kept" as const);
    const deployment = { id, commit, version: release.version, state };
    this.#kept.set(id, deployment);
    return deployment;
  }

  async undeploy(id: string): Promise<void> {
    if (id === this.#booted) throw this.#inUse(id);
    this.#kept.delete(id);
  }

  async collect(): Promise<void> {}

  #inUse(id: string): Error {
    return deploymentFaults.fault("deployment-in-use", `release ${id} is running`);
  }
}
