/** One device, its counter, and the owner who sees to it: what is killed, and when all is as it shall be again. */
import { isDeepStrictEqual } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { type AppVisit, type Device, isBroken, type Network, type TaskView } from "@piccolo/devnet";
import { CounterApp } from "../app-model.ts";
import { type Traces, tracesOf } from "../app-traces.ts";
import type { DrillContext } from "../drill.ts";
import { type Fallen, killProcesses, Recoveries, seconds, type Victim, VictimDeck } from "./victims.ts";

export const id = "counter";
/** So long all may take from a kill on; where nobody heals it, longer shows no more. */
const limitMs = 60_000;
const unhealedMs = 5_000;
const pauseMs = 100;
const waitForVictimMs = 10;

interface View {
  readonly app: { readonly id: string; readonly version: string };
  readonly state: string;
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

const isExplained = ({ problem }: View): boolean =>
  problem !== undefined && reasons.has(problem.code) && problem.detail.length > 0;

export const askedAgain = "asked-again";

/** What the owner asks for: gives the task, once it is taken. */
export type Ask = () => Promise<TaskView>;

/** From the lowest to the highest the app's number may be, by its version. */
export type Bounds = (version: string) => readonly [least: number, most: number];

export interface Change {
  readonly what: string;
  readonly ask: Ask;
  readonly isSo: () => Promise<boolean>;
  readonly bounds: Bounds;
}

interface Asked {
  /** From `taken` on the owner counts on it; after `broken` nobody knows whether it was heard. */
  readonly answer: Promise<"taken" | "refused" | "broken">;
  /** Nobody waits for it any longer. */
  readonly isOver: () => boolean;
}

/** The device was gone before it could be asked. */
const neverAsked: Asked = { answer: Promise.resolve("broken"), isOver: () => true };

interface Killed {
  readonly fallen: Fallen;
  readonly startMs: number;
}

export class CrashScene {
  readonly drill: DrillContext;
  readonly network: Network;
  readonly device: Device;
  readonly app: CounterApp;
  readonly manifest: (version: 1 | 2) => string;
  readonly deck: VictimDeck;
  readonly #recoveries: Recoveries;

  constructor(drill: DrillContext, network: Network, manifest: (version: 1 | 2) => string) {
    this.drill = drill;
    this.network = network;
    this.device = network.device(1);
    this.app = new CounterApp(this.device.session, id);
    this.manifest = manifest;
    this.deck = new VictimDeck(drill);
    this.#recoveries = new Recoveries(drill);
  }

  /** Undefined where there is no such app; rejects where nobody answers. */
  async view(): Promise<View | undefined> {
    const { apps } = await this.device.session.call<{ apps: View[] }>("GET", "/apps");
    return apps.find(({ app }) => app.id === id);
  }

  async trash(): Promise<readonly string[]> {
    const { apps } = await this.device.session.call<{ apps: { id: string }[] }>("GET", "/app-trash");
    return apps.map((one) => one.id);
  }

  async #kill(victim: Victim): Promise<boolean> {
    if (victim !== "piccolod") return killProcesses(victim);
    const wasThere = this.device.process.running;
    await this.device.process.kill();
    return wasThere;
  }

