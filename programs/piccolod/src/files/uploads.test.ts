import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { Listing, Node } from "@piccolo/device-api";
import { engineFaults, extentPlainBytes } from "@piccolo/storage/owner";
import { type Client, contentFolder, refusedWith, TestDevice } from "../../test-support/device.ts";
import {
  announce,
  begin,
  bytesOf,
  discard,
  head,
  metadataOf,
  offsetOf,
  isTaken,
  patch,
  unfinished,
  upload,
} from "../../test-support/uploading.ts";
import { createWasmBlake3 } from "../adapters/fragment-hash.ts";

const names = async (client: Client, parent = "root"): Promise<string[]> =>
  (await client.call<Listing>("GET", `/files?parent=${parent}`)).nodes.map(({ name }) => name);
const content = async (client: Client, id: string): Promise<Buffer> =>
  (await client.raw("GET", `/files/${id}/content`)).bytes;

test("an announcement that says too little, too much or nonsense is refused", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const good = { "tus-resumable": "1.0.0", "upload-length": "5", "upload-metadata": metadataOf({ filename: "a" }) };
  const create = (headers: Record<string, string>) =>
    owner.raw("POST", "/uploads", { headers: { ...good, ...headers } });
  const noVersion = await owner.raw("POST", "/uploads", { headers: { "upload-length": "5" } });
  refusedWith(noVersion, 412, "tus-version");
  assert.equal(noVersion.headers["tus-version"], "1.0.0");
  refusedWith(await create({ "tus-resumable": "0.2.2" }), 412, "tus-version");
  for (const length of ["", "-1", "1.5", "0x10", "1e3", "9".repeat(16)]) {
    refusedWith(await create({ "upload-length": length }), 400, "invalid-upload");
  }
  refusedWith(await create({ "upload-length": "9".repeat(15) }), 413, "upload-too-large");
  for (const metadata of [
    "",
    "filename",
    "filename !!!",
    "filename YQ==,filename YQ==",
    "filename YQ== x",
    "filename gIA=",
    `filename YQ==,${"x".repeat(9_000)}`,
  ]) {
    refusedWith(
      await create({ "upload-metadata": metadata }),
      400,
      metadata === "filename" ? "invalid-name" : "invalid-upload",
    );
  }
  refusedWith(await announce(owner, { filename: "a", sizeBytes: 1, onConflict: "overwrite" }), 400, "invalid-upload");
  refusedWith(await announce(owner, { filename: "a", sizeBytes: 1, modifiedMs: Number.NaN }), 400, "invalid-upload");
  refusedWith(await announce(owner, { filename: "a", sizeBytes: 1, parent: "0".repeat(32) }), 404, "not-found");
  const withBody = await owner.raw("POST", "/uploads", { headers: good, body: "12345" });
  refusedWith(withBody, 400, "invalid-upload");
  assert.deepEqual(await unfinished(owner), []);
});

test("a name that cannot be is refused before a byte is sent", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  for (const filename of ["..", "a/b", "a\u0000b", "\u{1f600}".repeat(64)]) {
    refusedWith(await announce(owner, { filename, sizeBytes: 1 }), 400, "invalid-name");
  }
  const file = await upload(owner, "a.txt", bytesOf(3));
  refusedWith(await announce(owner, { filename: "A.TXT", sizeBytes: 1 }), 409, "name-taken");
  refusedWith(await announce(owner, { filename: "b", sizeBytes: 1, parent: file }), 409, "not-a-folder");
});

test("files of no, one and many segments arrive bit by bit", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  for (const size of [0, 1, 70_000, extentPlainBytes, extentPlainBytes + 1, 2 * extentPlainBytes + 5]) {
    const bytes = bytesOf(size);
    const id = await upload(owner, `file-${size}`, bytes, { mediaType: "image/png", modifiedMs: 1_600_000_000_000 });
    assert.ok((await content(owner, id)).equals(bytes), String(size));
    const node = await owner.call<Node>("GET", `/files/${id}`);
    assert.deepEqual(
      [node.sizeBytes, node.mediaType, node.modifiedAtMs, node.placement, node.versions],
      [size, "image/png", 1_600_000_000_000, "durable", 1],
    );
  }
});

