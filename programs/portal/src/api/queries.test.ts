import assert from "node:assert/strict";
import { test } from "node:test";
import { MutationObserver, notifyManager, onlineManager } from "@tanstack/react-query";
import { createQueryClient, tasksAgainMs } from "./queries.ts";

test("that a change is under way is known before anything else happens", async (context) => {
  const client = createQueryClient();
  context.after(() => client.clear());
  const change = new MutationObserver(client, { mutationFn: () => new Promise<void>(() => undefined) });
  let told = false;
  // As the hooks listen.
  context.after(change.subscribe(notifyManager.batchCalls(() => (told = true))));
  void change.mutate();
  // What the browser does next, such as a second click, comes after all of these.
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  assert.equal(told, true);
});

test("the list of tasks is read again and again while one runs, and rests otherwise", () => {
  assert.equal(tasksAgainMs(undefined), false);
  assert.equal(tasksAgainMs([{ state: "done" }, { state: "failed" }]), false);
  assert.equal(tasksAgainMs([{ state: "done" }, { state: "running" }]), 2000);
});

test(
  "a browser that takes itself for offline reads from the device and changes it all the same",
  { timeout: 10_000 },
  async (context) => {
    context.after(() => onlineManager.setOnline(true));
    const client = createQueryClient();
    context.after(() => client.clear());
    onlineManager.setOnline(false);
    assert.equal(await client.fetchQuery({ queryKey: ["a"], queryFn: () => Promise.resolve("read") }), "read");
    const change = new MutationObserver(client, { mutationFn: () => Promise.resolve("changed") });
    assert.equal(await change.mutate(), "changed");
  },
);
