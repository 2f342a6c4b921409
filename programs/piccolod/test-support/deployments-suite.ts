/** What every `Deployments` does. */
import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import type { Deployments, DeploymentSource } from "../src/system/deployments.ts";

/** Releases 1 to 3 are offered and signed, 4 by somebody else, 5 by nobody; 1 is on the disk and running. */
export interface ReleaseMachine {
  readonly deployments: Deployments;
  readonly source: (id: 1 | 2 | 3 | 4 | 5) => DeploymentSource;
  /** The place releases come from stops answering. */
  readonly goAway: () => void;
}

export function deploymentsSuite(name: string, make: (context: TestContext) => Promise<ReleaseMachine>): void {
  suite(name, () => {
    const ids = async (deployments: Deployments): Promise<string[]> => (await deployments.list()).map(({ id }) => id);

    test("a release signed by others or by nobody is not staged", async (context) => {
      const { deployments, source } = await make(context);
      for (const id of [4, 5] as const) {
        await assert.rejects(deployments.stage(source(id)), { code: "deployment-untrusted" });
      }
      assert.deepEqual(await ids(deployments), ["1"]);
    });

    test("names that would mean something else to a program are refused", async (context) => {
      const { deployments, source } = await make(context);
      const good = source(2);
      const wrong = [
        { id: "0" },
        { id: "../2" },
        { branch: "--help" },
        { branch: "piccolo/../x" },
        { branch: "" },
        { commit: good.commit.toUpperCase() },
        { commit: "--force" },
        { commit: good.commit.slice(1) },
      ];
      for (const change of wrong) {
        await assert.rejects(deployments.stage({ ...good, ...change }), { code: "deployment-untrusted" });
      }
    });

    test("a place that does not answer is a reason to try later", async (context) => {
      const { deployments, source, goAway } = await make(context);
      const unknown = { ...source(2), commit: "ab".repeat(32) };
      await assert.rejects(deployments.stage(unknown), { code: "deployment-unreachable" });
      goAway();
      await assert.rejects(deployments.stage(source(2)), { code: "deployment-unreachable" });
      assert.deepEqual(await ids(deployments), ["1"]);
    });

    test("the running release is neither removed nor replaced by another of its number", async (context) => {
      const { deployments, source } = await make(context);
      await assert.rejects(deployments.undeploy("1"), { code: "deployment-in-use" });
      await assert.rejects(deployments.stage({ ...source(2), id: "1" }), { code: "deployment-in-use" });
      assert.equal((await deployments.list())[0]?.state, "booted");
    });

    test("a release is staged once, and lies beside those before it", async (context) => {
      const { deployments, source, goAway } = await make(context);
      const staged = await deployments.stage(source(2));
      assert.deepEqual(staged, { id: "2", commit: source(2).commit, version: "2.0", state: "kept" });
      await deployments.stage(source(3));
      goAway();
      assert.deepEqual(await deployments.stage(source(2)), staged);
      assert.deepEqual(await ids(deployments), ["3", "2", "1"]);
    });

    test("a removed release is gone for good, the others stay whole, and it can come back", async (context) => {
      const { deployments, source } = await make(context);
      await deployments.stage(source(2));
      await deployments.stage(source(3));
      await deployments.undeploy("2");
      await deployments.undeploy("2");
      await deployments.collect();
      const left = await deployments.list();
      assert.deepEqual(
        left.map(({ id, state }) => [id, state]),
        [
          ["3", "kept"],
          ["1", "booted"],
        ],
      );
      assert.equal((await deployments.stage(source(2))).state, "kept");
    });

    test("staging, removing and collecting at once leave what was asked for", async (context) => {
      const { deployments, source } = await make(context);
      await deployments.stage(source(2));
      await Promise.all([deployments.stage(source(3)), deployments.undeploy("2"), deployments.collect()]);
      assert.deepEqual(await ids(deployments), ["3", "1"]);
      assert.ok((await deployments.list()).every(({ state }) => state !== "partial"));
    });
  });
}