test("an upload without bytes is complete at its announcement, and a repeated end of it is no error", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const reply = await announce(owner, { filename: "empty", sizeBytes: 0 });
  assert.equal(reply.status, 201);
  const node = String(reply.headers["piccolo-node"]);
  assert.deepEqual([reply.headers["upload-offset"], reply.headers["piccolo-placement"]], ["0", "durable"]);
  const id = String(reply.headers["location"]).split("/").at(-1) ?? "";
  const again = await patch(owner, id, 0, new Uint8Array(0));
  assert.deepEqual([again.status, again.headers["piccolo-node"]], [204, node]);
  assert.deepEqual(await names(owner), ["empty"]);
});

test("the end of a complete upload is told again for a day, also after a restart", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await begin(owner, { filename: "a", sizeBytes: 4 });
  const first = await patch(owner, id, 0, bytesOf(4));
  await device.stop();
  await device.start();
  const client = device.client();
  await client.signIn();
  const again = await patch(client, id, 4, new Uint8Array(0));
  assert.deepEqual([again.status, again.headers["piccolo-node"]], [204, first.headers["piccolo-node"]]);
  assert.equal((await head(client, id)).headers["piccolo-node"], first.headers["piccolo-node"]);
  refusedWith(await patch(client, id, 4, bytesOf(1)), 413, "upload-too-long");
  refusedWith(await patch(client, id, 0, new Uint8Array(0)), 409, "upload-offset-differs");
  device.world.aheadMs += 25 * 3_600_000;
  assert.equal((await head(client, id)).status, 404);
  assert.deepEqual(await names(client), ["a"], "the file stays");
});

test("a part that does not begin where the upload stands, or is no bytes, is refused", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const id = await begin(owner, { filename: "a", sizeBytes: 10 });
  const wrong = refusedWith(await patch(owner, id, 3, bytesOf(7)), 409, "upload-offset-differs");
  assert.deepEqual(wrong.details, { offsetBytes: 0 });
  refusedWith(await patch(owner, id, 0, bytesOf(1), { headers: { "upload-offset": "x" } }), 400, "invalid-upload");
  const type = { headers: { "content-type": "application/octet-stream" } };
  refusedWith(await patch(owner, id, 0, bytesOf(1), type), 415, "unsupported-media-type");
  refusedWith(await patch(owner, "0".repeat(32), 0, bytesOf(1)), 404, "upload-not-found");
  refusedWith(await patch(owner, "x", 0, bytesOf(1)), 404, "upload-not-found");
  assert.equal((await head(owner, "f".repeat(32))).status, 404);
  assert.equal(await offsetOf(owner, id), 0);
});

test("more bytes than announced are refused, said beforehand or not, and nothing of them shows", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const id = await begin(owner, { filename: "a", sizeBytes: 10 });
  refusedWith(await patch(owner, id, 0, bytesOf(11)), 413, "upload-too-long");
  const chunked = { headers: { "transfer-encoding": "chunked" } };
  refusedWith(await patch(owner, id, 0, bytesOf(11), chunked), 413, "upload-too-long");
  refusedWith(await patch(owner, id, 0, bytesOf(3_000_000), chunked), 413, "upload-too-long");
  assert.deepEqual(await names(owner), []);
  assert.equal(await offsetOf(owner, id), 0);
  assert.equal((await patch(owner, id, 0, bytesOf(10), chunked)).status, 204);
});

test("an upload goes on in parts of any size", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const bytes = bytesOf(extentPlainBytes + 300_000);
  const id = await begin(owner, { filename: "a", sizeBytes: bytes.length });
  let offset = 0;
  for (const length of [1, 99_999, extentPlainBytes, 199_000]) {
    const reply = await patch(owner, id, offset, bytes.subarray(offset, offset + length));
    offset += length;
    assert.deepEqual(
      [reply.status, reply.headers["upload-offset"], reply.headers["piccolo-node"]],
      [204, String(offset), undefined],
    );
    assert.equal(await offsetOf(owner, id), offset);
    assert.deepEqual(await names(owner), [], "a file shows when it is whole");
  }
  const [state] = await unfinished(owner);
  assert.deepEqual(state?.segmentBytes, [1, 99_999, extentPlainBytes, 199_000]);
  const last = await patch(owner, id, offset, bytes.subarray(offset));
  assert.ok((await content(owner, String(last.headers["piccolo-node"]))).equals(bytes));
  assert.deepEqual(await unfinished(owner), []);
});

