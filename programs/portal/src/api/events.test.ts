import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeviceEvent } from "@piccolo/device-api";
import { QueryObserver } from "@tanstack/react-query";
import { effectsOf, everything, parseEvent, readNow } from "./events.ts";
import { keys } from "./keys.ts";
import { createQueryClient } from "./queries.ts";
import { readingIn, type Reading } from "./reading.ts";

test("events this version does not know, and broken ones, are left aside", () => {
  assert.equal(parseEvent("weather", "{}"), undefined);
  assert.equal(parseEvent("files", "{"), undefined);
  assert.equal(parseEvent("files", "[]"), undefined);
  assert.equal(parseEvent("files", "null"), undefined);
});

test("an event is its type and its data", () => {
  assert.deepEqual(parseEvent("files", '{"folders":["root"]}'), { type: "files", folders: ["root"] });
  assert.deepEqual(parseEvent("resync", ""), { type: "resync" });
});

test("changed folders are read again, and the trash is not a folder", () => {
  const { stale } = effectsOf({ type: "files", folders: ["a1", "trash"] });
  assert.deepEqual(stale.slice(0, 2), [["listing", "a1"], ["trash"]]);
});

test("a placement event without files concerns all of them", () => {
  assert.deepEqual(effectsOf({ type: "placement" }).stale[0], ["placement"]);
  assert.deepEqual(effectsOf({ type: "placement", nodes: ["x"] }).stale[0], ["placement", "x"]);
});

test("a task event brings the task along", () => {
  const event = { type: "task", task: { id: "t1" } } as DeviceEvent;
  assert.deepEqual(effectsOf(event).set[0]?.key, ["task", "t1"]);
});

test("what changes about the keys changes what the device may be asked", () => {
  assert.deepEqual(effectsOf({ type: "security" }).stale, [["status"], ["session"], ["security"], ["boot"]]);
});

test("after a gap everything is read again", () => {
  assert.deepEqual(effectsOf({ type: "resync" }).stale, everything);
});

test("a list that is being read page by page is read to its end before it is read again", () => {
  const busy = (key: readonly string[]): Reading => (key[1] === "b" ? "not" : "again");
  const stale = [["listing", "a"], ["listing", "b"], ["search"], ["trash"], ["network"], ["node", "x"]];
  assert.deepEqual(readNow(stale, busy), [["listing", "b"], ["network"], ["node", "x"]]);
  assert.deepEqual(
    readNow(stale, () => "not"),
    stale,
  );
});

test("what changes while it is read for the first time is read once more when the answer is there", async () => {
  const client = createQueryClient();
  const answers: ((answer: string) => void)[] = [];
  const tasks = { queryKey: keys.tasks, queryFn: () => new Promise<string>((resolve) => void answers.push(resolve)) };
  const stop = new QueryObserver(client, tasks).subscribe(() => undefined);
  const stale = [keys.tasks, keys.network];
  const now = () => readNow(stale, (key) => readingIn(client, key));
  assert.deepEqual(now(), [keys.network]);
  answers[0]?.("before the event");
  await client.ensureQueryData(tasks);
  assert.deepEqual(now(), stale);
  const again = client.invalidateQueries({ queryKey: keys.tasks });
  // An answer that is there already is given up for the newer one, so a further event need not wait.
  assert.deepEqual(now(), stale);
  answers[1]?.("after it");
  await again;
  assert.equal(client.getQueryData(keys.tasks), "after it");
  stop();
  client.clear();
});

test("an app that comes or goes changes what the catalog says of it", () => {
  const { stale } = effectsOf({ type: "app", id: "notes" });
  assert.ok(stale.some((key) => key[0] === "catalog"));
});
