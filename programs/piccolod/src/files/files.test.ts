import assert from "node:assert/strict";
import { test } from "node:test";
import type { Listing, Node, NodeList, Task, Version } from "@piccolo/device-api";
import { type Client, refusedWith, TestDevice } from "../../test-support/device.ts";
import { bytesOf, upload } from "../../test-support/uploading.ts";

const dayMs = 24 * 3_600_000;
const folder = (client: Client, name: string, parent = "root"): Promise<Node> =>
  client.call<Node>("POST", "/files/folders", { parent, name });
const names = async (client: Client, query = "parent=root"): Promise<string[]> =>
  (await client.call<Listing>("GET", `/files?${query}`)).nodes.map(({ name }) => name);
const trashNames = async (client: Client): Promise<string[]> =>
  (await client.call<NodeList>("GET", "/trash")).nodes.map(({ name }) => name);

async function ended(client: Client, task: Task): Promise<Task> {
  let now = task;
  while (now.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 20));
    now = await client.call<Task>("GET", `/tasks/${task.id}`);
  }
  return now;
}

test("a name in use, by another case or another form of its letters, is refused", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  await folder(owner, "Caf\u00e9");
  for (const name of ["Caf\u00e9", "CAF\u00c9", "cafe\u0301"]) {
    refusedWith(await owner.send("POST", "/files/folders", { parent: "root", name }), 409, "name-taken");
  }
  await folder(owner, "Cafe");
  const file = await upload(owner, "a", bytesOf(1));
  refusedWith(await owner.send("PATCH", `/files/${file}`, { name: "CAFE" }), 409, "name-taken");
  assert.equal(
    (await owner.call<Node>("PATCH", `/files/${file}`, { name: "A" })).name,
    "A",
    "its own name is free to it",
  );
});

test("names and places that cannot be are refused", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const file = await upload(owner, "a", bytesOf(1));
  const create = (parent: string, name: string) => owner.send("POST", "/files/folders", { parent, name });
  for (const name of ["", ".", "..", "a/b", "x\u0007", "\ud800", "x".repeat(256)]) {
    refusedWith(await create("root", name), 400, "invalid-name");
    refusedWith(await owner.send("PATCH", `/files/${file}`, { name }), 400, "invalid-name");
  }
  refusedWith(await create("0".repeat(32), "x"), 404, "not-found");
  refusedWith(await create("nonsense", "x"), 404, "not-found");
  refusedWith(await create(file, "x"), 409, "not-a-folder");
  refusedWith(await owner.send("PATCH", `/files/${file}`, { parent: file }), 409, "not-a-folder");
  refusedWith(await owner.send("PATCH", "/files/root", { name: "x" }), 404, "not-found");
  refusedWith(await owner.send("DELETE", "/files/root"), 404, "not-found");
  refusedWith(await owner.send("GET", `/files?parent=${file}`), 409, "not-a-folder");
  refusedWith(await owner.send("GET", `/files/${"1".repeat(32)}`), 404, "not-found");
});

test("a folder is not moved into itself or below itself", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const [a, other] = [await folder(owner, "a"), await folder(owner, "other")];
  const b = await folder(owner, "b", a.id);
  const c = await folder(owner, "c", b.id);
  for (const target of [a, b, c]) {
    refusedWith(await owner.send("PATCH", `/files/${a.id}`, { parent: target.id }), 409, "folder-into-itself");
  }
  const moved = await owner.call<Node>("PATCH", `/files/${b.id}`, { parent: other.id, name: "B" });
  assert.deepEqual([moved.parent, moved.name], [other.id, "B"]);
  const { path } = await owner.call<Listing>("GET", `/files?parent=${c.id}`);
  assert.deepEqual(
    path.map(({ name }) => name),
    ["", "other", "B", "c"],
  );
  assert.equal((await owner.call<Node>("PATCH", `/files/${c.id}`, { parent: "root" })).parent, "root");
});