test("a client that breaks off keeps what was committed, and goes on from there", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const bytes = bytesOf(extentPlainBytes + 500_000);
  const id = await begin(owner, { filename: "a", sizeBytes: bytes.length });
  const init = { breakOff: true, headers: { "content-length": String(bytes.length) } };
  await assert.rejects(patch(owner, id, 0, bytes.subarray(0, extentPlainBytes + 400_000), init));
  while ((await unfinished(owner))[0]?.active === true) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await offsetOf(owner, id), extentPlainBytes);
  await device.stop();
  await device.start();
  const client = device.client();
  await client.signIn();
  const last = await patch(client, id, extentPlainBytes, bytes.subarray(extentPlainBytes));
  assert.ok((await content(client, String(last.headers["piccolo-node"]))).equals(bytes));
});

test("two requests that send one upload at once do not mix", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await begin(owner, { filename: "a", sizeBytes: 10 });
  const gate = Promise.withResolvers<void>();
  device.control.writeGate = gate.promise;
  const first = patch(owner, id, 0, bytesOf(10));
  await isTaken(owner);
  const busy = refusedWith(await patch(owner, id, 0, bytesOf(10, 2)), 423, "upload-busy");
  assert.equal(busy.retry, true);
  gate.resolve();
  const reply = await first;
  assert.ok((await content(owner, String(reply.headers["piccolo-node"]))).equals(bytesOf(10)));
});

test("what the engine cannot keep is told with its code, and the upload goes on later", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await begin(owner, { filename: "a", sizeBytes: 20_000_000 });
  device.control.writeFault = engineFaults.fault("too-few-holders", "too few members are online");
  const refused = refusedWith(await patch(owner, id, 0, bytesOf(20_000_000)), 507, "too-few-holders");
  assert.equal(refused.retry, true);
  assert.equal(await offsetOf(owner, id), 0);
  assert.equal((await patch(owner, id, 0, bytesOf(20_000_000))).status, 204);
});

test("a file that lies only on this device is said to be pending", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  device.control.state = "pending";
  const id = await begin(owner, { filename: "a", sizeBytes: 3 });
  const reply = await patch(owner, id, 0, bytesOf(3));
  assert.equal(reply.headers["piccolo-placement"], "pending");
  const [node] = (await owner.call<Listing>("GET", "/files")).nodes;
  assert.equal(node?.placement, "pending");
});

test("of two uploads to one name the second is refused at its end, and may end under another name", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const [first, second] = [
    await begin(owner, { filename: "a.txt", sizeBytes: 3 }),
    await begin(owner, { filename: "A.txt", sizeBytes: 3 }),
  ];
  assert.equal((await patch(owner, first, 0, bytesOf(3, 1))).status, 204);
  refusedWith(await patch(owner, second, 0, bytesOf(3, 2)), 409, "name-taken");
  assert.equal(await offsetOf(owner, second), 3);
  refusedWith(await patch(owner, second, 3, new Uint8Array(0)), 409, "name-taken");
  const [node] = (await owner.call<Listing>("GET", "/files")).nodes;
  await owner.call("PATCH", `/files/${node?.id}`, { name: "moved.txt" });
  assert.equal((await patch(owner, second, 3, new Uint8Array(0))).status, 204);
  assert.deepEqual(await names(owner), ["A.txt", "moved.txt"]);
});

