import { isDeepStrictEqual } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import type { TaskView } from "@piccolo/devnet";
import { bundleDemo, demoManifest } from "../apps/demo.ts";
import { tracesAfterStop, tracesOf } from "./app-traces.ts";
import { type Ask, askedAgain, type Bounds, CrashScene, id } from "./crash/scene.ts";
import { victims } from "./crash/victims.ts";
import { type Drill, type DrillContext, protectedCheaply } from "./drill.ts";

const purgedWithinMs = 60_000;

export const appCrashDrill: Drill = {
  name: "app-crash",
  summary:
    "app, its watcher, the container service and piccolod killed in the midst of changes: all is as it shall be within 60 s, nothing lost or left",
  onOwnMachine: true,
  async run(drill) {
    const { small } = drill.options;
    const images = `${drill.folder}/images`;
    const digests = ["1", "2"].map((version) => bundleDemo(images, id, version));
    const manifest = (version: 1 | 2): string => demoManifest(id, digests[version - 1] ?? "", String(version));
    const network = await drill.network({
      devices: 1,
      protection: protectedCheaply,
      deviceArgs: () => ["--bundled-images", images],
    });
    const scene = new CrashScene(drill, network, manifest);
    drill.tally(askedAgain, 0);
    const lives = small ? 1 : 6;
    for (let life = 1; life <= lives; life++) {
      await live(scene);
      drill.step(`life ${life} of ${lives} is over, and nothing is left of it`);
    }
    drill.check("each of the four was killed in the midst of a change", scene.deck.isThrough);
    await scene.device.process.stop();
    drill.equal("nothing is left on the machine once the device has stopped", tracesAfterStop(scene.device), []);
  },
};

/** From install to purge, with a fault in each change. */
async function live(scene: CrashScene): Promise<void> {
  const { drill, app, device, manifest } = scene;
  const { session } = device;
  const isVersion = (version: string) => async (): Promise<boolean> => {
    const view = await scene.view();
    return view?.state === "running" && view.app.version === version;
  };
  /** Some visits, and the number before them. */
  const counted = async (least: number, most = Number.POSITIVE_INFINITY): Promise<number> => {
    const visit = await scene.enter();
    const number = await app.number(visit);
    drill.check(`the number is from ${least} to ${most}: ${number}`, number >= least && number <= most);
    for (let at = 0; at < 3; at++) await app.add(visit);
    return number;
  };
  const nothingLost: Bounds = () => [app.told, Number.POSITIVE_INFINITY];
  /** With visitors all the while; what they were told stays true. */
  const visited = async (work: () => Promise<void>): Promise<void> => {
    const visit = await scene.enter();
    const over = new AbortController();
    const visitor = async (): Promise<void> => {
      while (!over.signal.aborted) {
        await app.add(visit).catch(() => undefined);
        await delay(20);
      }
    };
    const visitors = [visitor(), visitor()];
    try {
      await work();
    } finally {
      // Also after a failure, or the drill would never end.
      over.abort();
      await Promise.all(visitors);
    }
  };

  const asking =
    (method: string, path: string, body?: unknown): Ask =>
    () =>
      session.call<TaskView>(method, path, body);
  const updating = (version: 1 | 2): Ask =>
    asking("POST", `/apps/${id}/update`, { manifest: manifest(version), grants: [] });
  const rollingBack = asking("POST", `/apps/${id}/rollback`);

  app.told = 0;
  const installing = asking("POST", "/apps", { source: { manifest: manifest(1) }, grants: [], settings: {} });
  await scene.withFault({ what: "an install", ask: installing, isSo: isVersion("1"), bounds: nothingLost });
  await counted(0);

  for (const victim of victims) {
    await visited(() => scene.killAtRest(victim, nothingLost));
    await counted(app.told);
  }
  await visited(() => scene.cutPower(nothingLost));
  await counted(app.told);

  const toldBeforeUpdate = app.told;
  const update = { what: "an update", bounds: nothingLost };
  await visited(() => scene.withFault({ ...update, ask: updating(2), isSo: isVersion("2") }));
  await counted(app.told);
  const toldAtUpdate = app.told;

  const copies = async (): Promise<number> => (await scene.view())?.snapshots.length ?? 0;
  const before = await copies();
  await scene.withCrashAt("volume-frozen:1", {
    what: "a backup",
    ask: asking("POST", `/apps/${id}/backup`),
    isSo: async () => (await isVersion("2")()) && (await copies()) === before + 1,
    bounds: nothingLost,
  });
  await counted(app.told);
  const toldBefore = app.told;

  await scene.withFault({
    what: "a rollback",
    ask: rollingBack,
    isSo: isVersion("1"),
    bounds: (version) => (version === "1" ? [toldBeforeUpdate, toldAtUpdate] : nothingLost(version)),
  });
  const numberThen = await counted(toldBeforeUpdate, toldAtUpdate);
  await scene.withFault({
    what: "the way back",
    ask: rollingBack,
    isSo: isVersion("2"),
    bounds: (version) => [version === "1" ? numberThen : toldBefore, Number.POSITIVE_INFINITY],
  });
  app.told = toldBefore;
  await counted(app.told);

  const point = `${drill.pick(["before-app-step", "after-app-step"])}:${1 + drill.below(8)}`;
  await scene.withCrashAt(point, { ...update, ask: updating(1), isSo: isVersion("1") });
  await counted(app.told);

  await scene.withFault({
    what: "an uninstall",
    ask: asking("DELETE", `/apps/${id}`),
    isSo: async () => (await scene.view()) === undefined,
    bounds: nothingLost,
  });
  const [trash = ""] = await scene.trash();
  await scene.withFault({
    what: "a restore",
    ask: asking("POST", `/app-trash/${trash}/restore`),
    isSo: isVersion("1"),
    bounds: nothingLost,
  });
  await counted(app.told);

  await app.do("DELETE", "");
  for (const one of await scene.trash()) {
    await session.finish(await session.call<TaskView>("DELETE", `/app-trash/${one}`));
  }
  await becomes(drill, "nothing is left of the app", async () => ({
    found: await tracesOf(device),
    wanted: {
      containers: [],
      watched: [],
      running: [],
      networks: [],
      images: 0,
      mounts: ["runtime"],
      loops: ["runtime.ext4"],
      bridges: [],
      namespaces: [],
      filtered: [],
      files: [],
      secrets: [],
    },
  }));
}

/** Looks until what is found is what is wanted; the last look is the check. */
async function becomes(
  drill: DrillContext,
  what: string,
  look: () => Promise<{ readonly found: unknown; readonly wanted: unknown }>,
): Promise<void> {
  let last: { readonly found: unknown; readonly wanted: unknown } = { found: "no answer", wanted: "" };
  const endMs = Date.now() + purgedWithinMs;
  while (Date.now() < endMs && !isDeepStrictEqual(last.found, last.wanted)) {
    last = await look();
    await delay(100);
  }
  drill.equal(what, last.found, last.wanted);
}