  /** What the init system does; left out by sabotage. */
  async #heal(): Promise<void> {
    if (this.device.process.running || this.drill.options.sabotage) return;
    await this.network.startDevice(1);
    await this.network.claim(this.device);
  }

  /** One part goes down while the app is at rest. */
  async killAtRest(victim: Victim, bounds: Bounds): Promise<void> {
    const startMs = performance.now();
    this.drill.check(`there was a ${victim} to kill`, await this.#kill(victim));
    this.drill.fault(`${victim} is killed`);
    await this.#recovers({ fallen: victim, startMs }, { what: "the app", bounds });
  }

  /** Containers and their mounts go on, on a volume that is nobody's any more. */
  async cutPower(bounds: Bounds): Promise<void> {
    const startMs = performance.now();
    await this.network.cutPower(1);
    this.drill.fault("piccolod, the chip and the volume go away below the apps");
    await this.#recovers({ fallen: "power", startMs }, { what: "the app", bounds });
  }

  /** A change with a fault in its midst, and whatever follows; then all is as the owner wanted it, or as it was before. */
  async withFault(change: Change): Promise<void> {
    const { drill } = this;
    const { what } = change;
    const { order, afterMs } = this.deck.deal();
    const asked = this.#begin(change.ask);
    // What piccolod has taken it must do, however it ends; so it ends after that.
    if (order[0] === "piccolod") drill.equal(`${what} is`, await asked.answer, "taken");
    await delay(afterMs);
    const { victim, startMs, isInMidst } = await this.#killOneOf(order, asked);
    drill.fault(`${victim} is killed ${isInMidst ? "in the midst of" : "right after"} ${what}`);
    if (isInMidst) this.deck.hitInMidst(victim);
    await this.#recovers({ fallen: victim, startMs }, change, asked);
    await this.#isDone(change, asked, victim === "piccolod" ? "unheard" : "given-up");
  }

  /** The first of them, as soon as it is there; once the change is over, the first that is. */
  async #killOneOf(
    order: readonly Victim[],
    asked: Asked,
  ): Promise<{ readonly victim: Victim; readonly startMs: number; readonly isInMidst: boolean }> {
    for (;;) {
      const isOver = asked.isOver();
      for (const victim of isOver ? order : order.slice(0, 1)) {
        const startMs = performance.now();
        if (await this.#kill(victim)) return { victim, startMs, isInMidst: !isOver };
      }
      await delay(waitForVictimMs);
    }
  }

  /** The device ends itself at a point of a change, or of what it does for the app at its start. */
  async withCrashAt(point: string, change: Change): Promise<void> {
    const { drill, network, device } = this;
    const { what } = change;
    let asked = neverAsked;
    try {
      await network.startDeviceWith(1, ["--insecure-drills", "--crash-at", point]);
      await network.claim(device);
      asked = this.#begin(change.ask);
    } catch (error) {
      if (!(await device.process.killedWithin(10_000))) throw error;
    }
    drill.check(`piccolod is gone at ${point}`, await device.process.killedWithin(60_000));
    const startMs = performance.now();
    const answer = await asked.answer;
    drill.check(`${what} is not refused`, answer !== "refused");
    drill.fault(`piccolod ends at ${point} of ${what}, which was ${answer === "taken" ? answer : "not answered"}`);
    await this.#recovers({ fallen: "crash-point", startMs }, change, asked);
    await this.#isDone(change, asked, "unheard");
  }

  #begin(ask: Ask): Asked {
    const state = { isOver: false };
    const task = ask();
    task
      .then((one) => this.device.session.finish(one))
      .catch(() => undefined)
      .finally(() => (state.isOver = true));
    return {
      answer: task.then(
        () => "taken",
        (error: unknown) => (isBroken(error) ? "broken" : "refused"),
      ),
      isOver: () => state.isOver,
    };
  }

  /** From the kill on one limit, for all of it. */
  async #recovers(
    { fallen, startMs }: Killed,
    { what, bounds }: Pick<Change, "what" | "bounds">,
    asked?: Asked,
  ): Promise<void> {
    const { drill } = this;
    const isLeft = drill.options.sabotage && !this.device.process.running;
    const endMs = startMs + (isLeft ? unhealedMs : limitMs);
    await this.#heal();
    const wrong = await this.#comesToOrder(endMs, bounds, asked);
    const tookMs = performance.now() - startMs;
    drill.equal(`what is wrong ${seconds(tookMs)} after ${fallen} went down`, wrong, undefined);
    drill.check(`${what} is as it shall be ${seconds(tookMs)} after that`, tookMs <= limitMs);
    this.#recoveries.add(fallen, tookMs);
    drill.step(`${what} is as it shall be ${seconds(tookMs)} after that`);
  }

  /** Looks until all is as it shall be; what was wrong at the last look, which is after the end at most by its own time. */
  async #comesToOrder(endMs: number, bounds: Bounds, asked?: Asked): Promise<unknown> {
    for (;;) {
      // Who is asked may just be away.
      const wrong = await this.#whatIsWrong(bounds, asked).catch((error: unknown) => String(error));
      if (wrong === undefined || performance.now() > endMs) return wrong;
      await delay(pauseMs);
    }
  }

  /** All at one moment: nothing left to do, nothing too many on the machine, the app answers, and has its data. */
  async #whatIsWrong(bounds: Bounds, asked?: Asked): Promise<unknown> {
    if (!this.device.process.running) return "piccolod is gone";
    if (asked?.isOver() === false) return "the change is waited for";
    const view = await this.view();
    const { state = "not there", step, problem } = view ?? {};
    const isAtRest =
      ["not there", "running"].includes(state) || (state === "failed" && view !== undefined && isExplained(view));
    if (!isAtRest || step !== undefined) return { state, step, problem };
    const untidy = whatIsUntidy(await tracesOf(this.device), state);
    if (untidy !== undefined || view === undefined || state !== "running") return untidy;
    const visit = await this.app.visit();
    if (!(await this.app.isWell(visit))) return "the app does not answer";
    const [least, most] = bounds(view.app.version);
    const number = await this.app.number(visit);
    return number >= least && number <= most ? undefined : `its number is ${number}, not from ${least} to ${most}`;
  }

  /** What was taken is done, without another word of the owner, unless the device says why not. */
  async #isDone(
    { what, ask, isSo, bounds }: Change,
    asked: Asked,
    /** `given-up`: also once it was taken, where the device says why. `unheard`: where nobody was told yes, without a trace. */
    unless: "given-up" | "unheard",
  ): Promise<void> {
    const { drill, device } = this;
    if (!(await isSo())) {
      const view = await this.view();
      const isTaken = (await asked.answer) === "taken";
      const why = isTaken ? `given up: ${view?.problem?.code ?? "for no reason"}` : "never taken";
      const mayBe = {
        "given-up": !isTaken || (view !== undefined && isExplained(view)),
        unheard: !isTaken && view?.problem === undefined,
      };
      drill.check(`${what} is not done (${view?.state ?? "not there"}; ${why})`, mayBe[unless]);
      drill.tally(askedAgain);
      drill.step(`${what} was ${why}, and is asked for again`);
      // An install that was given up is there, and tried again.
      const again = view?.state === "failed" ? device.session.call<TaskView>("POST", `/apps/${id}/start`) : ask();
      await device.session.finish(await again);
      const wrong = await this.#comesToOrder(performance.now() + limitMs, bounds);
      drill.equal(`asked for again, ${what} leaves nothing wrong`, wrong, undefined);
    }
    drill.check(`${what} is done`, await isSo());
  }

  /** A visit, once the page is reached. */
  async enter(): Promise<AppVisit> {
    let visit: AppVisit | undefined;
    await this.drill.eventually("its page is reached", async () => {
      visit = await this.app.visit().catch(() => undefined);
      return visit !== undefined && (await this.app.isWell(visit));
    });
    if (visit === undefined) throw new Error("there is no visit");
    return visit;
  }
}

