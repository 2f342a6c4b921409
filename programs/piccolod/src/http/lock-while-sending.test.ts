import assert from "node:assert/strict";
import { request } from "node:http";
import { test, type TestContext } from "node:test";
import { type Client, TestDevice } from "../../test-support/device.ts";

/** A change whose body has begun and waits for its end; `finish` sends that and gives status and body of the answer. */
async function begun(
  owner: Client,
  method: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = { "content-type": "application/json" },
): Promise<() => Promise<string>> {
  const { port, host } = new URL(owner.origin);
  const outgoing = request({
    host: "127.0.0.1",
    port,
    method,
    path: `/api/v1${path}`,
    agent: false,
    headers: {
      host,
      cookie: owner.cookie,
      origin: owner.origin,
      "x-piccolo-csrf": owner.csrf,
      ...headers,
      "content-length": body.length,
      // Said once the request was let in.
      expect: "100-continue",
    },
  });
  const answer = new Promise<string>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part));
      incoming.on("end", () => resolve(`${incoming.statusCode} ${Buffer.concat(parts).toString()}`));
    });
  });
  answer.catch(() => undefined);
  await new Promise((resolve) => outgoing.once("continue", resolve));
  await new Promise((resolve) => outgoing.write(body.slice(0, 5), resolve));
  return () => {
    outgoing.end(body.slice(5));
    return answer;
  };
}

async function scene(
  context: TestContext,
): Promise<{ readonly owner: Client; readonly other: Client; readonly folder: string }> {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const other = device.client();
  await other.signIn();
  const { id } = await owner.call<{ id: string }>("POST", "/files/folders", { parent: "root", name: "private-name" });
  return { owner, other, folder: id };
}

test("a change whose body was still coming when the device was locked is refused, and tells no name", async (context) => {
  const { owner, other, folder } = await scene(context);
  const finish = await begun(other, "PATCH", `/files/${folder}`, JSON.stringify({ name: "renamed" }));
  await owner.call("POST", "/lock");
  const answer = await finish();
  assert.match(answer, /^423 .*"code":"locked"/);
  assert.doesNotMatch(answer, /private-name|renamed/);
});

test("a change whose body was still coming when its session ended is refused", async (context) => {
  const { owner, other } = await scene(context);
  const body = JSON.stringify({ parent: "root", name: "too-late" });
  const finish = await begun(other, "POST", "/files/folders", body);
  await other.call("DELETE", "/session");
  assert.match(await finish(), /^401 .*"code":"sign-in-required"/);
  assert.doesNotMatch((await owner.send("GET", "/files/root/children")).text, /too-late/);
});

test("an upload that was under way when its session ended is broken off", async (context) => {
  const { owner, other } = await scene(context);
  const tus = { "tus-resumable": "1.0.0" };
  const filename = Buffer.from("upload").toString("base64");
  const made = await other.raw("POST", "/uploads", {
    headers: { ...tus, "upload-length": "1000", "upload-metadata": `filename ${filename}` },
  });
  const path = String(made.headers["location"]).slice("/api/v1".length);
  const patch = { ...tus, "content-type": "application/offset+octet-stream", "upload-offset": "0" };
  const finish = await begun(other, "PATCH", path, "x".repeat(1_000), patch);
  await other.call("DELETE", "/session");
  await assert.rejects(finish(), { code: "ECONNRESET" });
  assert.doesNotMatch((await owner.send("GET", "/files/root/children")).text, /"upload"/);
});
