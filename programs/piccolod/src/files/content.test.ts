import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import type { Node } from "@piccolo/device-api";
import { engineFaults } from "@piccolo/storage/owner";
import { type Client, refusedWith, TestDevice } from "../../test-support/device.ts";
import { bytesOf, upload } from "../../test-support/uploading.ts";

const missingOne = engineFaults.fault("not-enough-fragments", "1 holder of a part of this file is missing", {
  details: { missing: 1, needed: 3, segment: "ab" },
});

const get = (client: Client, id: string, headers: Record<string, string> = {}, query = "") =>
  client.raw("GET", `/files/${id}/content${query}`, { headers });

test("a file's bytes come whole, with what a browser needs to save them", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const id = await upload(owner, "Übersicht.zip", bytesOf(200_000), { modifiedMs: 1_600_000_000_000 });
  const reply = await get(owner, id);
  assert.equal(reply.status, 200);
  assert.ok(reply.bytes.equals(bytesOf(200_000)));
  const { headers } = reply;
  assert.equal(headers["content-length"], "200000");
  assert.equal(headers["content-type"], "application/octet-stream");
  assert.equal(
    headers["content-disposition"],
    "attachment; filename=\"_bersicht.zip\"; filename*=UTF-8''%C3%9Cbersicht.zip",
  );
  assert.equal(headers["accept-ranges"], "bytes");
  assert.equal(headers["last-modified"], "Sun, 13 Sep 2020 12:26:40 GMT");
  assert.match(String(headers["content-security-policy"]), /^sandbox; default-src 'none'/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  const head = await owner.raw("HEAD", `/files/${id}/content`);
  assert.deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", "200000"]);
});

test("pictures are shown, pages are only saved, and saving can be asked for", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const picture = await upload(owner, "a.png", bytesOf(10), { mediaType: "image/png" });
  const page = await upload(owner, "a.html", Buffer.from("<script>1</script>"), { mediaType: "text/html" });
  const disposition = async (id: string, query = ""): Promise<string> =>
    String((await get(owner, id, {}, query)).headers["content-disposition"]).split(";")[0] ?? "";
  assert.equal(await disposition(picture), "inline");
  assert.equal(await disposition(picture, "?download=1"), "attachment");
  assert.equal(await disposition(page), "attachment");
});

test("a range is answered with just its bytes", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const bytes = bytesOf(200_000);
  const id = await upload(owner, "a", bytes);
  for (const [range, start, end] of [
    ["bytes=0-0", 0, 1],
    ["bytes=65535-131072", 65_535, 131_073],
    ["bytes=-5", 199_995, 200_000],
    ["bytes=199999-", 199_999, 200_000],
  ] as const) {
    const reply = await get(owner, id, { range });
    assert.equal(reply.status, 206, range);
    assert.ok(reply.bytes.equals(bytes.subarray(start, end)), range);
    assert.equal(reply.headers["content-range"], `bytes ${start}-${end - 1}/200000`);
  }
  for (const range of ["bytes=0-1,5-6", "bytes=x", "pages=1-2"])
    assert.equal((await get(owner, id, { range })).status, 200);
  const beyond = await get(owner, id, { range: "bytes=200000-" });
  refusedWith(beyond, 416, "range-not-satisfiable");
  assert.equal(beyond.headers["content-range"], "bytes */200000");
});

test("a range of an earlier version is answered with the whole of this one", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const id = await upload(owner, "a", bytesOf(100, 1));
  const before = String((await get(owner, id)).headers["etag"]);
  await upload(owner, "a", bytesOf(100, 2), { onConflict: "version" });
  const now = String((await get(owner, id)).headers["etag"]);
  assert.notEqual(before, now);
  const range = "bytes=0-9";
  assert.equal((await get(owner, id, { range, "if-range": before })).status, 200);
  assert.equal((await get(owner, id, { range, "if-range": "Sun, 13 Sep 2020 12:26:40 GMT" })).status, 200);
  assert.equal((await get(owner, id, { range, "if-range": now })).status, 206);
  assert.equal((await get(owner, id, { "if-none-match": `"x", W/${now}` })).status, 304);
  assert.equal((await get(owner, id, { "if-none-match": before })).status, 200);
});

