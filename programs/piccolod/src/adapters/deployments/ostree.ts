import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  checkSource,
  commitPattern,
  type Deployment,
  deploymentFaults,
  deploymentIdPattern,
  type Deployments,
  type DeploymentSource,
  newestFirst,
} from "../../system/deployments.ts";

const execute = promisify(execFile);
const refsBelow = "piccolo/release";
const outputBytesMax = 1 << 20;

export interface OstreeOptions {
  /** The repository on the root partition, of mode `bare`: its files are those the boot image names by their digests. */
  readonly repository: string;
  readonly remote: { readonly name: string; readonly url: string };
  /** The exported OpenPGP keys of this system, from its authenticated part. What lies in the repository is not believed. */
  readonly trustedKeys: string;
  /** The release that is running. */
  readonly booted: string | undefined;
  /** `required` on devices, whose root takes only files with fs-verity; `possible` where the file system may lack it. */
  readonly verity: "required" | "possible";
}

/** Each release is a ref `piccolo/release/N` of one OSTree repository, which shares what is equal between them. */
export class OstreeDeployments implements Deployments {
  readonly #options: OstreeOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: OstreeOptions) {
    this.#options = options;
  }

  list(): Promise<readonly Deployment[]> {
    return this.#alone(async () => {
      const found = await Promise.all(this.#refs().map(([id, commit]) => this.#described(id, commit)));
      return found.sort(newestFirst);
    });
  }

  async stage(source: DeploymentSource): Promise<Deployment> {
    checkSource(source);
    return this.#alone(async () => {
      const { id, branch, commit } = source;
      const present = this.#refs().find(([known]) => known === id);
      if (present?.[1] === commit) {
        const deployment = await this.#described(id, commit);
        if (deployment.state !== "partial") return deployment;
      }
      if (this.#options.booted === id) throw inUse(id);
      await this.#trust();
      const { name } = this.#options.remote;
      await this.#ostree("pull", name, `${branch}@${commit}`);
      await this.#ostree("refs", "--force", `--create=${refsBelow}/${id}`, commit);
      // The remote's name for it would keep it from being collected.
      await this.#ostree("refs", "--delete", `${name}:${branch}`);
      const deployment = await this.#described(id, commit);
      if (deployment.state === "partial")
        throw deploymentFaults.fault("deployment-failed", `release ${id} is not whole`);
      return deployment;
    });
  }

  undeploy(id: string): Promise<void> {
    return this.#alone(async () => {
      if (this.#options.booted === id) throw inUse(id);
      if (this.#refs().some(([known]) => known === id)) await this.#ostree("refs", "--delete", `${refsBelow}/${id}`);
    });
  }

  collect(): Promise<void> {
    return this.#alone(async () => void (await this.#ostree("prune", "--refs-only")));
  }

  /** One at a time: a pull and a pruning beside it take each other's objects away. */
  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  #refs(): (readonly [id: string, commit: string])[] {
    const folder = join(this.#options.repository, "refs/heads", refsBelow);
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((name) => deploymentIdPattern.test(name))
      .map((name) => [name, readFileSync(join(folder, name), "utf8").trim()] as const);
  }

  async #described(id: string, commit: string): Promise<Deployment> {
    const { repository, booted } = this.#options;
    const partial: Deployment = { id, commit, version: undefined, state: "partial" };
    if (!commitPattern.test(commit)) return partial;
    const object = join(repository, "objects", commit.slice(0, 2), `${commit.slice(2)}.commit`);
    if (!existsSync(object) || existsSync(join(repository, "state", `${commit}.commitpartial`))) return partial;
    const said = await this.#ostree("show", "--print-metadata-key=version", commit).catch(() => "");
    const version = /^'([\w.+~-]{1,64})'$/.exec(said.trim())?.[1];
    return { id, commit, version, state: id === booted ? "booted" : "kept" };
  }

  /**
   * Says anew where releases come from and whose signatures count: the repository's own settings and keyring lie on a part of the disk
   * that whoever had the disk may have changed.
   */
  async #trust(): Promise<void> {
    const { remote, trustedKeys, verity } = this.#options;
    await this.#ostree("config", "set", "ex-integrity.fsverity", verity === "required" ? "yes" : "maybe");
    await this.#ostree("remote", "delete", "--if-exists", remote.name);
    const verify = ["--set=gpg-verify=true", "--set=gpg-verify-summary=true"];
    await this.#ostree("remote", "add", ...verify, `--gpg-import=${trustedKeys}`, remote.name, remote.url);
  }

  async #ostree(command: string, ...args: readonly string[]): Promise<string> {
    const repository = `--repo=${this.#options.repository}`;
    // `remote` and `config` have verbs of their own, before which no option may stand.
    const verb =
      command === "remote" || command === "config" ? [command, args[0] ?? "", repository] : [command, repository];
    const rest = verb.length === 3 ? args.slice(1) : args;
    try {
      const { stdout } = await execute("ostree", [...verb, ...rest], {
        maxBuffer: outputBytesMax,
        // Its words are read below, in whatever language this system speaks.
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
      });
      return stdout;
    } catch (error) {
      throw faultOf(command, error);
    }
  }
}

function inUse(id: string): Error {
  return deploymentFaults.fault("deployment-in-use", `release ${id} is running: start another one first`);
}

/** What ostree says, as far as something else is to be done about it. */
const meanings = [
  [/GPG|signature|summary signature|public key|Corrupted|checksum/i, "deployment-untrusted"],
  [/No space left|min-free-space/i, "deployment-no-room"],
  [
    /Server returned|resolv|connect|timed out|While fetching|No such file or directory|No such branch|opendir/i,
    "deployment-unreachable",
  ],
] as const;

function faultOf(command: string, cause: unknown): Error {
  const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim().split("\n").at(-1) : undefined;
  const words = said ?? String(cause);
  const code = command === "pull" ? meanings.find(([pattern]) => pattern.test(words))?.[1] : undefined;
  return deploymentFaults.fault(code ?? "deployment-failed", `ostree ${command}: ${words.slice(0, 500)}`, { cause });
}