test("folders lie 64 deep at most, however they come there", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  let parent = "root";
  let half = "";
  for (let level = 1; level <= 64; level++) {
    parent = (await folder(owner, `${level}`, parent)).id;
    if (level === 32) half = parent;
  }
  refusedWith(await owner.send("POST", "/files/folders", { parent, name: "x" }), 409, "too-deep");
  const top = await folder(owner, "top");
  const inner = await folder(owner, "inner", top.id);
  refusedWith(await owner.send("PATCH", `/files/${top.id}`, { parent }), 409, "too-deep");
  await owner.call("PATCH", `/files/${half}`, { parent: inner.id });
  refusedWith(await owner.send("PATCH", `/files/${top.id}`, { parent: half }), 409, "folder-into-itself");
});

test("a listing comes in pages in every order, folders first", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  for (const [name, size, modifiedMs] of [
    ["b", 3, 2_000],
    ["A", 1, 3_000],
    ["c", 2, 1_000],
    ["ä", 2, 1_000],
  ] as const) {
    await upload(owner, name, bytesOf(size), { modifiedMs });
  }
  for (const name of ["Z", "y"]) await folder(owner, name);
  const expected = {
    "sort=name&order=asc": ["y", "Z", "A", "b", "c", "ä"],
    "sort=name&order=desc": ["Z", "y", "ä", "c", "b", "A"],
    "sort=size&order=asc": ["y", "Z", "A", "c", "ä", "b"],
    "sort=modified&order=asc": ["Z", "y", "c", "ä", "b", "A"],
  };
  for (const [order, all] of Object.entries(expected)) {
    assert.deepEqual(await names(owner, order), all, order);
    const paged: string[] = [];
    let cursor = "";
    do {
      const page = await owner.call<Listing>("GET", `/files?${order}&limit=2${cursor}`);
      assert.ok(page.nodes.length <= 2);
      paged.push(...page.nodes.map(({ name }) => name));
      cursor = page.nextCursor === undefined ? "" : `&cursor=${encodeURIComponent(page.nextCursor)}`;
    } while (cursor !== "");
    assert.deepEqual(paged, all, `${order} in pages`);
  }
});

test("a cursor of another listing, or one that was made up, is refused", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  for (const name of ["a", "b", "c"]) await folder(owner, name);
  const { nextCursor = "" } = await owner.call<Listing>("GET", "/files?limit=1");
  for (const query of [
    `sort=size&cursor=${nextCursor}`,
    `order=desc&cursor=${nextCursor}`,
    "cursor=x",
    "cursor=e30",
    "cursor=%F0%9F%98%80",
  ]) {
    refusedWith(await owner.send("GET", `/files?${query}`), 400, "invalid-cursor");
  }
  refusedWith(await owner.send("GET", `/trash?cursor=${nextCursor}`), 400, "invalid-cursor");
});

test("a search finds parts of names without regard to case, and nothing that is in the trash", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const photos = await folder(owner, "Photos 100%");
  await upload(owner, "Straße_1.jpg", bytesOf(1), { parent: photos.id });
  await upload(owner, "strasse_2.jpg", bytesOf(1));
  const gone = await folder(owner, "gone");
  await upload(owner, "STRASSE_3.jpg", bytesOf(1), { parent: gone.id });
  await owner.call("DELETE", `/files/${gone.id}`);
  const find = async (q: string, more = ""): Promise<string[]> =>
    (await owner.call<NodeList>("GET", `/files/search?q=${encodeURIComponent(q)}${more}`)).nodes.map(
      ({ name }) => name,
    );
  assert.deepEqual(await find("STRASSE"), ["Straße_1.jpg", "strasse_2.jpg"]);
  assert.deepEqual(await find("ße_1"), ["Straße_1.jpg"]);
  assert.deepEqual(await find("0%"), ["Photos 100%"]);
  assert.deepEqual(await find("_"), ["Straße_1.jpg", "strasse_2.jpg"]);
  assert.deepEqual(await find("nothing"), []);
  const first = await owner.call<NodeList>("GET", "/files/search?q=strasse&limit=1");
  assert.deepEqual(
    first.nodes.map(({ name }) => name),
    ["Straße_1.jpg"],
  );
  assert.deepEqual(await find("strasse", `&limit=1&cursor=${first.nextCursor}`), ["strasse_2.jpg"]);
  refusedWith(await owner.send("GET", "/files/search?q="), 400, "invalid-request");
});