/** Undefined where the machine has of the app just what an app in that state has. */
function whatIsUntidy(traces: Traces, state: string): unknown {
  const { containers, watched, running, networks, bridges, namespaces, filtered, mounts, loops, files } = traces;
  const unfinished = files.filter((path) => /\.new|\.partial/.test(path));
  if (state === "failed") {
    // What is tried again by the owner may be half there; what runs is watched, and there is one of it at most.
    const isTidy = containers.length <= 1 && isDeepStrictEqual(watched, running) && unfinished.length === 0;
    return isTidy ? undefined : { containers, watched, running, unfinished };
  }
  const [containerName, networkName] = [containers[0] ?? "", networks[0] ?? ""];
  const found = {
    containers,
    watched,
    running,
    networks,
    bridges,
    namespaces: namespaces.length,
    filtered,
    mounts,
    loops,
    unfinished,
  };
  const one = state === "running";
  const wanted = {
    containers: one ? [containerName] : [],
    watched: one ? [containerName] : [],
    running: one ? [containerName] : [],
    networks: one ? [networkName] : [],
    bridges: one ? [networkName] : [],
    namespaces: one ? 1 : 0,
    filtered: one ? [networkName] : [],
    mounts: ["runtime", ...(one ? [`volumes/${id}/data`] : [])],
    loops: ["runtime.ext4", ...(one ? [`volumes/${id}/data.ext4`] : [])],
    unfinished: [],
  };
  return isDeepStrictEqual(found, wanted) ? undefined : { found, wanted };
}
