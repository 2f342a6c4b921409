import { isDeepStrictEqual } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { type AppVisit, type Device, isBroken, type Network, type TaskView } from "@piccolo/devnet";
import { bundleDemo, demoManifest } from "../apps/demo.ts";
import { CounterApp } from "./app-model.ts";
import { tracesAfterStop, tracesOf } from "./app-traces.ts";
import { type Drill, type DrillContext, protectedCheaply } from "./drill.ts";
import { processesCalled, signalAll } from "./processes.ts";

const id = "counter";
/** Longer than a change takes, so that some faults hit what comes right after it. */
const latestMs = 2_500;
/** So long all may take to be as it shall be again; where nobody heals it, longer shows no more. */
const restMs = ({ options }: DrillContext): number => (options.sabotage ? 5_000 : 60_000);
const victims = ["app", "conmon", "podman", "piccolod"] as const;
type Victim = (typeof victims)[number];

const processNames: Readonly<Record<Exclude<Victim, "piccolod">, string>> = {
  app: "busybox",
  conmon: "conmon",
  podman: "podman",
};

interface View {
  readonly state: string;
  readonly app: { readonly version: string };
  readonly step?: string;
  readonly problem?: { readonly code: string; readonly detail: string };
  readonly snapshots: readonly unknown[];
}

/** Why a change may have been given up where a part it needs was killed below it. */
const reasons: ReadonlySet<string> = new Set([
  "not-started",
  "not-healthy",
  "not-answering",
  "not-stopped",
  "snapshot-failed",
  "restore-failed",
  "runtime-unavailable",
]);

const askedAgain = "asked-again";
const atRest = "at rest";

/** What the owner asks for: gives the task, once it is taken. */
type Ask = () => Promise<TaskView>;

interface Asked {
  /** From `taken` on the owner counts on it; after `broken` nobody knows whether it was heard. */
  readonly answer: Promise<"taken" | "refused" | "broken">;
  readonly ended: Promise<unknown>;
}

/** The device was gone before it could be asked. */
const neverAsked: Asked = { answer: Promise.resolve("broken"), ended: Promise.resolve() };

interface Wanted {
  readonly what: string;
  readonly ask: Ask;
  readonly isSo: () => Promise<boolean>;
  /** `given-up`: also once it was taken, where the device says why. `unheard`: where nobody was told yes, without a trace. */
  readonly unless: "given-up" | "unheard";
}

/** One device, its counter, and the owner who sees to it. */
class Scene {
  readonly drill: DrillContext;
  readonly network: Network;
  readonly device: Device;
  readonly app: CounterApp;
  readonly manifest: (version: 1 | 2) => string;

  constructor(drill: DrillContext, network: Network, manifest: (version: 1 | 2) => string) {
    this.drill = drill;
    this.network = network;
    this.device = network.device(1);
    this.app = new CounterApp(this.device.session, id);
    this.manifest = manifest;
  }

  /** Ends one of the parts at once; whether there was one. */
  async kill(victim: Victim): Promise<boolean> {
    if (victim === "piccolod") {
      if (!this.device.process.running) return false;
      await this.device.process.kill();
      return true;
    }
    return signalAll(processesCalled(processNames[victim]), "SIGKILL") > 0;
  }

  /** What the init system does; left out by sabotage. */
  async heal(): Promise<void> {
    if (this.device.process.running || this.drill.options.sabotage) return;
    await this.network.startDevice(1);
    await this.network.claim(this.device);
  }

  /** Undefined where the app is not there, or nobody answers. */
  async view(): Promise<View | undefined> {
    try {
      const { apps } = await this.device.session.call<{ apps: (View & { app: { id: string } })[] }>("GET", "/apps");
      return apps.find(({ app }) => app.id === id);
    } catch {
      return undefined;
    }
  }

  async trash(): Promise<readonly string[]> {
    const { apps } = await this.device.session.call<{ apps: { id: string }[] }>("GET", "/app-trash");
    return apps.map((one) => one.id);
  }