test("a taken name may become a new version or another name", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const first = await upload(owner, "a.txt", bytesOf(3, 1));
  const version = await upload(owner, "A.TXT", bytesOf(4, 2), { onConflict: "version" });
  assert.equal(version, first);
  assert.ok((await content(owner, first)).equals(bytesOf(4, 2)));
  const renamed = await upload(owner, "a.txt", bytesOf(5, 3), { onConflict: "rename" });
  assert.notEqual(renamed, first);
  await upload(owner, "a.txt", bytesOf(5, 3), { onConflict: "rename" });
  assert.deepEqual(await names(owner), ["a (2).txt", "a (3).txt", "a.txt"]);
  await owner.call("POST", "/files/folders", { parent: "root", name: "folder" });
  const overFolder = { filename: "folder", sizeBytes: 3, onConflict: "version" };
  refusedWith(await announce(owner, overFolder), 409, "name-taken");
});

test("an upload whose folder is gone at its end is refused, and ends when the folder is back", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const folder = await owner.call<Node>("POST", "/files/folders", { parent: "root", name: "folder" });
  const id = await begin(owner, { filename: "a", sizeBytes: 3, parent: folder.id });
  await owner.call("DELETE", `/files/${folder.id}`);
  refusedWith(await patch(owner, id, 0, bytesOf(3)), 409, "in-trash");
  await owner.call("POST", `/trash/${folder.id}/restore`);
  assert.equal((await patch(owner, id, 3, new Uint8Array(0))).status, 204);
  assert.deepEqual(await names(owner, folder.id), ["a"]);
});

test("a removed upload is gone, also one that is being sent", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await begin(owner, { filename: "a", sizeBytes: 3 });
  assert.equal((await discard(owner, id)).status, 204);
  refusedWith(await discard(owner, id), 404, "upload-not-found");
  const sent = await begin(owner, { filename: "b", sizeBytes: extentPlainBytes * 2 });
  const gate = Promise.withResolvers<void>();
  device.control.writeGate = gate.promise;
  const sending = patch(owner, sent, 0, bytesOf(extentPlainBytes * 2));
  await isTaken(owner);
  const removing = discard(owner, sent);
  gate.resolve();
  assert.equal((await removing).status, 204);
  refusedWith(await sending, 404, "upload-not-found");
  assert.deepEqual([await names(owner), await unfinished(owner)], [[], []]);
});

test("an upload nobody goes on with expires after a week, and going on gives it another", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const dayMs = 24 * 3_600_000;
  const id = await begin(owner, { filename: "a", sizeBytes: 30 });
  device.world.aheadMs += 6 * dayMs;
  assert.equal((await patch(owner, id, 0, bytesOf(10))).status, 204);
  device.world.aheadMs += 6 * dayMs;
  assert.equal(await offsetOf(owner, id), 10);
  device.world.aheadMs += 2 * dayMs;
  assert.equal((await head(owner, id)).status, 404);
  refusedWith(await patch(owner, id, 10, bytesOf(10)), 404, "upload-not-found");
});

test("a version that came back without its upload, as from a backup, is removed; one that has its upload stays", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const shown = await upload(owner, "shown", bytesOf(5));
  const [kept, orphan] = [
    await begin(owner, { filename: "kept", sizeBytes: 30 }),
    await begin(owner, { filename: "orphan", sizeBytes: 30 }),
  ];
  for (const id of [kept, orphan]) assert.equal((await patch(owner, id, 0, bytesOf(10))).status, 204);
  await device.stop();
  const read = <T>(use: (db: DatabaseSync) => T): T => {
    const db = new DatabaseSync(join(contentFolder(device.folder), "owner.db"));
    try {
      return use(db);
    } finally {
      db.close();
    }
  };
  const versions = (db: DatabaseSync): unknown => db.prepare("SELECT count(*) AS count FROM version").get()?.["count"];
  assert.equal(read(versions), 3);
  read((db) => db.prepare("DELETE FROM upload WHERE filename = 'orphan'").run());
  await device.start();
  const client = device.client();
  await client.signIn();
  assert.equal(await offsetOf(client, kept), 10);
  assert.deepEqual(await content(client, shown), Buffer.from(bytesOf(5)));
  await device.stop();
  assert.equal(read(versions), 2);
  assert.equal(
    read((db) => db.prepare("SELECT count(*) AS count FROM segment WHERE state = 2").get()?.["count"]),
    1,
  );
});

