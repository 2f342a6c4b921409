import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Task } from "@piccolo/device-api";
import { catalogue } from "@piccolo/fault";
import { SeededWorld } from "@piccolo/world";
import { refusedWith, TestDevice } from "../../test-support/device.ts";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { TaskStore } from "./store.ts";
import { Tasks } from "./tasks.ts";
import type { TaskWork } from "./types.ts";

const faults = catalogue({ "no-luck": { retry: "never", meaning: "It did not work; try something else." } });

function setUp(context: TestContext) {
  const world = new SeededWorld("tasks");
  const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  context.after(() => db.close());
  const lines: string[] = [];
  const log = createLog(
    (line) => lines.push(line),
    () => world.nowMs(),
  );
  const told: Task[] = [];
  /** From now on the database takes nothing more than it has. */
  const fill = (): void => {
    const { page_count: pages } = db.prepare("PRAGMA page_count").get() as { page_count: number };
    db.exec(`PRAGMA max_page_count = ${pages}`);
  };
  const open = (): Tasks => new Tasks({ store: new TaskStore(db), world, log, changed: (task) => told.push(task) });
  return { open, told, lines, fill };
}

const start = (tasks: Tasks, work: TaskWork, cancellable = true): Task =>
  tasks.start({ kind: "found-network", step: "Beginning", cancellable, work });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a task reports its steps and its result", async (context) => {
  const { open, told } = setUp(context);
  const tasks = open();
  const { id } = start(tasks, async ({ report }) => {
    report("Half-way", 1, 2);
    return { network: "n" };
  });
  await settled();
  assert.deepEqual(
    told.map(({ state, step, doneUnits }) => [state, step, doneUnits]),
    [
      ["running", "Beginning", 0],
      ["running", "Half-way", 1],
      ["done", "Half-way", 1],
    ],
  );
  const { result, cancellable, endedAtMs } = tasks.get(id);
  assert.deepEqual([result, cancellable, endedAtMs !== undefined], [{ network: "n" }, false, true]);
});

test("the end of a task that the disk does not take is known until the next start, and ends nothing", async (context) => {
  const { open, lines, fill } = setUp(context);
  const tasks = open();
  const { id } = start(tasks, async () => {
    fill();
    return { much: "x".repeat(1_000_000) };
  });
  await settled();
  assert.equal(tasks.get(id).state, "done");
  assert.equal(lines.filter((line) => line.includes("task-not-kept")).length, 1);
  assert.equal(open().get(id).error?.code, "interrupted");
});

test("a failure is told by its code, a bug only as one", async (context) => {
  const { open, lines } = setUp(context);
  const tasks = open();
  const failing = start(tasks, async () => {
    throw faults.fault("no-luck", "try something else");
  });
  await settled();
  assert.deepEqual(tasks.get(failing.id).error, { code: "no-luck", detail: "Try something else." });
  const broken = start(tasks, async () => {
    throw new TypeError("the inside");
  });
  await settled();
  assert.equal(tasks.get(broken.id).error?.code, "internal");
  assert.doesNotMatch(tasks.get(broken.id).error?.detail ?? "", /inside/);
  assert.ok(lines.some((line) => line.includes("the inside")));
});

test("two of a kind do not run at once", async (context) => {
  const { open } = setUp(context);
  const tasks = open();
  const gate = Promise.withResolvers<undefined>();
  start(tasks, () => gate.promise);
  assert.throws(() => start(tasks, async () => undefined), { code: "task-running" });
  gate.resolve(undefined);
  await settled();
  start(tasks, async () => undefined);
});

test("a task is cancelled when it can be", async (context) => {
  const { open } = setUp(context);
  const tasks = open();
  const waiting: TaskWork = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  const { id } = start(tasks, waiting);
  assert.equal((await tasks.cancel(id)).state, "cancelled");
  await assert.rejects(tasks.cancel(id), { code: "not-cancellable" });
  const firm = start(tasks, waiting, false);
  await assert.rejects(tasks.cancel(firm.id), { code: "not-cancellable" });
  await tasks.stop();
});

test("who began a task hears that it was cancelled, but not that it has ended, failed, or that the device stops", async (context) => {
  const { open } = setUp(context);
  const tasks = open();
  const waiting: TaskWork = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  let told = 0;
  const begin = (work: TaskWork): Task =>
    tasks.start({
      kind: "found-network",
      step: "Beginning",
      cancellable: true,
      work,
      cancelled: () => void told++,
    });
  await tasks.cancel(begin(waiting).id);
  assert.equal(told, 1);
  begin(async () => undefined);
  await settled();
  const deaf = begin(
    ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined))),
  );
  assert.equal((await tasks.cancel(deaf.id)).state, "done");
  begin(waiting);
  await tasks.stop();
  assert.equal(told, 1);
});

test("after a restart, ended tasks are as they were, and those that ran have failed", async (context) => {
  const { open } = setUp(context);
  const before = open();
  const done = start(before, async () => undefined);
  await settled();
  const running = start(before, () => new Promise(() => undefined));
  const after = open();
  assert.deepEqual(after.get(done.id), before.get(done.id));
  const { state, error, endedAtMs } = after.get(running.id);
  assert.deepEqual([state, error?.code, endedAtMs !== undefined], ["failed", "interrupted", true]);
  assert.deepEqual(open().get(running.id), after.get(running.id));
});

test("a device that stops begins no task any more", async (context) => {
  const { open } = setUp(context);
  const tasks = open();
  await tasks.stop();
  assert.throws(() => start(tasks, async () => undefined), { code: "stopping" });
  assert.deepEqual(tasks.list(), []);
});

test("only the last ended tasks are kept", async (context) => {
  const { open } = setUp(context);
  const tasks = open();
  const ids: string[] = [];
  for (let at = 0; at < 80; at++) {
    ids.push(start(tasks, async () => undefined).id);
    await settled();
  }
  assert.ok(tasks.list().length <= 50);
  assert.equal(tasks.list()[0]?.id, ids.at(-1));
  assert.ok(open().list().length <= 50);
  assert.throws(() => tasks.get(ids[0] ?? ""), { code: "task-not-found" });
});

test("tasks are listed, looked at and refused over the interface", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  refusedWith(await owner.send("GET", "/tasks/x"), 404, "task-not-found");
  const task = await owner.call<Task>("DELETE", "/trash");
  const { tasks } = await owner.call<{ tasks: Task[] }>("GET", "/tasks");
  assert.deepEqual(
    tasks.map(({ id }) => id),
    [task.id],
  );
  while ((await owner.call<Task>("GET", `/tasks/${task.id}`)).state === "running") await settled();
  refusedWith(await owner.send("DELETE", `/tasks/${task.id}`), 409, "not-cancellable");
  const joining = await owner.call<Task>("POST", "/network/join", {});
  await settled();
  const joined = await owner.call<Task>("GET", `/tasks/${joining.id}`);
  assert.deepEqual([joined.state, joined.error?.code], ["failed", "no-network"]);
  assert.match(joined.error?.detail ?? "", /^[A-Z].*[.!?]$/);
});