test("the trash shows what was deleted, from where, and gives it back", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const photos = await folder(owner, "photos");
  const file = await upload(owner, "a.jpg", bytesOf(5), { parent: photos.id });
  await owner.call("DELETE", `/files/${file}`);
  const [entry] = (await owner.call<NodeList>("GET", "/trash")).nodes;
  assert.deepEqual([entry?.id, entry?.name, entry?.from, entry?.sizeBytes], [file, "a.jpg", "/photos", 5]);
  assert.equal((entry?.purgeAtMs ?? 0) - (entry?.trashedAtMs ?? 0), 30 * dayMs);
  assert.equal((await owner.call<Node>("GET", `/files/${file}`)).trashedAtMs, entry?.trashedAtMs);
  refusedWith(await owner.send("PATCH", `/files/${file}`, { name: "b" }), 409, "in-trash");
  refusedWith(await owner.send("DELETE", `/files/${file}`), 409, "in-trash");
  refusedWith(await owner.send("POST", `/trash/${photos.id}/restore`), 409, "not-in-trash");
  const restored = await owner.call<Node>("POST", `/trash/${file}/restore`);
  assert.deepEqual([restored.parent, restored.name, restored.trashedAtMs], [photos.id, "a.jpg", undefined]);
  refusedWith(await owner.send("POST", `/trash/${file}/restore`), 409, "not-in-trash");
  assert.deepEqual(await trashNames(owner), []);
});

test("what comes back finds another name when its own is taken, and the top folder when its own is gone", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const photos = await folder(owner, "photos");
  const file = await upload(owner, "a.jpg", bytesOf(5), { parent: photos.id });
  await owner.call("DELETE", `/files/${file}`);
  await upload(owner, "A.jpg", bytesOf(6), { parent: photos.id });
  assert.equal((await owner.call<Node>("POST", `/trash/${file}/restore`)).name, "a (2).jpg");
  await owner.call("DELETE", `/files/${file}`);
  await owner.call("DELETE", `/files/${photos.id}`);
  const top = await owner.call<Node>("POST", `/trash/${file}/restore`);
  assert.deepEqual([top.parent, top.name], ["root", "a (2).jpg"]);
  await owner.call("DELETE", `/files/${file}`);
  await owner.call("DELETE", `/trash/${photos.id}`);
  assert.equal(
    (await owner.call<Node>("POST", `/trash/${file}/restore`)).parent,
    "root",
    "also when it is gone for good",
  );
});

test("a deleted folder takes all that is in it along, and brings it back", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const [outer, names_] = [await folder(owner, "outer"), ["one", "two"]];
  const inner = await folder(owner, "inner", outer.id);
  for (const name of names_) await upload(owner, name, bytesOf(3), { parent: inner.id });
  await owner.call("DELETE", `/files/${outer.id}`);
  assert.deepEqual([await names(owner), await trashNames(owner)], [[], ["outer"]]);
  refusedWith(await owner.send("GET", `/files/${inner.id}`), 409, "in-trash");
  refusedWith(await owner.send("GET", `/files?parent=${inner.id}`), 409, "in-trash");
  await folder(owner, "outer");
  assert.equal((await owner.call<Node>("POST", `/trash/${outer.id}/restore`)).name, "outer (2)");
  assert.deepEqual(await names(owner, `parent=${inner.id}`), names_);
});

test("what is removed from the trash is gone with its versions, and nothing else is", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const outer = await folder(owner, "outer");
  const inner = await folder(owner, "inner", outer.id);
  const file = await upload(owner, "a", bytesOf(3, 1), { parent: inner.id });
  await upload(owner, "a", bytesOf(4, 2), { parent: inner.id, onConflict: "version" });
  const earlier = await upload(owner, "b", bytesOf(3), { parent: inner.id });
  await owner.call("DELETE", `/files/${earlier}`);
  await owner.call("DELETE", `/files/${outer.id}`);
  await owner.call("DELETE", `/trash/${outer.id}`);
  refusedWith(await owner.send("DELETE", `/trash/${outer.id}`), 409, "not-in-trash");
  for (const id of [outer.id, inner.id, file]) refusedWith(await owner.send("GET", `/files/${id}`), 404, "not-found");
  assert.deepEqual(await trashNames(owner), ["b"], "what was deleted from it before has a time of its own");
  assert.equal((await owner.call<Node>("POST", `/trash/${earlier}/restore`)).parent, "root");
});