  /** Of the app: at rest, or what it is instead. */
  async #state(): Promise<string> {
    if (!this.device.process.running) return "piccolod is gone";
    try {
      await this.device.session.call("GET", "/apps");
    } catch (error) {
      return String(error);
    }
    const view = await this.view();
    const { state = "not there", step, problem } = view ?? {};
    const isAtRest = ["not there", "running"].includes(state) || (state === "failed" && isExplained(view));
    return isAtRest ? atRest : JSON.stringify({ state, step, problem });
  }

  async #comesToRest(what: string): Promise<void> {
    await becomes(this.drill, what, async () => ({ found: await this.#state(), wanted: atRest }));
  }

  #begin(ask: Ask): Asked {
    const task = ask();
    return {
      answer: task.then(
        () => "taken",
        (error: unknown) => (isBroken(error) ? "broken" : "refused"),
      ),
      ended: task.then((one) => this.device.session.finish(one)).catch(() => undefined),
    };
  }

  /** A change with a fault in its midst, and whatever follows; then all is as the owner wanted it, or as it was before. */
  async withFault(what: string, ask: Ask, isSo: () => Promise<boolean>): Promise<void> {
    const { drill } = this;
    const victim = drill.pick(victims);
    const afterMs = drill.below(latestMs);
    const asked = this.#begin(ask);
    // What piccolod has taken it must do, however it ends; so it ends after that.
    if (victim === "piccolod") drill.equal(`${what} is`, await asked.answer, "taken");
    await delay(afterMs);
    const wasThere = await this.kill(victim);
    drill.fault(`${victim} is killed ${afterMs} ms into ${what}${wasThere ? "" : " (there was none)"}`);
    await this.#settle({ what, ask, isSo, unless: victim === "piccolod" ? "unheard" : "given-up" }, asked);
  }

  /** The device ends itself at a point of a change, or of what it does for the app at its start. */
  async withCrashAt(point: string, what: string, ask: Ask, isSo: () => Promise<boolean>): Promise<void> {
    const { drill, network, device } = this;
    let asked = neverAsked;
    try {
      await network.startDeviceWith(1, ["--insecure-drills", "--crash-at", point]);
      await network.claim(device);
      asked = this.#begin(ask);
    } catch (error) {
      if (!(await device.process.killedWithin(10_000))) throw error;
    }
    drill.check(`piccolod is gone at ${point}`, await device.process.killedWithin(60_000));
    const answer = await asked.answer;
    drill.check(`${what} is not refused`, answer !== "refused");
    drill.fault(`piccolod ends at ${point} of ${what}, which was ${answer === "taken" ? answer : "not answered"}`);
    await this.#settle({ what, ask, isSo, unless: "unheard" }, asked);
  }

  /** What was taken is done, without another word of the owner, unless the device says why not. */
  async #settle({ what, ask, isSo, unless }: Wanted, asked: Asked): Promise<void> {
    const { drill } = this;
    const { session } = this.device;
    await this.heal();
    await this.#comesToRest(`${what} comes to rest`);
    await asked.ended;
    await this.#comesToRest(`${what} stays at rest`);
    if (!(await isSo())) {
      const view = await this.view();
      const isTaken = (await asked.answer) === "taken";
      const why = isTaken ? `given up: ${view?.problem?.code ?? "for no reason"}` : "never taken";
      const mayBe = {
        "given-up": !isTaken || isExplained(view),
        unheard: !isTaken && view?.problem === undefined,
      };
      drill.check(`${what} is not done (${view?.state ?? "not there"}; ${why})`, mayBe[unless]);
      drill.tally(askedAgain);
      drill.step(`${what} was ${why}, and is asked for again`);
      // An install that was given up is there, and tried again.
      await session.finish(
        view?.state === "failed" ? await session.call<TaskView>("POST", `/apps/${id}/start`) : await ask(),
      );
    }
    drill.check(`${what} is done`, await isSo());
  }
}

const isExplained = (view: View | undefined): boolean =>
  view?.problem !== undefined && reasons.has(view.problem.code) && view.problem.detail.length > 0;

export const appCrashDrill: Drill = {
  name: "app-crash",
  summary: "app, its watcher, the container service and piccolod killed in the midst of changes: nothing lost or left",
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
    const scene = new Scene(drill, network, manifest);
    drill.tally(askedAgain, 0);
    const lives = small ? 1 : 6;
    for (let life = 1; life <= lives; life++) {
      await live(scene);
      drill.step(`life ${life} of ${lives} is over, and nothing is left of it`);
    }
    await scene.device.process.stop();
    drill.equal("nothing is left on the machine once the device has stopped", tracesAfterStop(scene.device), []);
  },
};

