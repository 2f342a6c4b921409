import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { deploymentsSuite, type ReleaseMachine } from "../../../test-support/deployments-suite.ts";
import { MemoryDeployments } from "../../../test-support/memory-deployments.ts";
import { deploymentFaults, type DeploymentSource } from "../../system/deployments.ts";
import { OstreeDeployments } from "./ostree.ts";
import { mountedRepository, openRepository } from "./root-repository.ts";

const branch = "piccolo/x86_64/beta";
let folder: string;
let trustedKeys: string;
const commits: string[] = [];

const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { stdio: ["ignore", "pipe", "pipe"] })
    .toString()
    .trim();

function makeKey(name: string): { readonly home: string; readonly fingerprint: string } {
  const home = mkdtempSync(join(tmpdir(), "g-"));
  const gpg = (...args: readonly string[]): string => run("gpg", "--homedir", home, "--batch", "--quiet", ...args);
  gpg("--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "0");
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(gpg("--list-keys", "--with-colons"))?.[1] ?? "";
  return { home, fingerprint };
}

/** Publishes five releases: three signed by the trusted key, one by another, one by nobody. */
before(() => {
  folder = mkdtempSync(join(tmpdir(), "releases-"));
  const [ours, foreign] = [makeKey("ours"), makeKey("foreign")];
  try {
    trustedKeys = join(folder, "updates.gpg");
    run("gpg", "--homedir", ours.home, "--batch", "--export", "--output", trustedKeys);
    const repository = `--repo=${join(folder, "published")}`;
    run("ostree", "init", repository, "--mode=archive");
    for (const id of [1, 2, 3, 4, 5]) {
      const tree = join(folder, "tree");
      rmSync(tree, { recursive: true, force: true });
      mkdirSync(join(tree, "usr/lib"), { recursive: true });
      writeFileSync(join(tree, "usr/lib/os-release"), `VERSION_ID=${id}.0\n`);
      writeFileSync(join(tree, "usr/lib/large"), "the same in each release".repeat(1_000));
      const key = id <= 3 ? ours : foreign;
      const sign = id === 5 ? [] : [`--gpg-homedir=${key.home}`, `--gpg-sign=${key.fingerprint}`];
      const version = `--add-metadata-string=version=${id}.0`;
      commits.push(run("ostree", "commit", repository, "-b", branch, `--tree=dir=${tree}`, version, ...sign));
    }
    run("ostree", "summary", repository, "-u", `--gpg-homedir=${ours.home}`, `--gpg-sign=${ours.fingerprint}`);
  } finally {
    for (const { home } of [ours, foreign]) {
      run("gpgconf", "--homedir", home, "--kill", "all");
      rmSync(home, { recursive: true, force: true });
    }
  }
});

after(() => rmSync(folder, { recursive: true, force: true }));

const source = (id: number): DeploymentSource => ({ id: String(id), branch, commit: commits[id - 1] ?? "" });

interface Disk extends ReleaseMachine {
  readonly repository: string;
  /** The folder that releases come from. */
  readonly remote: string;
  readonly deployments: OstreeDeployments;
}

async function machine(context: TestContext): Promise<Disk> {
  const disk = mkdtempSync(join(tmpdir(), "disk-"));
  context.after(() => rmSync(disk, { recursive: true, force: true }));
  const [repository, remote] = [join(disk, "repo"), join(disk, "remote")];
  run("ostree", "init", `--repo=${repository}`, "--mode=bare-user-only");
  run("cp", "-r", join(folder, "published"), remote);
  const open = (booted: string | undefined): OstreeDeployments =>
    new OstreeDeployments({
      root: openRepository(repository),
      source: { remote: { name: "piccolo", url: `file://${remote}` }, trustedKeys },
      booted,
      verity: "possible",
    });
  await open(undefined).stage(source(1));
  return { repository, remote, deployments: open("1"), source, goAway: () => renameSync(remote, `${remote}-gone`) };
}

deploymentsSuite("releases in an OSTree repository", machine);

deploymentsSuite("releases in memory", async () => {
  const releases = [1, 2, 3, 4, 5].map(
    (id) => [commits[id - 1] ?? "", { version: `${id}.0`, signed: id <= 3 }] as const,
  );
  let offered: ReadonlyMap<string, { version: string; signed: boolean }> | undefined = new Map(releases);
  const deployments = new MemoryDeployments(() => offered, "1");
  await deployments.stage(source(1));
  return { deployments, source, goAway: () => (offered = undefined) };
});

test("what somebody wrote into the repository about whom to trust is not believed", async (context) => {
  const { repository, deployments } = await machine(context);
  const at = `--repo=${repository}`;
  run("ostree", "remote", "delete", at, "piccolo");
  run("ostree", "remote", "add", at, "--no-gpg-verify", "piccolo", `file://${join(folder, "published")}`);
  for (const id of [4, 5]) await assert.rejects(deployments.stage(source(id)), { code: "deployment-untrusted" });
});

test("a release whose objects are gone, or whose fetching was cut off, is partial and is fetched again", async (context) => {
  const { repository, deployments } = await machine(context);
  await deployments.stage(source(2));
  const { commit } = source(2);
  rmSync(join(repository, "objects", commit.slice(0, 2), `${commit.slice(2)}.commit`));
  assert.equal((await deployments.list())[0]?.state, "partial");
  assert.equal((await deployments.stage(source(2))).state, "kept");
  writeFileSync(join(repository, "state", `${commit}.commitpartial`), "");
  assert.equal((await deployments.list())[0]?.state, "partial");
  assert.equal((await deployments.stage(source(2))).state, "kept");
});

test("a ref that is no commit, and files that are no refs, are no deployments", async (context) => {
  const { repository, deployments } = await machine(context);
  const refs = join(repository, "refs/heads/piccolo/release");
  writeFileSync(join(refs, "7"), "not a commit\n");
  writeFileSync(join(refs, "latest"), "x");
  const listed = await deployments.list();
  assert.deepEqual(
    listed.map(({ id, state }) => [id, state]),
    [
      ["7", "partial"],
      ["1", "booted"],
    ],
  );
});

test("collecting frees what no release has", async (context) => {
  const { repository, deployments } = await machine(context);
  const objects = (): number => readdirSync(join(repository, "objects"), { recursive: true }).length;
  const before = objects();
  await deployments.stage(source(2));
  assert.ok(objects() > before);
  await deployments.undeploy("2");
  await deployments.collect();
  const { commit } = source(2);
  assert.ok(!existsSync(join(repository, "objects", commit.slice(0, 2), `${commit.slice(2)}.commit`)));
});

/** As a power cut leaves it between two steps of staging: the place that releases come from has a name for the commit as well. */
function nameOfRemote(repository: string, commit: string): void {
  const path = join(repository, "refs/remotes/piccolo", branch);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${commit}\n`);
}

test("what a staging that was cut off has named keeps nothing on the disk, whether the release is asked for again or not", async (context) => {
  for (const isAskedForAgain of [true, false]) {
    const { repository, deployments } = await machine(context);
    await deployments.stage(source(2));
    const { commit } = source(2);
    nameOfRemote(repository, commit);
    if (isAskedForAgain) await deployments.stage(source(2));
    const named = (): readonly string[] =>
      readdirSync(join(repository, "refs/remotes"), { recursive: true }).map(String);
    if (isAskedForAgain) assert.deepEqual(named(), []);
    await deployments.undeploy("2");
    await deployments.collect();
    assert.deepEqual(named(), []);
    assert.ok(!existsSync(join(repository, "objects", commit.slice(0, 2), `${commit.slice(2)}.commit`)));
  }
});

test("after a fetching that did not end well what is of no use is looked for, and after one that did nothing is", async (context) => {
  const { repository, remote, deployments } = await machine(context);
  const { commit } = source(2);
  const file = run("ostree", "ls", "-C", `--repo=${remote}`, commit, "/usr/lib/os-release").split(/\s+/)[4] ?? "";
  const object = join(remote, "objects", file.slice(0, 2), `${file.slice(2)}.filez`);
  renameSync(object, `${object}-gone`);
  const isUncollected = (): boolean => existsSync(join(repository, "piccolo-uncollected"));
  await assert.rejects(deployments.stage(source(2)), (error) => deploymentFaults.owns(error));
  assert.ok(isUncollected());
  await deployments.collect();
  assert.ok(!isUncollected());
  renameSync(`${object}-gone`, object);
  assert.equal((await deployments.stage(source(2))).state, "kept");
  assert.ok(!isUncollected());
});

test("a collecting that was cut off is done by the next one, and one for which there is nothing to do is none", async (context) => {
  const { repository, deployments } = await machine(context);
  await deployments.stage(source(2));
  await deployments.undeploy("2");
  const { commit } = source(2);
  const object = join(repository, "objects", commit.slice(0, 2), `${commit.slice(2)}.commit`);
  const options = { source: undefined, booted: "1", verity: "possible" } as const;
  const uses: string[] = [];
  const root = {
    use: <Result>(access: "read" | "write", work: (path: string) => Promise<Result>): Promise<Result> => {
      uses.push(access);
      return work(repository);
    },
  };
  assert.ok(existsSync(object));
  await new OstreeDeployments({ ...options, root }).collect();
  assert.ok(!existsSync(object));
  await new OstreeDeployments({ ...options, root }).collect();
  assert.deepEqual(uses, ["read", "write", "read"]);
  mkdirSync(join(repository, "piccolo-uncollected"));
  await assert.rejects(new OstreeDeployments({ ...options, root }).undeploy("1"), { code: "deployment-in-use" });
  await assert.rejects(new OstreeDeployments({ ...options, booted: "2", root }).undeploy("1"), {
    code: "deployment-failed",
  });
});

test("the root partition is writable only while something is written, and read-only again whatever happens", async (context) => {
  const place = mkdtempSync(join(tmpdir(), "root-"));
  context.after(() => rmSync(place, { recursive: true, force: true }));
  const said: string[] = [];
  let failing = "";
  const root = mountedRepository({
    root: "/sysroot",
    repository: "ostree/repo",
    writableAt: join(place, "at"),
    run: async (program, args) => {
      const line = [program, ...args].join(" ").replace(place, "");
      said.push(line);
      return { code: failing !== "" && line.includes(failing) ? 32 : 0, stdout: "", stderr: "" };
    },
  });
  assert.equal(await root.use("read", async (path) => path), "/sysroot/ostree/repo");
  assert.deepEqual(said, []);
  assert.equal(await root.use("write", async (path) => path), join(place, "at/ostree/repo"));
  const after = ["sync -f /at", "mount -o remount,ro,nosuid,nodev,noexec /at", "umount /at"];
  const before = ["mount --bind /sysroot /at", "mount -o remount,rw,nosuid,nodev,noexec /at"];
  assert.deepEqual(said.splice(0), [...before, ...after]);
  await assert.rejects(
    root.use("write", () => Promise.reject(new Error("cut"))),
    /cut/,
  );
  assert.deepEqual(said.splice(0).slice(2), after);
  failing = "remount,rw";
  await assert.rejects(
    root.use("write", async () => undefined),
    { code: "deployment-failed" },
  );
  assert.deepEqual(said.slice(2), after);
});

test("a repository that is not there is a failure, not an empty disk", async () => {
  const root = openRepository(join(folder, "nowhere"));
  const deployments = new OstreeDeployments({ root, source: undefined, booted: undefined, verity: "possible" });
  await assert.rejects(deployments.collect(), { code: "deployment-failed" });
});