test("the trash is emptied as a task, also of a folder with many files", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const many = await folder(owner, "many");
  for (let at = 0; at < 260; at++) await folder(owner, `f${at}`, many.id);
  await owner.call("DELETE", `/files/${many.id}`);
  await owner.call("DELETE", `/files/${await upload(owner, "a", bytesOf(3))}`);
  const task = await ended(owner, await owner.call<Task>("DELETE", "/trash"));
  assert.deepEqual([task.state, task.kind, task.result], ["done", "purge-trash", { removed: 2 }]);
  assert.deepEqual(await trashNames(owner), []);
});

test("trash and older versions go by themselves after 30 days", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const deleted = await upload(owner, "deleted", bytesOf(3));
  const kept = await upload(owner, "kept", bytesOf(3, 1));
  await upload(owner, "kept", bytesOf(4, 2), { onConflict: "version" });
  await owner.call("DELETE", `/files/${deleted}`);
  const restart = async (): Promise<Client> => {
    await device.stop();
    await device.start();
    const client = device.client();
    await client.signIn();
    return client;
  };
  device.world.aheadMs += 29 * dayMs;
  let client = await restart();
  assert.deepEqual(await trashNames(client), ["deleted"]);
  device.world.aheadMs += 2 * dayMs;
  client = await restart();
  assert.deepEqual(await trashNames(client), []);
  const { versions } = await client.call<{ versions: Version[] }>("GET", `/files/${kept}/versions`);
  assert.deepEqual(
    versions.map(({ current, sizeBytes }) => [current, sizeBytes]),
    [[true, 4]],
  );
});

test("older versions are listed, become current again, and are deleted one by one", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await upload(owner, "a", bytesOf(1, 1));
  for (const size of [2, 3]) {
    device.world.aheadMs += 1_000;
    await upload(owner, "a", bytesOf(size), { onConflict: "version" });
  }
  const list = async (): Promise<Version[]> =>
    (await owner.call<{ versions: Version[] }>("GET", `/files/${id}/versions`)).versions;
  const before = await list();
  assert.deepEqual(
    before.map(({ sizeBytes, current }) => [sizeBytes, current]),
    [
      [3, true],
      [2, false],
      [1, false],
    ],
  );
  assert.deepEqual(
    before.map(({ purgeAtMs }) => purgeAtMs === undefined),
    [true, false, false],
  );
  const [newest, , oldest] = before.map(({ versionId }) => versionId);
  const restored = await owner.call<Node>("POST", `/files/${id}/versions/${oldest}/restore`);
  assert.deepEqual([restored.sizeBytes, restored.versions], [1, 3]);
  refusedWith(await owner.send("DELETE", `/files/${id}/versions/${oldest}`), 409, "version-is-current");
  assert.equal((await owner.send("DELETE", `/files/${id}/versions/${newest}`)).status, 204);
  refusedWith(await owner.send("DELETE", `/files/${id}/versions/${newest}`), 404, "not-found");
  refusedWith(await owner.send("POST", `/files/${id}/versions/${newest}/restore`), 404, "not-found");
  assert.deepEqual(
    (await list()).map(({ sizeBytes, current }) => [sizeBytes, current]),
    [
      [2, false],
      [1, true],
    ],
  );
  const top = await folder(owner, "folder");
  refusedWith(await owner.send("GET", `/files/${top.id}/versions`), 409, "not-a-file");
});

test("a change that is cut off before its commit leaves nothing, after it everything", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const file = await upload(owner, "a", bytesOf(3));
  const cutAt = (point: string): void => {
    device.atCrashPoint = (name) => {
      if (name === point) throw new Error("cut off");
    };
  };
  cutAt("before-node-change");
  refusedWith(await owner.send("PATCH", `/files/${file}`, { name: "b" }), 500, "internal");
  cutAt("before-trashing");
  refusedWith(await owner.send("DELETE", `/files/${file}`), 500, "internal");
  assert.deepEqual(await names(owner), ["a"]);
  cutAt("after-node-change");
  refusedWith(await owner.send("PATCH", `/files/${file}`, { name: "b" }), 500, "internal");
  assert.deepEqual(await names(owner), ["b"]);
  cutAt("after-trashing");
  refusedWith(await owner.send("DELETE", `/files/${file}`), 500, "internal");
  assert.deepEqual([await names(owner), await trashNames(owner)], [[], ["b"]]);
});