/** From install to purge, with a fault in each change. */
async function live(scene: Scene): Promise<void> {
  const { drill, app, device, manifest } = scene;
  const { session } = device;
  const isVersion = (version: string) => async (): Promise<boolean> => {
    const view = await scene.view();
    return view?.state === "running" && view.app.version === version;
  };
  const enter = async (): Promise<AppVisit> => {
    let visit: AppVisit | undefined;
    await drill.eventually("its page is reached", async () => {
      visit = await app.visit().catch(() => undefined);
      return visit !== undefined && (await app.isWell(visit));
    });
    if (visit === undefined) throw new Error("there is no visit");
    return visit;
  };
  const counts = async (least: number, most = Number.POSITIVE_INFINITY): Promise<number> => {
    const visit = await enter();
    const number = await app.number(visit);
    drill.check(`the number is from ${least} to ${most}: ${number}`, number >= least && number <= most);
    for (let at = 0; at < 3; at++) await app.add(visit);
    return number;
  };
  const inOrder = async (): Promise<void> => {
    await becomes(drill, "all is in order", async () => {
      const { containers, networks, bridges, namespaces, filtered, mounts, loops, files } = await tracesOf(device);
      const unfinished = files.filter((path) => /\.new|\.partial/.test(path));
      const [container = ""] = containers;
      const [network = ""] = networks;
      return {
        found: { containers, networks, bridges, namespaces: namespaces.length, filtered, mounts, loops, unfinished },
        wanted: {
          containers: [container],
          networks: [network],
          bridges: [network],
          namespaces: 1,
          filtered: [network],
          mounts: ["runtime", `volumes/${id}/data`],
          loops: ["runtime.ext4", `volumes/${id}/data.ext4`],
          unfinished: [],
        },
      };
    });
  };
  /** With visitors all the while; what they were told stays true. */
  const visited = async (work: () => Promise<void>): Promise<void> => {
    const visit = await enter();
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
  await scene.withFault("an install", installing, isVersion("1"));
  await counts(0);
  await inOrder();

  for (const victim of victims) {
    await visited(async () => {
      drill.check(`there was a ${victim} to kill`, await scene.kill(victim));
      drill.fault(`${victim} is killed`);
      await scene.heal();
      await drill.eventually(
        "the app answers again",
        async () => {
          const visit = await app.visit().catch(() => undefined);
          return visit !== undefined && (await app.isWell(visit));
        },
        restMs(drill),
      );
    });
    await counts(app.told);
    await inOrder();
  }

  await visited(async () => {
    // Containers and their mounts go on, on a volume that is nobody's any more.
    await scene.network.cutPower(1);
    drill.fault("piccolod, the chip and the volume go away below the apps");
    await scene.heal();
  });
  await counts(app.told);
  await inOrder();

  const toldBeforeUpdate = app.told;
  await visited(() => scene.withFault("an update", updating(2), isVersion("2")));
  await counts(app.told);
  await inOrder();
  const toldAtUpdate = app.told;

  const copies = async (): Promise<number> => (await scene.view())?.snapshots.length ?? 0;
  const before = await copies();
  const isBackedUp = async (): Promise<boolean> => (await isVersion("2")()) && (await copies()) === before + 1;
  await scene.withCrashAt("volume-frozen:1", "a backup", asking("POST", `/apps/${id}/backup`), isBackedUp);
  await counts(app.told);
  const toldBefore = app.told;

  await scene.withFault("a rollback", rollingBack, isVersion("1"));
  await counts(toldBeforeUpdate, toldAtUpdate);
  await inOrder();
  await scene.withFault("the way back", rollingBack, isVersion("2"));
  app.told = toldBefore;
  await counts(app.told);
  await inOrder();

  const point = `${drill.pick(["before-app-step", "after-app-step"])}:${1 + drill.below(8)}`;
  await scene.withCrashAt(point, "an update", updating(1), isVersion("1"));
  await counts(app.told);
  await inOrder();

  const isGone = async (): Promise<boolean> => (await scene.view()) === undefined;
  await scene.withFault("an uninstall", asking("DELETE", `/apps/${id}`), isGone);
  const [trash = ""] = await scene.trash();
  await scene.withFault("a restore", asking("POST", `/app-trash/${trash}/restore`), isVersion("1"));
  await counts(app.told);
  await inOrder();

  await app.do("DELETE", "");
  for (const one of await scene.trash()) {
    await session.finish(await session.call<TaskView>("DELETE", `/app-trash/${one}`));
  }
  await becomes(drill, "nothing is left of the app", async () => ({
    found: await tracesOf(device),
    wanted: {
      containers: [],
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
  const endMs = Date.now() + restMs(drill);
  while (Date.now() < endMs && !isDeepStrictEqual(last.found, last.wanted)) {
    // The container service may just be away.
    last = await look().catch((error: unknown) => ({ found: String(error), wanted: "" }));
    await delay(100);
  }
  drill.equal(what, last.found, last.wanted);
}
