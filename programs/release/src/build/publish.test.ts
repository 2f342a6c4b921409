import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Chroot } from "../chroot/chroot.ts";
import { makeKeySet } from "../keys/keys.ts";
import { ostreePublicOf } from "../keys/roles.ts";
import { executeText } from "../process.ts";
import { signCommit } from "./commit.ts";
import { branchOfRelease, writeRepository } from "./publish.ts";
import type { Workshop } from "./workshop.ts";

/** The programs of this machine, in the place of those in a chroot. */
class OwnTools extends Chroot {
  override within(folders: readonly string[]): Chroot {
    return new OwnTools(this.root, [...this.folders, ...folders]);
  }

  override commandOf(program: string, args: readonly string[]): [string, string[]] {
    return [program, [...args]];
  }
}

let folder: string;
let [old, next, foreign] = ["", "", ""];
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "publish-"));
  [old, next, foreign] = [join(folder, "old"), join(folder, "next"), join(folder, "foreign")];
  await makeKeySet(old, undefined);
  await makeKeySet(next, undefined, old);
  await makeKeySet(foreign, undefined);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const ostree = (repository: string, ...args: string[]): Promise<string> =>
  executeText("ostree", [`--repo=${repository}`, ...args]);

test("while keys are replaced, devices of the old keys and of the new take what a web server has of the release", async () => {
  const shop: Workshop = {
    folder: join(folder, "shop"),
    os: "",
    tools: new OwnTools("/", []),
    packagesRoot: "",
    packagesKey: "",
    base: "debian",
    epochS: 1_700_000_000,
    say: () => undefined,
  };
  const repository = join(shop.folder, "repository");
  mkdirSync(join(folder, "tree/usr"), { recursive: true });
  writeFileSync(join(folder, "tree/usr/file"), "a release");
  mkdirSync(repository, { recursive: true });
  await ostree(repository, "init", "--mode=bare");
  const commit = ["commit", "--branch=build/1", "--no-bindings", `--tree=dir=${join(folder, "tree")}`];
  const checksum = (await ostree(repository, ...commit)).trim();
  for (const keys of [next, old]) await signCommit(shop, keys, checksum);
  const release = { version: "1.0", number: 2, minimum: 1, keys: {} };
  const target = join(folder, "published");
  const parts = { release, keys: next, former: { keys: old, epochS: 1_700_000_000 } };
  await writeRepository(shop, parts, { repository, checksum }, target);

  const fetchWith = async (name: string, ring: string): Promise<string> => {
    const device = join(folder, name);
    const branch = branchOfRelease(2);
    await executeText("ostree", ["init", `--repo=${device}`, "--mode=bare-user-only"]);
    const verify = ["--set=gpg-verify=true", "--set=gpg-verify-summary=true", `--gpg-import=${ring}`];
    await ostree(device, "remote", "add", ...verify, "piccolo", `file://${target}`);
    await ostree(device, "pull", "piccolo", `${branch}@${checksum}`);
    return (await ostree(device, "rev-parse", `piccolo:${branch}`)).trim();
  };
  for (const [name, keys] of Object.entries({ old, next })) {
    assert.equal(await fetchWith(`device-${name}`, ostreePublicOf(keys)), checksum, name);
  }
  await assert.rejects(fetchWith("device-foreign", ostreePublicOf(foreign)), /GPG|signature/);
});
