import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Listing, NewPhrase, NodeList, SecurityView, Task } from "@piccolo/device-api";
import { createOwnerEngine } from "@piccolo/storage/owner";
import { type Client, contentFolder, password, problemOf, refusedWith, TestDevice } from "../../test-support/device.ts";
import { claimed, confirmation } from "../../test-support/phrases.ts";
import { announce, begin, bytesOf, patch, upload } from "../../test-support/uploading.ts";
import { contentFolders, reserveOf } from "./room.ts";

const mebibyte = 1024 * 1024;
const diskBytes = 96 * mebibyte;

const productEngine = { createEngine: createOwnerEngine };

interface SmallDevice {
  readonly device: TestDevice;
  readonly folder: string;
  readonly freeBytes: () => number;
  /** Another program of the machine takes all but so many bytes. */
  readonly takeAllBut: (bytes: number) => void;
}

/** A device whose whole disk is small, with the product's engine unless another is given: what it uploads waits on that disk. */
async function smallDevice(context: TestContext, parts: Parameters<typeof TestDevice.start>[1]): Promise<SmallDevice> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskBytes}`, "tmpfs", folder]);
  const away = (): void => {
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  };
  const args = ["--spool-limit-bytes", String(diskBytes)];
  try {
    const device = await TestDevice.start(context, { folder, args, ...parts });
    context.after(async () => {
      await device.stop();
      away();
    });
    return { device, folder, freeBytes: () => freeIn(folder), takeAllBut: (bytes) => takeAllBut(folder, bytes) };
  } catch (error) {
    away();
    throw error;
  }
}

function freeIn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

function takeAllBut(folder: string, bytes: number): void {
  const file = openSync(join(folder, "another-program's"), "a");
  const page = Buffer.alloc(4096, 1);
  try {
    while (freeIn(folder) > bytes) writeSync(file, page);
  } finally {
    closeSync(file);
  }
}

/** Uploads until the device takes no more; the ids of what it took. */
async function uploadUntilFull(owner: Client): Promise<string[]> {
  const taken: string[] = [];
  for (let at = 0; ; at++) {
    const content = bytesOf(4 * mebibyte, at + 1);
    const announced = await announce(owner, { filename: `film-${at}`, sizeBytes: content.length });
    if (announced.status !== 201) {
      refusedWith(announced, 507, "disk-full");
      return taken;
    }
    const id = /([0-9a-f]{32})$/.exec(String(announced.headers["location"]))?.[1] ?? "";
    const reply = await patch(owner, id, 0, content);
    if (reply.status !== 204) {
      assert.equal(reply.status, 507, reply.text);
      assert.ok(["disk-full", "too-few-holders"].includes(problemOf(reply).code));
      return taken;
    }
    taken.push(String(reply.headers["piccolo-node"]));
  }
}

test("uploads end before the reserve, and on what is left the owner signs in, deletes, changes settings and adds again", async (context) => {
  const { device, freeBytes, takeAllBut } = await smallDevice(context, productEngine);
  const owner = await device.owner();
  const files = await uploadUntilFull(owner);
  assert.ok(files.length > 5, String(files.length));
  const reserve = reserveOf(diskBytes);
  assert.ok(freeBytes() >= reserve - 2 * mebibyte, `${freeBytes()} of ${reserve}`);

  // Another program takes most of the reserve, which nobody can keep it from here.
  takeAllBut(6 * mebibyte);
  refusedWith(await announce(owner, { filename: "more", sizeBytes: 10 }), 507, "disk-full");
  refusedWith(await owner.send("POST", "/files/folders", { parent: "root", name: "more" }), 507, "disk-full");

  const later = device.client();
  await later.signIn();
  await later.call("POST", "/session/password", { oldPassword: password, newPassword: "another password 2" });
  await later.call("PATCH", `/files/${files[0]}`, { name: "renamed" });
  await later.call("POST", "/lock");
  await later.call("POST", "/unlock", { password: "another password 2" });

  await device.stop();
  await device.start();
  const afterRestart = device.client();
  await afterRestart.signIn("another password 2");
  for (const file of files) await afterRestart.call("DELETE", `/files/${file}`);
  const { nodes } = await afterRestart.call<NodeList>("GET", "/trash");
  assert.equal(nodes.length, files.length);
  for (const { id } of nodes) await afterRestart.call("DELETE", `/trash/${id}`);
  while (readdirSync(join(contentFolder(device.folder), "spool")).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await upload(afterRestart, "again", bytesOf(mebibyte));
});

test("on a disk without a byte left everything says so, breaks nothing, and goes on once there is room", async (context) => {
  const { device, folder, takeAllBut } = await smallDevice(context, productEngine);
  const owner = await device.owner();
  const kept = await upload(owner, "kept", bytesOf(100_000, 3));
  const half = await begin(owner, { filename: "half", sizeBytes: 20 * mebibyte });
  takeAllBut(0);
  refusedWith(await patch(owner, half, 0, bytesOf(20 * mebibyte)), 507, "disk-full");
  refusedWith(await announce(owner, { filename: "more", sizeBytes: 10 }), 507, "disk-full");
  assert.ok((await owner.raw("GET", `/files/${kept}/content`)).bytes.equals(bytesOf(100_000, 3)));
  // What the journal of a database has room for already may still be committed; the rest is refused as a whole.
  for (let turn = 0; turn < 200; turn++) {
    const reply = await owner.send("PATCH", `/files/${kept}`, { name: `kept-${turn}` });
    if (reply.status === 200) continue;
    refusedWith(reply, 507, "disk-full");
    break;
  }
  rmSync(join(folder, "another-program's"));
  const { nodes } = await owner.call<Listing>("GET", "/files");
  assert.equal(nodes.length, 1);
  await owner.call("DELETE", `/files/${kept}`);
  assert.equal((await patch(owner, half, 0, bytesOf(20 * mebibyte))).status, 204);
});

test("whatever may grow on the volume lies in the folders of content, or is a database of the device's own", async (context) => {
  const device = await TestDevice.start(context, { createEngine: createOwnerEngine });
  const owner = await device.owner();
  await upload(owner, "file", bytesOf(100_000));
  const entries = readdirSync(contentFolder(device.folder), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  assert.deepEqual(
    folders.filter((name) => !(contentFolders as readonly string[]).includes(name)),
    [],
  );
  for (const name of ["fragments", "spool"]) assert.ok(existsSync(join(contentFolder(device.folder), name)), name);
});

test("files get new keys only beside the reserve: refused without room, stopped when it goes, and gone on with when there is some", async (context) => {
  const { device, folder, freeBytes, takeAllBut } = await smallDevice(context, {});
  const { owner, phrase } = await claimed(device);
  await owner.send("POST", "/security/phrase/confirm", confirmation(phrase));
  for (let at = 0; at < 12; at++) await upload(owner, `file ${at}`, bytesOf(1_000, at));
  const made = await owner.call<NewPhrase>("POST", "/security/phrase", { password });
  const rekey = await owner.call<Task>("POST", "/security/rekey", { password, confirmation: confirmation(made) });
  const taskOf = (id: string): Promise<Task> => owner.call<Task>("GET", `/tasks/${id}`);
  const until = async (id: string, holds: (task: Task) => boolean): Promise<Task> => {
    for (let task = await taskOf(id); ; task = await taskOf(id)) {
      if (holds(task)) return task;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  assert.equal((await until(rekey.id, ({ state }) => state !== "running")).state, "done");

  const reserve = reserveOf(diskBytes);
  takeAllBut(reserve);
  const ask = () => owner.send("POST", "/security/re-encrypt", { password });
  refusedWith(await ask(), 507, "disk-full");
  rmSync(join(folder, "another-program's"));

  const [reached, gate] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  let asked = 0;
  device.control.sealGate = () => {
    if (asked++ < 3) return Promise.resolve();
    reached.resolve(undefined);
    return gate.promise;
  };
  const { id } = JSON.parse((await ask()).text) as Task;
  await reached.promise;
  takeAllBut(reserve);
  gate.resolve(undefined);
  const stopped = await until(id, ({ step }) => /room on this device's disk/.test(step));
  assert.equal(stopped.state, "running");
  const left = (await owner.call<SecurityView>("GET", "/security")).reencryption;
  assert.ok(left.versions > 0 && left.versions < 12, String(left.versions));
  assert.ok(freeBytes() >= reserve - mebibyte, `${freeBytes()} of ${reserve}`);
  rmSync(join(folder, "another-program's"));
  const ended = await until(id, ({ state }) => state !== "running");
  assert.deepEqual([ended.state, ended.result], ["done", { versions: 12, unreadable: 0 }]);
});