test("the device knows whether another file begins like the one it has a part of", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const blake3 = await createWasmBlake3();
  const hex = (bytes: Uint8Array): string => Buffer.from(blake3.hash(bytes)).toString("hex");
  const bytes = bytesOf(extentPlainBytes + 100_000);
  const id = await begin(owner, { filename: "a", sizeBytes: bytes.length + 1 });
  await patch(owner, id, 0, bytes);
  const hashes = [hex(bytes.subarray(0, extentPlainBytes)), hex(bytes.subarray(extentPlainBytes))];
  const check = (segments: readonly string[], fromSegment = 0) =>
    owner.call("POST", `/uploads/${id}/check`, { segments, fromSegment });
  assert.deepEqual(await check(hashes), { same: true });
  assert.deepEqual(await check([...hashes, hex(bytes)]), { same: true });
  assert.deepEqual(await check(hashes.slice(1), 1), { same: true });
  assert.deepEqual(await check([hashes[0] ?? "", hex(bytes)]), { same: false, firstDifferent: 1 });
  assert.deepEqual(await check([hashes[1] ?? "", hashes[1] ?? ""]), { same: false, firstDifferent: 0 });
  refusedWith(
    await owner.send("POST", `/uploads/${id}/check`, { segments: ["x"], fromSegment: 0 }),
    400,
    "invalid-request",
  );
});

test("hashes of bytes that were given up do not stand for those that came instead", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const blake3 = await createWasmBlake3();
  const id = await begin(owner, { filename: "a", sizeBytes: 100 });
  device.control.writeFault = engineFaults.fault("too-few-holders", "too few members are online");
  refusedWith(await patch(owner, id, 0, bytesOf(50, 1)), 507, "too-few-holders");
  await patch(owner, id, 0, bytesOf(50, 2));
  const segments = [Buffer.from(blake3.hash(bytesOf(50, 2))).toString("hex")];
  assert.deepEqual(await owner.call("POST", `/uploads/${id}/check`, { segments, fromSegment: 0 }), { same: true });
  const different = { headers: { "piccolo-prefix-blake3": Buffer.from(blake3.hash(bytesOf(50, 1))).toString("hex") } };
  refusedWith(await patch(owner, id, 50, bytesOf(50), different), 409, "upload-bytes-differ");
  const same = { headers: { "piccolo-prefix-blake3": segments[0] ?? "" } };
  assert.equal((await patch(owner, id, 50, bytesOf(50), same)).status, 204);
});

test("a device that stops ends an upload with its reason, and goes on after the start", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await begin(owner, { filename: "a", sizeBytes: 10 });
  const gate = Promise.withResolvers<void>();
  device.control.writeGate = gate.promise;
  const sending = patch(owner, id, 0, bytesOf(10));
  await isTaken(owner);
  const stopped = device.stop();
  gate.resolve();
  refusedWith(await sending, 503, "stopping");
  await stopped;
  await device.start();
  const client = device.client();
  await client.signIn();
  assert.equal((await patch(client, id, 0, bytesOf(10))).status, 204);
});

test("completing and showing a file is one commit", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await begin(owner, { filename: "a", sizeBytes: 10 });
  device.atCrashPoint = (name) => {
    if (name === "before-version-completion") throw new Error("crash");
  };
  refusedWith(await patch(owner, id, 0, bytesOf(10)), 500, "internal");
  assert.deepEqual(await names(owner), []);
  device.atCrashPoint = (name) => {
    if (name === "after-version-completion") throw new Error("crash");
  };
  refusedWith(await patch(owner, id, 10, new Uint8Array(0)), 500, "internal");
  assert.deepEqual(await names(owner), ["a"]);
  device.atCrashPoint = () => undefined;
  assert.ok((await patch(owner, id, 10, new Uint8Array(0))).headers["piccolo-node"] !== undefined);
});

test("what the device can is told to clients that ask", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const reply = await owner.raw("OPTIONS", "/uploads");
  assert.equal(reply.status, 204);
  assert.deepEqual(
    [reply.headers["tus-version"], reply.headers["tus-extension"]],
    ["1.0.0", "creation,termination,expiration"],
  );
});