test("an older version is read by its id, another file's is not", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const id = await upload(owner, "a", bytesOf(100, 1));
  const { versionId = "" } = await owner.call<Node>("GET", `/files/${id}`);
  await upload(owner, "a", bytesOf(50, 2), { onConflict: "version" });
  const other = await upload(owner, "b", bytesOf(9));
  assert.ok((await get(owner, id, {}, `?version=${versionId}`)).bytes.equals(bytesOf(100, 1)));
  refusedWith(await get(owner, other, {}, `?version=${versionId}`), 404, "not-found");
  refusedWith(await get(owner, id, {}, "?version=x"), 404, "not-found");
});

test("a folder, the trash and what never was have no bytes", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const folder = await owner.call<Node>("POST", "/files/folders", { parent: "root", name: "folder" });
  const id = await upload(owner, "a", bytesOf(3), { parent: folder.id });
  refusedWith(await get(owner, folder.id), 409, "not-a-file");
  refusedWith(await get(owner, "root"), 409, "not-a-file");
  refusedWith(await get(owner, "0".repeat(32)), 404, "not-found");
  refusedWith(await get(owner, "..%2f"), 404, "not-found");
  await owner.call("DELETE", `/files/${folder.id}`);
  refusedWith(await get(owner, id), 409, "in-trash");
});

test("a read that fails before its first byte says what is missing", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await upload(owner, "a.png", bytesOf(1_000), { mediaType: "image/png" });
  device.control.readFault = { afterBytes: 0, fault: missingOne };
  const reply = await get(owner, id, { range: "bytes=0-9" });
  const problem = refusedWith(reply, 503, "not-enough-fragments");
  assert.equal(problem.details?.["missing"], 1);
  assert.match(problem.detail, /\b1\b/);
  for (const name of ["etag", "content-range", "content-disposition"])
    assert.equal(reply.headers[name], undefined, name);
  device.control.readFault = undefined;
  assert.equal((await get(owner, id)).status, 200);
});

test("a read that fails later breaks the connection, so that no part passes for the whole", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await upload(owner, "a", bytesOf(500_000));
  device.control.readFault = { afterBytes: 100_000, fault: missingOne };
  const { port, host } = new URL(device.origin);
  const received = await new Promise<{ bytes: number; complete: boolean; error: boolean }>((resolve) => {
    const path = `/api/v1/files/${id}/content`;
    request({ host: "127.0.0.1", port, path, headers: { host, cookie: owner.cookie } }, (reply) => {
      let bytes = 0;
      let error = false;
      reply.on("data", (part: Buffer) => (bytes += part.length));
      reply.on("error", () => (error = true));
      reply.on("close", () => resolve({ bytes, complete: reply.complete, error }));
    }).end();
  });
  assert.deepEqual([received.complete, received.error], [false, true]);
  assert.ok(received.bytes < 500_000);
  assert.ok(device.logLines.some((line) => line.includes("read-broke-off")));
});

test("clients that leave in the middle of a file harm nobody", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await upload(owner, "a", bytesOf(5_000_000));
  const { port, host } = new URL(device.origin);
  for (let at = 0; at < 20; at++) {
    await new Promise<void>((resolve) => {
      const path = `/api/v1/files/${id}/content`;
      const outgoing = request({ host: "127.0.0.1", port, path, headers: { host, cookie: owner.cookie } }, (reply) => {
        reply.once("data", () => outgoing.destroy());
        reply.on("error", () => undefined);
        reply.on("close", () => resolve());
      });
      outgoing.on("error", () => undefined);
      outgoing.end();
    });
  }
  assert.ok((await get(owner, id)).bytes.equals(bytesOf(5_000_000)));
});

test("an empty file is read without asking any holder", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const id = await upload(owner, "empty", bytesOf(0));
  const reply = await get(owner, id);
  assert.deepEqual([reply.status, reply.text, reply.headers["content-length"]], [200, "", "0"]);
  refusedWith(await get(owner, id, { range: "bytes=0-0" }), 416, "range-not-satisfiable");
  assert.equal(device.control.reads, 0);
});
