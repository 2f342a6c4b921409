import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryBoot } from "../../test-support/memory-boot.ts";
import { MemoryDeployments } from "../../test-support/memory-deployments.ts";
import type { BootEntry } from "./boot-control.ts";
import { collectReleases, decideCollection } from "./collect.ts";
import type { Deployment } from "./deployments.ts";

const entry = (release: number, state: BootEntry["state"] = "good"): BootEntry => ({
  id: `piccolo-${release}.efi`,
  state,
  tries: state === "good" ? undefined : { left: state === "bad" ? 0 : 2, done: 1 },
});
const deployment = (release: number, state: Deployment["state"] = "kept"): Deployment => ({
  id: String(release),
  commit: "ab".repeat(32),
  version: undefined,
  state,
});
const choice = { booted: "piccolo-5.efi", preferred: undefined, next: undefined };

test("a failed release goes with its image; the running one and one before it stay", () => {
  const decided = decideCollection({
    choice: { ...choice, entries: [entry(6, "bad"), entry(5), entry(4), entry(3)] },
    deployments: [deployment(6), deployment(5, "booted"), deployment(4), deployment(3)],
    staging: [],
    spare: 1,
  });
  assert.deepEqual(decided, { images: ["piccolo-6.efi", "piccolo-3.efi"], deployments: ["6", "3"] });
});

test("an image without its release is removed, and does not count as one to fall back to", () => {
  const decided = decideCollection({
    choice: { ...choice, entries: [entry(5), entry(4), entry(3)] },
    deployments: [deployment(5, "booted"), deployment(4, "partial"), deployment(3)],
    staging: [],
    spare: 1,
  });
  assert.deepEqual(decided, { images: ["piccolo-4.efi"], deployments: ["4"] });
});

test("what is being staged, tried, preferred or next stays", () => {
  const decided = decideCollection({
    choice: {
      entries: [entry(8, "trying"), entry(5), entry(4), entry(2), entry(1)],
      booted: "piccolo-5.efi",
      preferred: "piccolo-1.efi",
      next: "piccolo-2.efi",
    },
    deployments: [9, 8, 5, 4, 2, 1].map((id) => deployment(id)),
    staging: ["9"],
    spare: 0,
  });
  assert.deepEqual(decided, { images: ["piccolo-4.efi"], deployments: ["4"] });
});

test("whatever lies on the disk, what runs can start again, and every image left has its release", () => {
  const states = fc.constantFrom("good" as const, "trying" as const, "bad" as const);
  const releases = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      releases,
      fc.array(states, { minLength: 6, maxLength: 6 }),
      releases,
      fc.nat(2),
      (images, of, kept, spare) => {
        const [running = 1] = images;
        const entries = images.map((release, at) => entry(release, of[at]));
        const deployments = [...new Set([...kept, running])].map((id) =>
          deployment(id, id === running ? "booted" : "kept"),
        );
        const booted = `piccolo-${running}.efi`;
        const decided = decideCollection({ choice: { ...choice, booted, entries }, deployments, staging: [], spare });
        assert.ok(!decided.images.includes(booted) && !decided.deployments.includes(String(running)));
        for (const { id } of entries) {
          if (decided.images.includes(id)) continue;
          const release = id.replaceAll(/\D/g, "");
          assert.ok(deployments.some((each) => each.id === release) && !decided.deployments.includes(release));
        }
      },
    ),
  );
});

test("cut off after any step, each image that is left has its release, and the next collection does the rest", async () => {
  const releases = [1, 2, 3, 4];
  for (let cutAfter = 0; cutAfter <= 8; cutAfter += 1) {
    const boot = new MemoryBoot();
    const offered = new Map(releases.map((id) => [String(id).repeat(64), { version: `${id}`, signed: true }]));
    const deployments = new MemoryDeployments(() => offered, "4");
    for (const id of releases) {
      await deployments.stage({ id: String(id), branch: "piccolo/x86_64/beta", commit: String(id).repeat(64) });
      await boot.install({ id: `piccolo-${id}.efi`, content: new Uint8Array(1), tries: 1, prediction: undefined });
      await boot.bless(`piccolo-${id}.efi`);
    }
    boot.start();
    let steps = 0;
    const step = async (work: () => Promise<void>): Promise<void> => {
      if (steps++ >= cutAfter) throw new Error("power cut");
      await work();
    };
    const cutBoot = Object.assign(Object.create(boot) as MemoryBoot, {
      choice: () => boot.choice(),
      remove: (id: string) => step(() => boot.remove(id)),
    });
    const cutDeployments = {
      list: () => deployments.list(),
      stage: deployments.stage.bind(deployments),
      undeploy: (id: string) => step(() => deployments.undeploy(id)),
      collect: () => step(() => deployments.collect()),
    };
    const keep = { staging: [], spare: 1 };
    await collectReleases({ boot: cutBoot, deployments: cutDeployments }, keep).catch(() => undefined);
    const here = new Set((await deployments.list()).map(({ id }) => `piccolo-${id}.efi`));
    assert.ok((await boot.choice()).entries.every(({ id }) => here.has(id)));
    await collectReleases({ boot, deployments }, keep);
    assert.deepEqual(
      [(await boot.choice()).entries.map(({ id }) => id), (await deployments.list()).map(({ id }) => id)],
      [
        ["piccolo-4.efi", "piccolo-3.efi"],
        ["4", "3"],
      ],
    );
  }
});
