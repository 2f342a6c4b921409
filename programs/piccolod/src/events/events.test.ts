import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node, Task } from "@piccolo/device-api";
import { SeededWorld } from "@piccolo/world";
import { refusedWith, TestDevice } from "../../test-support/device.ts";
import { EventReader } from "../../test-support/event-reader.ts";
import { begin, bytesOf, discard, patch } from "../../test-support/uploading.ts";
import { DeviceEvents } from "./events.ts";
import { EventHub } from "./hub.ts";

test("a page that listens hears of files, uploads and tasks, with growing ids", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const page = await EventReader.open(owner);
  assert.equal(page.status, 200);
  const folder = await owner.call<Node>("POST", "/files/folders", { parent: "root", name: "a" });
  await page.until(({ events }) => events.some(({ type }) => type === "files"));
  assert.deepEqual(page.events.find(({ type }) => type === "files")?.data, { folders: ["root"] });

  const id = await begin(owner, { filename: "b", sizeBytes: 10, parent: folder.id });
  await patch(owner, id, 0, bytesOf(4));
  await page.until(({ events }) => events.some(({ type }) => type === "upload"));
  assert.deepEqual(page.events.find(({ type }) => type === "upload")?.data, { id, offsetBytes: 4, sizeBytes: 10 });
  await patch(owner, id, 4, bytesOf(6));
  await page.until(({ events }) => events.some(({ type }) => type === "upload-gone"));
  const other = await begin(owner, { filename: "c", sizeBytes: 10 });
  await discard(owner, other);
  await page.until(({ events }) => events.filter(({ type }) => type === "upload-gone").length === 2);

  const task = await owner.call<Task>("DELETE", "/trash");
  const told = ({ type, data }: EventReader["events"][number]): boolean =>
    type === "task" && (data as { task: Task }).task.id === task.id && (data as { task: Task }).task.state === "done";
  await page.until(({ events }) => events.some(told));
  const ids = page.events.map(({ id }) => Number(id));
  assert.deepEqual(
    ids,
    [...ids].sort((a, b) => a - b),
  );
  assert.equal(new Set(ids).size, ids.length);
  page.close();
});

test("a page that comes back hears what it missed, and reads anew when that is gone", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const first = await EventReader.open(owner);
  await owner.call("POST", "/files/folders", { parent: "root", name: "a" });
  await first.until(({ events }) => events.length > 0);
  first.close();
  await owner.call("POST", "/files/folders", { parent: "root", name: "b" });
  const witness = await EventReader.open(owner, first.lastId);
  await witness.until(({ events }) => events.length > 0);
  assert.deepEqual(
    witness.events.map(({ type }) => type),
    ["files"],
  );
  witness.close();
  for (const gone of ["1", String(Number(witness.lastId) + 5_000_000), "nonsense", "9".repeat(20)]) {
    const page = await EventReader.open(owner, gone);
    await page.until(({ events }) => events.length > 0);
    assert.equal(page.events[0]?.type, "resync", gone);
    page.close();
  }
  await device.stop();
  await device.start();
  const again = Object.assign(device.client(), { cookie: owner.cookie });
  const page = await EventReader.open(again, witness.lastId);
  await page.until(({ events }) => events.length > 0);
  assert.equal(page.events[0]?.type, "resync");
  page.close();
});

test("a stream ends with its session, and with the device", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const second = device.client();
  await second.signIn();
  const [kept, ended] = [await EventReader.open(owner), await EventReader.open(second)];
  await second.call("DELETE", "/session");
  await ended.until(({ closed }) => closed);
  assert.equal(kept.closed, false);
  const stopping = device.stop();
  await kept.until(({ closed }) => closed);
  await stopping;
});

test("streams are bounded, and a closed one makes room", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const pages = await Promise.all(Array.from({ length: 48 }, () => EventReader.open(owner)));
  refusedWith(await owner.raw("GET", "/events"), 429, "too-many-streams");
  pages[0]?.close();
  let page = await EventReader.open(owner);
  while (page.status !== 200) page = await EventReader.open(owner);
  for (const open of [...pages, page]) open.close();
});

test("many changes in a moment are told as few, and the last state wins", async () => {
  const world = new SeededWorld("events");
  const told: unknown[] = [];
  const events = new DeviceEvents({
    world,
    publish: (event) => told.push(event),
    network: () => {
      throw new Error("nothing changed in the network");
    },
  });
  for (let at = 0; at < 50; at++) {
    events.filesChanged(["a"]);
    events.filesChanged(["b", "a"]);
    events.uploadMoved("u", at, 100);
    events.placementChanged([`n${at % 2}`]);
  }
  assert.deepEqual(told, []);
  await world.advance(200);
  assert.deepEqual(told, [
    { type: "files", folders: ["a", "b"] },
    { type: "upload", id: "u", offsetBytes: 49, sizeBytes: 100 },
    { type: "placement", nodes: ["n0", "n1"] },
  ]);
  events.placementChanged();
  events.placementChanged(["n"]);
  events.uploadMoved("u", 60, 100);
  events.uploadGone("u");
  await world.advance(200);
  assert.deepEqual(
    told.slice(3),
    [{ type: "upload-gone", id: "u" }, { type: "placement" }],
    "a gone upload moves no more",
  );
  events.filesChanged(["c"]);
  events.stop();
  await world.advance(1_000);
  assert.equal(told.length, 5);
});

test("a hub without listeners keeps a bounded past", () => {
  const world = new SeededWorld("hub");
  const hub = new EventHub(world);
  for (let at = 0; at < 2_000; at++) hub.publish({ type: "resync" });
  hub.stop();
});
