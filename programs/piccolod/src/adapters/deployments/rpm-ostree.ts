import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import {
  checkSource,
  type Deployment,
  deploymentFaults,
  type Deployments,
  type DeploymentSource,
} from "../../system/deployments.ts";

const execute = promisify(execFile);

const Status = z.object({
  deployments: z.array(
    z.object({
      checksum: z.string().regex(/^[0-9a-f]{64}$/),
      booted: z.boolean(),
      staged: z.boolean().optional(),
      version: z.string().max(64).optional(),
    }),
  ),
});

/**
 * rpm-ostree on a system that is installed in phase 1. It keeps two deployments by itself, and has no numbers for them: each has the
 * number it was asked for, and those nobody asked for have those of their places, from the oldest. Held by contract tests with a program that answers as its documentation
 * says; never run on a Fedora CoreOS yet.
 */
export class RpmOstreeDeployments implements Deployments {
  readonly #program: string;
  readonly #remote: string;
  /** Numbers that were given, by commit. */
  readonly #numbers = new Map<string, string>();

  /** `remote` is configured on the system, with `gpg-verify=true`. */
  constructor(remote: string, program = "rpm-ostree") {
    this.#remote = remote;
    this.#program = program;
  }

  async list(): Promise<readonly Deployment[]> {
    const output = await this.#run(["status", "--json"]);
    let status: z.infer<typeof Status>;
    try {
      status = Status.parse(JSON.parse(output));
    } catch (cause) {
      throw deploymentFaults.fault("deployment-failed", "rpm-ostree says something unknown of its deployments", {
        cause,
      });
    }
    const taken = new Set(this.#numbers.values());
    const free = (place: number): string =>
      taken.has(String(place)) ? free(place + status.deployments.length) : String(place);
    return status.deployments.map(({ checksum, booted, version }, at) => ({
      id: this.#numbers.get(checksum) ?? free(status.deployments.length - at),
      commit: checksum,
      version,
      state: booted ? ("booted" as const) : ("kept" as const),
    }));
  }

  async stage(source: DeploymentSource): Promise<Deployment> {
    checkSource(source);
    const { id, branch, commit } = source;
    const present = (await this.list()).find((deployment) => deployment.commit === commit);
    if (present === undefined) {
      const target = [`${this.#remote}:${branch}`, commit];
      await this.#run(["rebase", "--lock-finalization", "--skip-purge", ...target]);
    }
    this.#numbers.set(commit, id);
    const staged = (await this.list()).find((deployment) => deployment.commit === commit);
    if (staged === undefined) throw deploymentFaults.fault("deployment-failed", `rpm-ostree did not keep ${commit}`);
    return staged;
  }

  async undeploy(id: string): Promise<void> {
    const deployments = await this.list();
    const at = deployments.findIndex((deployment) => deployment.id === id);
    const found = deployments[at];
    if (found === undefined) return;
    if (found.state === "booted") {
      throw deploymentFaults.fault("deployment-in-use", `release ${id} is running: start another one first`);
    }
    // What waits stands before the running one, what is kept to fall back to stands behind it.
    const running = deployments.findIndex(({ state }) => state === "booted");
    await this.#run(["cleanup", at < running ? "--pending" : "--rollback"]);
    this.#numbers.delete(found.commit);
  }

  async collect(): Promise<void> {
    await this.#run(["cleanup", "--base"]);
  }

  async #run(args: readonly string[]): Promise<string> {
    try {
      return (await execute(this.#program, args, { maxBuffer: 1 << 20 })).stdout;
    } catch (cause) {
      const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : String(cause);
      const code = /GPG|signature|public key/i.test(said)
        ? "deployment-untrusted"
        : /No space left|min-free-space/i.test(said)
          ? "deployment-no-room"
          : /resolv|connect|timed out|While fetching|Server returned/i.test(said)
            ? "deployment-unreachable"
            : "deployment-failed";
      throw deploymentFaults.fault(code, `rpm-ostree ${args[0]}: ${said.slice(-500)}`, { cause });
    }
  }
}
