import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { dependenciesOf } from "./publish.ts";
import { readSourceState } from "./sources.ts";

test("a working tree that is not its commit's is told from it, whatever was done to it", async (context) => {
  const root = mkdtempSync(join(tmpdir(), "sources-"));
  context.after(() => rmSync(root, { recursive: true }));
  const author = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
  const git = (...args: string[]): string =>
    execFileSync("git", [...author, ...args], { cwd: root, stdio: "pipe" })
      .toString()
      .trim();
  const put = (path: string, content: string): void => writeFileSync(join(root, path), content);
  git("init", "--quiet");
  for (const folder of ["os", "docs"]) mkdirSync(join(root, folder));
  put("os/a", "one");
  put(".gitignore", "ignored\n");
  git("add", "--all");
  git("commit", "--quiet", "--message=first");
  const commit = git("rev-parse", "HEAD");
  const changes = async (): Promise<string | undefined> => {
    const state = await readSourceState(root, ["os", "package.json"]);
    assert.equal(state.commit, commit);
    return state.changes;
  };

  assert.equal(await changes(), undefined);
  put("docs/b", "what goes into no image");
  put("os/ignored", "nor what the version control does not look at");
  assert.equal(await changes(), undefined);
  const seen: (string | undefined)[] = [];
  put("os/a", "two");
  seen.push(await changes());
  git("add", "os/a");
  assert.equal(await changes(), seen[0], "noted for a commit is in none yet");
  put("os/c", "new");
  seen.push(await changes());
  put("os/c", "newer");
  seen.push(await changes());
  rmSync(join(root, "os/a"));
  seen.push(await changes());
  assert.ok(seen.every((digest) => /^[0-9a-f]{64}$/.test(digest ?? "")));
  assert.equal(new Set(seen).size, seen.length);
});

test("the provenance names the commit, and beside it what was in none", () => {
  const [commit, changes, lock] = ["ab".repeat(20), "cd".repeat(32), "ef".repeat(32)];
  const named = (of: string | undefined): readonly unknown[] =>
    dependenciesOf({ state: { commit, changes: of }, lock, packages: ["pkg:b", "pkg:a", "pkg:b"] });
  const source = { uri: "git+https://piccolo.invalid/piccolo-os", digest: { gitCommit: commit } };
  const others = [{ name: "package-lock.json", digest: { sha256: lock } }, { uri: "pkg:a" }, { uri: "pkg:b" }];
  assert.deepEqual(named(undefined), [source, ...others]);
  assert.deepEqual(named(changes), [
    source,
    { name: "changes that are in no commit", digest: { sha256: changes } },
    ...others,
  ]);
});
