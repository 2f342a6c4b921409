/** A contract test: a program stands for rpm-ostree and answers as its documentation says; the real one does not run here. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { RpmOstreeDeployments } from "./rpm-ostree.ts";

const commit = (digit: string): string => digit.repeat(64);
const branch = "fedora/x86_64/coreos/stable";
const deployment = (digit: string, more: object): object => ({
  id: `fedora-coreos-${commit(digit)}.0`,
  osname: "fedora-coreos",
  checksum: commit(digit),
  pinned: false,
  booted: false,
  ...more,
});
const status = {
  deployments: [
    deployment("2", { version: "42.2", staged: true }),
    deployment("1", { version: "42.1", booted: true, staged: false }),
    deployment("0", { version: "42.0" }),
  ],
  transaction: null,
};

interface Machine {
  readonly deployments: RpmOstreeDeployments;
  readonly calls: () => string[];
}

/** The program writes down how it was called; `refusal` is what it says when it rebases. */
function machine(context: TestContext, answer: unknown = status, refusal = ""): Machine {
  const folder = mkdtempSync(join(tmpdir(), "rpm-ostree-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "status.json"), typeof answer === "string" ? answer : JSON.stringify(answer));
  writeFileSync(join(folder, "calls"), "");
  const script = [
    "#!/bin/sh",
    `echo "$*" >> ${folder}/calls`,
    `[ "$1" = status ] && exec cat ${folder}/status.json`,
    refusal === "" ? "exit 0" : `[ "$1" = rebase ] && { echo "error: ${refusal}" >&2; exit 1; }`,
  ];
  const program = join(folder, "rpm-ostree");
  writeFileSync(program, `${script.join("\n")}\n`, { mode: 0o755 });
  return {
    deployments: new RpmOstreeDeployments("fedora", program),
    calls: () =>
      readFileSync(join(folder, "calls"), "utf8")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("status")),
  };
}

test("an answer that is not the documented one is a failure", async (context) => {
  for (const answer of [
    "",
    "{}",
    '{"deployments":[{}]}',
    "not json",
    { deployments: [{ checksum: "ab", booted: true }] },
  ]) {
    await assert.rejects(machine(context, answer).deployments.list(), { code: "deployment-failed" });
  }
  const missing = new RpmOstreeDeployments("fedora", "/nowhere/rpm-ostree");
  await assert.rejects(missing.list(), { code: "deployment-failed" });
});

test("what the program says of a refusal becomes a code one can act on", async (context) => {
  const refusals = [
    ["GPG signatures found, but none are in trusted keyring", "deployment-untrusted"],
    ["While fetching https://example: Could not resolve host", "deployment-unreachable"],
    ["fallocate: No space left on device", "deployment-no-room"],
    ["something else", "deployment-failed"],
  ] as const;
  for (const [said, code] of refusals) {
    const { deployments } = machine(context, status, said);
    await assert.rejects(deployments.stage({ id: "9", branch, commit: commit("9") }), { code });
  }
});

test("names that would mean something else to the program never reach it", async (context) => {
  const { deployments, calls } = machine(context);
  for (const change of [{ branch: "--reboot" }, { commit: "--force" }, { id: "x" }]) {
    const source = { id: "9", branch, commit: commit("9"), ...change };
    await assert.rejects(deployments.stage(source), { code: "deployment-untrusted" });
  }
  assert.deepEqual(calls(), []);
});

test("deployments are listed as they are, and a staged one waits until it is told to be started", async (context) => {
  const { deployments, calls } = machine(context);
  assert.deepEqual(
    (await deployments.list()).map(({ commit: found, state }) => [found[0], state]),
    [
      ["2", "kept"],
      ["1", "booted"],
      ["0", "kept"],
    ],
  );
  assert.deepEqual(await deployments.stage({ id: "7", branch, commit: commit("2") }), {
    id: "7",
    commit: commit("2"),
    version: "42.2",
    state: "kept",
  });
  assert.deepEqual(calls(), [], "it is there already");
  await assert.rejects(deployments.stage({ id: "9", branch, commit: commit("9") }), { code: "deployment-failed" });
  assert.deepEqual(calls(), [`rebase --lock-finalization --skip-purge fedora:${branch} ${commit("9")}`]);
});

test("the running deployment stays; what waits and what is kept to fall back to go by their own commands", async (context) => {
  const { deployments, calls } = machine(context);
  const [waiting, running, before] = (await deployments.list()).map(({ id }) => id);
  assert.deepEqual([waiting, running, before], ["3", "2", "1"]);
  await assert.rejects(deployments.undeploy("2"), { code: "deployment-in-use" });
  await deployments.undeploy("3");
  await deployments.undeploy("1");
  await deployments.undeploy("99");
  await deployments.collect();
  assert.deepEqual(calls(), ["cleanup --pending", "cleanup --rollback", "cleanup --base"]);
});
