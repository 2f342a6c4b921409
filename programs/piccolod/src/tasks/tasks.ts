import { toHex } from "@piccolo/bytes";
import type { Task } from "@piccolo/device-api";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { isOperatingFailure } from "../operating-failure.ts";
import { faultOf, sentence } from "../http/problem.ts";
import type { TaskStore } from "./store.ts";
import { taskFaults, type TaskStart } from "./types.ts";

const mostKept = 50;

interface Running {
  readonly cancel: AbortController;
  readonly ended: Promise<void>;
  readonly cancelled: (() => void) | undefined;
}

export interface TasksOptions {
  readonly store: TaskStore;
  readonly world: World;
  readonly log: Log;
  readonly changed: (task: Task) => void;
}

/** Work that outlasts its request. Progress lives in memory; begin and end are kept over a restart. */
export class Tasks {
  readonly #options: TasksOptions;
  readonly #tasks = new Map<string, Task>();
  #isStopping = false;
  readonly #running = new Map<string, Running>();

  constructor(options: TasksOptions) {
    this.#options = options;
    const { store, world } = options;
    for (const task of [...store.all()].reverse()) {
      const now: Task = task.state === "running" ? { ...task, ...interrupted(world.nowMs()) } : task;
      if (now !== task) this.#store(now);
      this.#tasks.set(task.id, now);
    }
  }

  /** Latest first. */
  list(): readonly Task[] {
    return [...this.#tasks.values()].reverse();
  }

  /** Throws `task-not-found`. */
  get(id: string): Task {
    const task = this.#tasks.get(id);
    if (task === undefined) throw taskFaults.fault("task-not-found", "there is no such task any more");
    return task;
  }

  /** The one of that kind, for that subject, that is not over. */
  running(kind: Task["kind"], subject: string | undefined): Task | undefined {
    return this.list().find((task) => task.kind === kind && task.subject === subject && task.state === "running");
  }

  /** Throws `task-running` where one of the kind, for the same subject, runs, and `stopping`. */
  start({ kind, subject, step, cancellable, work, cancelled }: TaskStart): Task {
    if (this.#isStopping) throw taskFaults.fault("stopping", "the device is stopping; do it again when it is back");
    if (this.running(kind, subject) !== undefined) {
      throw taskFaults.fault("task-running", "this is under way already; wait until it has ended");
    }
    const { world, log } = this.#options;
    const id = toHex(world.randomBytes(16));
    const task: Task = {
      id,
      kind,
      ...(subject === undefined ? {} : { subject }),
      state: "running",
      step,
      doneUnits: 0,
      totalUnits: 0,
      cancellable,
      startedAtMs: world.nowMs(),
    };
    this.#keep(task);
    const cancel = new AbortController();
    const run = async (): Promise<void> => {
      try {
        const result = await work({
          signal: cancel.signal,
          report: (step, doneUnits = 0, totalUnits = 0) => this.#change(id, { step, doneUnits, totalUnits }),
        });
        this.#end(id, { state: "done", ...(result === undefined ? {} : { result }) });
      } catch (error) {
        if (cancel.signal.aborted) {
          this.#end(id, { state: "cancelled" });
          return;
        }
        const { code, message } = faultOf(error, log);
        log.warn("task-failed", { kind, code, ...errorFacts(error) });
        this.#end(id, { state: "failed", error: { code, detail: sentence(message) } });
      }
    };
    const ended = run().finally(() => this.#running.delete(id));
    this.#running.set(id, { cancel, ended, cancelled });
    return this.get(id);
  }

  /** Throws `not-cancellable`. */
  async cancel(id: string): Promise<Task> {
    const task = this.get(id);
    const running = this.#running.get(id);
    if (running === undefined || !task.cancellable) {
      throw taskFaults.fault("not-cancellable", "this task cannot be cancelled any more");
    }
    running.cancel.abort(new Error("the task was cancelled"));
    await running.ended;
    // It may have come to its end in the same moment.
    if (this.get(id).state === "cancelled") running.cancelled?.();
    return this.get(id);
  }

  /** Ends what runs; the next start shows it as interrupted. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const running = [...this.#running.values()];
    for (const { cancel } of running) cancel.abort(new Error("the device stops"));
    await Promise.all(running.map(({ ended }) => ended));
  }

  #change(id: string, change: Partial<Task>): void {
    const task: Task = { ...this.get(id), ...change };
    this.#tasks.set(id, task);
    this.#options.changed(task);
  }

  #end(id: string, change: Partial<Task>): void {
    this.#change(id, { ...change, cancellable: false, endedAtMs: this.#options.world.nowMs() });
    this.#store(this.get(id));
  }

  /** What is not kept is known until the next start, and is said to be interrupted then: no reason to end the device. */
  #store(task: Task): void {
    const { store, log } = this.#options;
    try {
      store.put(task, mostKept);
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      log.warn("task-not-kept", { kind: task.kind, ...errorFacts(error) });
    }
  }

  #keep(task: Task): void {
    this.#options.store.put(task, mostKept);
    this.#tasks.set(task.id, task);
    const ended = [...this.#tasks.values()].filter(({ state }) => state !== "running");
    for (const { id } of ended.slice(0, Math.max(0, this.#tasks.size - mostKept))) this.#tasks.delete(id);
    this.#options.changed(task);
  }
}

function interrupted(nowMs: number): Partial<Task> {
  return {
    state: "failed",
    cancellable: false,
    endedAtMs: nowMs,
    error: { code: "interrupted", detail: "The device was restarted meanwhile; start it again." },
  };
}
