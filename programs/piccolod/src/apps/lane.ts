/** One app's own course: plans, takes the steps, plans again. No lane waits for another one's. */
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import type { AppCrashPoint } from "../crash-points.ts";
import { type AppEvent, eventsOf } from "./app-events.ts";
import { changedSecrets, ownValues } from "./app-secrets.ts";
import type { BoundedVolumes } from "./bounded-volumes.ts";
import { decide } from "./decide.ts";
import type { Executor, MachineStep, Progress } from "./executor.ts";
import type {
  AppPlanRecord,
  FailureCode,
  Health,
  Known,
  Observed,
  RecordEvent,
  Route,
  SaidLine,
  Step,
  Waiting,
} from "./plan-types.ts";
import {
  recordAfter,
  recordAfterFailure,
  recordAfterRestarts,
  recordElsewhere,
  restartWindowMs,
  trashOf,
} from "./record.ts";
import { HealthWatch } from "./health-watch.ts";
import { stepFailure } from "./step-failure.ts";
import type { AppStore } from "./store.ts";
import { isBeforeTransfer, isTransfer, TransferWatch } from "./transfer-watch.ts";
import type { InstalledApp } from "./types.ts";

/** A plan that comes again this often without an end is looked at again later. */
const roundsMax = 100;
const laterMs = 5_000;
const unknownRetryMs = 1_000;

export interface StepProgress {
  readonly step: string;
  readonly doneUnits: number;
  /** 0 = not known. */
  readonly totalUnits: number;
}

export interface LaneOptions {
  readonly app: string;
  readonly store: AppStore;
  readonly executor: Executor;
  readonly volumes: Pick<BoundedVolumes, "raiseWhereNearlyFull">;
  readonly observe: (app: InstalledApp, route: Route, health: Health) => Promise<Observed>;
  /** How often a running app is asked whether it is well. */
  readonly healthEveryMs: number;
  readonly world: World;
  readonly log: Log;
  readonly stopping: AbortSignal;
  readonly changed: () => void;
  /** Resolves when no request of a former route is under way, or none is waited for any longer. */
  readonly drained: () => Promise<void>;
  readonly crashPoint: (name: AppCrashPoint) => void;
}

export class Lane {
  readonly #options: LaneOptions;
  route: Route = { kind: "closed" };
  progress: StepProgress | undefined;
  /** Why it rests although not all is as wanted. */
  waiting: Waiting | undefined;
  /** Whether it has come to rest since the device started. */
  hasRested = false;
  /** What it was wanted to be when all was last as wanted. */
  restedAs: "running" | "stopped" | "removed" | undefined;
  #driving: Promise<void> | undefined;
  /** Something new is wanted: what is under way is given up where it can be, and planned anew. */
  #interrupt = new AbortController();
  #isDue = false;
  #wake: AbortController | undefined;
  readonly #resting: (() => void)[] = [];
  /** When each service was last started to keep the app up, by the monotonic clock. */
  readonly #starts = new Map<string, number[]>();
  readonly #health: HealthWatch;
  readonly #transfers: TransferWatch;
  /** Services that have ended by themselves and are not started again yet. */
  readonly #ended = new Set<string>();

