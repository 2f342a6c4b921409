import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
import type { RootRepository } from "./root-repository.ts";

const execute = promisify(execFile);
const refsBelow = "piccolo/release";
const outputBytesMax = 1 << 20;

export interface ReleaseSource {
  readonly remote: { readonly name: string; readonly url: string };
  /** The exported OpenPGP keys of this system, from its authenticated part. What lies in the repository is not believed. */
  readonly trustedKeys: string;
}

export interface OstreeOptions {
  /** The repository on the root partition, of mode `bare`: its files are those the boot image names by their digests. */
  readonly root: RootRepository;
  /** Undefined = nothing is fetched. */
  readonly source: ReleaseSource | undefined;
  /** The release that is running. */
  readonly booted: string | undefined;
  /** `required` on devices, whose root takes only files with fs-verity; `possible` where the file system may lack it. */
  readonly verity: "required" | "possible";
}

/** Lies in the repository from the first removal of a release on, or a fetching that did not end well, until what is of no use is removed as well. */
const uncollectedName = "piccolo-uncollected";

/** Each release is a ref `piccolo/release/N` of one OSTree repository, which shares what is equal between them. */
export class OstreeDeployments implements Deployments {
  readonly #options: OstreeOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: OstreeOptions) {
    this.#options = options;
  }

  list(): Promise<readonly Deployment[]> {
    return this.#alone("read", (repository) => repository.list());
  }

  async stage(source: DeploymentSource): Promise<Deployment> {
    checkSource(source);
    return this.#alone("write", async (repository) => {
      const { id, branch, commit } = source;
      repository.forgetRemotes();
      if (repository.refs().some(([known, at]) => known === id && at === commit)) {
        const deployment = await repository.described(id, commit);
        if (deployment.state !== "partial") return deployment;
      }
      if (this.#options.booted === id) throw inUse(id);
      const name = await this.#trust(repository);
      // What comes until it has its name is nobody's, also where the power goes.
      const { isUncollected } = repository;
      repository.noteUncollected();
      await repository.ostree("pull", name, `${branch}@${commit}`);
      await repository.ostree("refs", "--force", `--create=${refsBelow}/${id}`, commit);
      repository.forgetRemotes();
      if (!isUncollected) repository.forgetUncollected();
      const deployment = await repository.described(id, commit);
      if (deployment.state === "partial")
        throw deploymentFaults.fault("deployment-failed", `release ${id} is not whole`);
      return deployment;
    });
  }

  undeploy(id: string): Promise<void> {
    return this.#alone("write", async (repository) => {
      if (this.#options.booted === id) throw inUse(id);
      if (!repository.refs().some(([known]) => known === id)) return;
      repository.noteUncollected();
      await repository.ostree("refs", "--delete", `${refsBelow}/${id}`);
    });
  }

  async collect(): Promise<void> {
    // It reads every object there is, so it is done where something was removed, and nowhere else.
    if (!(await this.#alone("read", async (repository) => repository.isUncollected))) return;
    await this.#alone("write", async (repository) => {
      repository.forgetRemotes();
      await repository.ostree("prune", "--refs-only");
      repository.forgetUncollected();
    });
  }

  /** One at a time: a pull and a pruning beside it take each other's objects away. */
  #alone<Result>(access: "read" | "write", work: (repository: Repository) => Promise<Result>): Promise<Result> {
    const { root, booted } = this.#options;
    const used = (path: string): Promise<Result> => work(new Repository(path, booted)).catch(asFault);
    const result = this.#last.then(() => root.use(access, used));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /**
   * Says anew where releases come from and whose signatures count: the repository's own settings and keyring lie on a part of the disk
   * that whoever had the disk may have changed.
   */
  async #trust(repository: Repository): Promise<string> {
    const { source, verity } = this.#options;
    if (source === undefined)
      throw deploymentFaults.fault("deployment-unreachable", "this system knows no place that releases come from");
    const { remote, trustedKeys } = source;
    await repository.ostree("config", "set", "ex-integrity.fsverity", verity === "required" ? "yes" : "maybe");
    await repository.ostree("remote", "delete", "--if-exists", remote.name);
    const verify = ["--set=gpg-verify=true", "--set=gpg-verify-summary=true"];
    await repository.ostree("remote", "add", ...verify, `--gpg-import=${trustedKeys}`, remote.name, remote.url);
    return remote.name;
  }
}

/** The repository while it may be used. */
class Repository {
  readonly #path: string;
  readonly #booted: string | undefined;

  constructor(path: string, booted: string | undefined) {
    this.#path = path;
    this.#booted = booted;
  }

  async list(): Promise<readonly Deployment[]> {
    const found = await Promise.all(this.refs().map(([id, commit]) => this.described(id, commit)));
    return found.sort(newestFirst);
  }

  refs(): (readonly [id: string, commit: string])[] {
    const folder = join(this.#path, "refs/heads", refsBelow);
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((name) => deploymentIdPattern.test(name))
      .map((name) => [name, readFileSync(join(folder, name), "utf8").trim()] as const);
  }

  async described(id: string, commit: string): Promise<Deployment> {
    const partial: Deployment = { id, commit, version: undefined, state: "partial" };
    if (!commitPattern.test(commit)) return partial;
    const object = join(this.#path, "objects", commit.slice(0, 2), `${commit.slice(2)}.commit`);
    if (!existsSync(object) || existsSync(join(this.#path, "state", `${commit}.commitpartial`))) return partial;
    const said = await this.ostree("show", "--print-metadata-key=version", commit).catch(() => "");
    const version = /^'([\w.+~-]{1,64})'$/.exec(said.trim())?.[1];
    return { id, commit, version, state: id === this.#booted ? "booted" : "kept" };
  }

  /**
   * Takes away what the place that releases come from calls its commits, which a pull writes and nothing here reads: such a name keeps a
   * release from being collected, and a power cut may leave it.
   */
  forgetRemotes(): void {
    const folder = join(this.#path, "refs/remotes");
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  }

  get isUncollected(): boolean {
    // A repository that is not there is for ostree to complain of.
    return !existsSync(this.#path) || existsSync(join(this.#path, uncollectedName));
  }

  noteUncollected(): void {
    writeFileSync(join(this.#path, uncollectedName), "", { flush: true });
  }

  forgetUncollected(): void {
    rmSync(join(this.#path, uncollectedName), { force: true });
  }

  async ostree(command: string, ...args: readonly string[]): Promise<string> {
    const repository = `--repo=${this.#path}`;
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

/** Failures of the disk are those of the port. */
function asFault(error: unknown): never {
  if (!(error instanceof Error) || !("errno" in error)) throw error;
  throw deploymentFaults.fault("deployment-failed", "the repository of releases cannot be read or written", {
    cause: error,
  });
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
