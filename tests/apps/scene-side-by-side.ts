/**
 * An app that says that its old and new version may run beside each other is updated without a pause: the old one answers
 * until the new one does, and a new one that never does is not noticed by any visitor.
 */
import assert from "node:assert/strict";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { AppVisit, installApp, type TaskView } from "@piccolo/devnet";
import { onAppNetwork } from "./app-network.ts";
import { bundleDemo, demoManifest } from "./demo.ts";
import { servers } from "./running-servers.ts";

let digests: readonly string[] = [];
const manifest = (version: 1 | 2 | 3 | 4, healthPath = "/health"): string =>
  `${demoManifest("hello", digests[version - 1] ?? "", String(version)).replace("/health }", `${healthPath}, start-time: 10s }`)}  update: { side-by-side: true }\n`;

await onAppNetwork({
  name: "side-by-side",
  protection: { tpm: false, volume: false, cheapSlots: true },
  bundle: (images) => {
    digests = ["1", "2", "3", "4"].map((version) => bundleDemo(images, "hello", version));
  },
  play: async (device) => {
    const { session } = device;
    await installApp(session, manifest(1));
    const visit = await AppVisit.enter(session, "hello");

    /** Asks without a pause while the work goes on; gives each answer. */
    const during = async (work: Promise<unknown>): Promise<{ readonly versions: string[]; readonly most: number }> => {
      const over = new AbortController();
      const watched = work.finally(() => over.abort());
      watched.catch(() => undefined);
      const versions: string[] = [];
      const visiting = async (): Promise<void> => {
        while (!over.signal.aborted) {
          const { status, text } = await visit.text("/version");
          assert.equal(status, 200, `after ${versions.length} visits`);
          versions.push(text.trim());
          await turn();
        }
      };
      let most = 0;
      // By itself: on a slow machine a visit takes longer than two versions are there at once.
      const counting = async (): Promise<void> => {
        while (!over.signal.aborted) {
          most = Math.max(most, servers());
          await delay(10);
        }
      };
      await Promise.all([visiting(), counting()]);
      await watched;
      return { versions, most };
    };
    const update = async (to: string): Promise<void> => {
      await session.finish(await session.call<TaskView>("POST", "/apps/hello/update", { manifest: to, grants: [] }));
    };

    const well = await during(update(manifest(2)));
    assert.equal(well.most, 2, "old and new ran beside each other");
    assert.deepEqual(
      [...new Set(well.versions)],
      ["1", "2"],
      "the old one answers until the new one does, and never again",
    );
    assert.equal((await visit.text("/version")).text, "2\n");

    // A new version that never answers as it should is given up, and nobody but the owner hears of it.
    const sick = await during(assert.rejects(update(manifest(3, "/nothing"))));
    assert.equal(sick.most, 2);
    assert.deepEqual([...new Set(sick.versions)], ["2"]);
    const { state, app } = await session.call<{ state: string; app: { version: string } }>("GET", "/apps/hello");
    assert.deepEqual([state, app.version], ["running", "2"]);
    assert.equal(servers(), 1);

    // The next good one is as unnoticed as the first: the one given up has taken no address away.
    const again = await during(update(manifest(4)));
    assert.equal(again.most, 2);
    assert.deepEqual([...new Set(again.versions)], ["2", "4"]);
  },
});