  constructor(options: LaneOptions) {
    this.#options = options;
    const { world, stopping, healthEveryMs, app } = options;
    this.#health = new HealthWatch({
      world,
      stopping,
      everyMs: healthEveryMs,
      hasCommands: () =>
        options.store.get(app)?.record.current?.manifest.services.some((one) => one.healthCheck !== undefined) === true,
      silentPart: (timeoutMs) => this.#silentPart(timeoutMs),
      due: () => this.kick(),
    });
    this.#transfers = new TransferWatch({ world, isInTheWay: () => this.#isTransferInTheWay() });
  }

  async #isTransferInTheWay(): Promise<boolean> {
    const { store, observe, world, app } = this.#options;
    const installed = store.get(app);
    if (installed === undefined) return false;
    const observed = await observe(installed, this.route, this.#health.now);
    return isBeforeTransfer(decide(installed.record, observed, world.nowMs()));
  }

  /** While it is being changed nobody can tell: parts of it may be stopped, or frozen for a copy. */
  async #silentPart(timeoutMs: number): Promise<Known<string | undefined>> {
    const { store, app, executor } = this.#options;
    const isChanging = (): boolean => this.isActive || store.get(app)?.record.change !== undefined;
    const installed = store.get(app);
    const { route } = this;
    const busy = { known: false, reason: "it is being changed" } as const;
    if (installed === undefined || route.kind !== "open" || isChanging()) return busy;
    const part = await executor.silentPart(installed, route.generation, timeoutMs);
    return this.route === route && !isChanging() ? part : busy;
  }

  get isActive(): boolean {
    return this.#driving !== undefined;
  }

  /** Looks at the app, and goes on until it is as wanted or has to wait. */
  kick(): void {
    this.#isDue = true;
    if (this.#options.stopping.aborted) return;
    this.#wake?.abort(new Error("it is looked at now"));
    this.#transfers.look();
    this.#driving ??= this.#drive().finally(() => {
      this.#driving = undefined;
      this.hasRested = true;
      for (const tell of this.#resting.splice(0)) tell();
      this.#options.changed();
      if (this.#isDue && !this.#options.stopping.aborted) this.kick();
    });
  }

  /** The record says something else now. */
  interrupt(): void {
    this.#starts.clear();
    this.#ended.clear();
    this.#interrupt.abort(new Error("something else is wanted now"));
    this.kick();
  }

  /** Resolves when the lane next has nothing to do for the moment. */
  rest(): Promise<void> {
    return this.isActive ? new Promise((resolve) => this.#resting.push(resolve)) : Promise.resolve();
  }

  async ended(): Promise<void> {
    this.#wake?.abort(new Error("the device stops"));
    await this.#driving;
  }

  /** Resolves when the app is not asked any more whether it answers, once it is to stop: for that nothing else has to wait. */
  async healthEnded(): Promise<void> {
    await this.#health.ended();
  }

  async #drive(): Promise<void> {
    const { stopping, log, app } = this.#options;
    for (let round = 0; !stopping.aborted; round++) {
      this.#isDue = false;
      this.#interrupt = new AbortController();
      try {
        if (!(await this.#round())) return;
      } catch (error) {
        if (stopping.aborted) return;
        if (!this.#interrupt.signal.aborted) {
          this.#loseSight(error);
          return;
        }
      }
      if (round < roundsMax) continue;
      log.error("app-restless", { app });
      this.#later(laterMs);
      return;
    }
  }

  /**
   * Neither the record nor what is of it can be read or written now, as where the disk fails: it is told, and looked at
   * again. Throws what is a bug.
   */
  #loseSight(error: unknown): void {
    const { log, app, changed } = this.#options;
    const failure = stepFailure(undefined, error, []);
    if (failure === undefined) throw error;
    log.warn("app-out-of-sight", { app, code: failure.code, ...errorFacts(error) });
    // What the system said may hold the app's secrets, which cannot be read to be left out.
    const { code, detail, nextStep } = failure;
    this.waiting = { for: "knowledge", reason: detail, failure: { code, detail, nextStep } };
    this.#later(laterMs);
    changed();
  }

  /** Whether there may be more to do. */
  async #round(): Promise<boolean> {
    const { store, observe, world, log, app, changed, crashPoint } = this.#options;
    const installed = store.get(app);
    if (installed === undefined) return false;
    const observed = await observe(installed, this.route, this.#health.now);
    const plan = decide(installed.record, observed, world.nowMs());
    this.waiting = plan.waiting;
    this.#noteEnded(installed, observed, plan.steps);
    if (plan.steps.length === 0) {
      if (plan.waiting === undefined) {
        this.restedAs = installed.record.wanted;
        await this.#giveRoom(installed.record);
      }
      this.progress = undefined;
      if (plan.waiting?.for === "retry") this.#later(plan.waiting.atMs - world.nowMs());
      if (plan.waiting?.for === "knowledge") this.#later(unknownRetryMs);
      return this.#isDue;
    }
    // As it is now: not everything that changes a record interrupts its lane.
    const latest = store.get(app);
    if (latest === undefined) return false;
    const restless = this.#afterRestarts(latest, plan.steps);
    if (restless !== undefined) {
      log.warn("app-ends-again", { app, count: restless.failure?.count ?? 0 });
      // Visitors are told at once that it does not run.
      this.#health.end();
      this.route = { kind: "closed" };
      this.#put(latest, restless);
      changed();
      return true;
    }
    for (const step of plan.steps) {
      crashPoint("before-app-step");
      if (!(await this.#take(step))) break;
      crashPoint("after-app-step");
    }
    return store.get(app) !== undefined;
  }

  /** Nobody copies its volumes meanwhile: a file system that is frozen cannot grow. */
  async #giveRoom({ app, current, wanted }: AppPlanRecord): Promise<void> {
    if (current === undefined || wanted !== "running") return;
    await this.#options.volumes.raiseWhereNearlyFull(app, current.manifest);
  }

  /** The record of an app that ends as often as it is started, where it has to wait before it is started again. */
  #afterRestarts({ record }: InstalledApp, steps: readonly Step[]): AppPlanRecord | undefined {
    const { world } = this.#options;
    if (record.change !== undefined) return undefined;
    const sinceMs = world.monotonicMs() - restartWindowMs;
    const counts = steps.flatMap((step) => {
      if (step.do !== "start") return [];
      const starts = (this.#starts.get(step.service) ?? []).filter((atMs) => atMs > sinceMs);
      this.#starts.set(step.service, starts);
      return [starts.length];
    });
    return recordAfterRestarts(record, Math.max(0, ...counts), world.nowMs());
  }

  /** Whether the next step of the plan may follow. */
  async #take(step: Step): Promise<boolean> {
    const { store, executor, stopping, world, log, app, changed, drained } = this.#options;
    const installed = store.get(app);
    if (installed === undefined) return false;
    const interrupt = this.#interrupt.signal;
    const signal = AbortSignal.any([interrupt, stopping]);
    signal.throwIfAborted();
    if (step.do === "route") {
      this.#health.end();
      this.route = step.to;
      if (step.to.kind === "open") this.#health.begin();
      changed();
      // Whoever was let in before is served before what serves them goes.
      await drained();
      return true;
    }
    if (step.do === "record") {
      this.#record(installed, step);
      changed();
      return step.event.type !== "trashed";
    }
    const report: Progress["report"] = (text, doneUnits = 0, totalUnits = 0) => {
      this.progress = { step: text, doneUnits, totalUnits };
      changed();
    };
    if (step.do === "start" && installed.record.change === undefined) {
      this.#starts.set(step.service, [...(this.#starts.get(step.service) ?? []), world.monotonicMs()]);
    }
    try {
      const work = (ended: AbortSignal): Promise<void> => executor.take(installed, step, { signal: ended, report });
      if (!(await this.#watched(installed.record, step, signal, work))) return false;
      this.#noteStep(installed, step);
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      const failure = stepFailure(step, error, ownValues(installed.record, store.secretsOf(installed)));
      if (failure === undefined) throw error;
      const now = store.get(app);
      if (now !== undefined && isFault(error, "address-taken")) {
        const elsewhere = recordElsewhere(now.record, now.networkSlot, store.takenNetworkSlots());
        if (elsewhere !== undefined) {
          log.warn("app-network-moved", { app, slot: elsewhere.network?.slot ?? 0 });
          store.put(elsewhere);
          return false;
        }
      }
      log.warn("app-step-failed", { app, step: step.do, code: failure.code, ...errorFacts(error) });
      const said = await this.#lastWords(installed.record, step, failure.code, signal);
      const told = said.length === 0 ? failure : { ...failure, said };
      const last = store.get(app);
      if (last !== undefined) this.#put(last, recordAfterFailure(last.record, step, told, world.nowMs()));
      return false;
    }
  }

  /** Whether it went through; a transfer may be broken off for what runs meanwhile, which is no failure. */
  async #watched(
    { change, current }: AppPlanRecord,
    step: MachineStep,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    if (change?.phase !== "fetching" || current === undefined || !isTransfer(step)) {
      await work(signal);
      return true;
    }
    const transfer = this.#transfers.run(change.startedAtMs, (own) => work(AbortSignal.any([signal, own])));
    // What came while the plan's steps before were taken has been heard by nobody.
    if (this.#isDue) this.#transfers.look();
    if (await transfer) return true;
    this.#options.log.info("app-transfer-broken-off", { app: this.#options.app, step: step.do });
    return false;
  }

  /** Before its first look: why it cannot be looked at. */
  outOfSight(error: unknown): void {
    const { store, app, changed } = this.#options;
    const installed = store.get(app);
    if (installed === undefined || this.isActive || this.hasRested) return;
    const failure = stepFailure(undefined, error, ownValues(installed.record, store.secretsOf(installed)));
    if (failure === undefined) return;
    const waiting: Waiting = { for: "knowledge", reason: failure.detail, failure };
    if (JSON.stringify(waiting) === JSON.stringify(this.waiting)) return;
    this.waiting = waiting;
    changed();
  }

  /** Before anything of a version that does not come up is taken down. */
  async #lastWords(
    { change, app }: AppPlanRecord,
    step: Step,
    code: FailureCode,
    signal: AbortSignal,
  ): Promise<readonly SaidLine[]> {
    const isOfNew = change !== undefined && "generation" in step && step.generation === change.to.number;
    if (!isOfNew || (code !== "not-started" && code !== "not-healthy")) return [];
    return this.#options.executor.lastWords(app, change.to, signal);
  }

  #record({ record, ...place }: InstalledApp, { event }: Extract<Step, { readonly do: "record" }>): void {
    const { store, world, log, app } = this.#options;
    if (event.type === "into-trash") {
      const trash = trashOf(record, event.volumes, world.nowMs());
      if (trash === undefined) return;
      store.transact(() => {
        store.intoTrash(trash, place);
        store.addEvents(place, eventsOf(record, record, event), world.nowMs());
      });
      return;
    }
    if (event.type === "silent") log.warn("app-silent", { app, count: event.failure.count });
    if (event.type === "trashed") {
      store.delete({ record, ...place });
      return;
    }
    store.transact(() => {
      // Not before: what is put back after a failure was written under the former ones.
      if (event.type === "committed") store.putSecrets(place, changedSecrets(record.change));
      this.#put({ record, ...place }, recordAfter(record, event), event);
      if (event.type === "trash-emptied-into-app" && record.trash !== undefined)
        store.deleteTrash(record.trash, place.slot);
    });
  }

  /** The record and what that means to its owner, in one commit. */
  #put({ record, ...place }: InstalledApp, after: AppPlanRecord, event?: RecordEvent): void {
    const { store, world } = this.#options;
    store.transact(() => {
      store.put(after);
      store.addEvents(place, eventsOf(record, after, event), world.nowMs());
    });
  }

  /** What is to be started and ran a moment ago has ended by itself; after a start of the device nobody can say that. */
  #noteEnded({ record, ...place }: InstalledApp, { containers }: Observed, steps: readonly Step[]): void {
    const { store, world } = this.#options;
    if (record.change !== undefined || record.wanted !== "running" || !containers.known) return;
    const wasUp = this.route.kind === "open";
    const events = steps.flatMap((step): AppEvent[] => {
      if (step.do !== "start" || this.#ended.has(step.service)) return [];
      if (!wasUp && (this.#starts.get(step.service) ?? []).length === 0) return [];
      const now = containers.value.find(
        ({ service, generation }) => service === step.service && generation === step.generation,
      );
      if (now === undefined || now.state === "created") return [];
      this.#ended.add(step.service);
      return [{ kind: "ended", service: step.service, exitCode: now.exitCode }];
    });
    store.addEvents(place, events, world.nowMs());
  }

  /** Starts and stops within a change are the change's. */
  #noteStep({ record, ...place }: InstalledApp, step: MachineStep): void {
    const { store, world } = this.#options;
    if (record.change !== undefined || record.wanted === "removed") return;
    if (step.do !== "start" && !(step.do === "stop" && record.wanted === "stopped")) return;
    const kind = step.do === "stop" ? "stopped" : this.#ended.delete(step.service) ? "restarted" : "started";
    store.addEvents(place, [{ kind, service: step.service }], world.nowMs());
  }

  #later(ms: number): void {
    const { world, stopping } = this.#options;
    const wake = new AbortController();
    this.#wake = wake;
    world.sleep(Math.max(0, ms), AbortSignal.any([wake.signal, stopping])).then(
      () => this.kick(),
      () => undefined,
    );
  }
}
