/**
 * An app on a device as people have it at home: HTTPS by the device's own authority, a name of the local network for each
 * app, and cookies that browsers keep to that one host. On real Podman, with a network interface of its own.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type PeerCertificate } from "node:tls";
import multicastDns, { type ResponsePacket } from "multicast-dns";
import { claimCode, password, TestDevice } from "../../programs/piccolod/test-support/device.ts";
import { bundleDemo, demoManifest } from "./demo.ts";

const homeAddress = "192.168.50.2";
const redirectPort = 18_080;
const folder = mkdtempSync(join(tmpdir(), "piccolo-secure-"));
const images = join(folder, "images");
const digest = bundleDemo(images, "hello");
for (const args of [
  ["link", "add", "home0", "type", "veth", "peer", "name", "neighbour0"],
  ["address", "add", `${homeAddress}/24`, "dev", "home0"],
  ["link", "set", "home0", "up"],
  ["link", "set", "neighbour0", "up"],
  ["route", "add", "224.0.0.0/4", "dev", "home0"],
]) {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly cookies: readonly string[];
  readonly text: string;
}

test("an app is found by its name, trusted by the device's authority, and keeps its cookie to its own host", async (context) => {
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const device = await TestDevice.start(context, {
    args: [
      "--https",
      "--mdns",
      "--host",
      "piccolo.local",
      "--redirect",
      `127.0.0.1:${redirectPort}`,
      "--bundled-images",
      images,
    ],
  });
  const port = Number(new URL(device.origin).port);
  const appHost = `hello-device1.local:${port}`;

  /** What is shown to who asks for a name, the device's own first. */
  const shownAt = (servername: string): Promise<PeerCertificate> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate(true));
        socket.destroy();
      });
      socket.once("error", reject);
    });
  const { issuerCertificate } = (await shownAt("piccolo.local")) as PeerCertificate & {
    issuerCertificate: PeerCertificate;
  };
  const trusted = `-----BEGIN CERTIFICATE-----\n${issuerCertificate.raw.toString("base64")}\n-----END CERTIFICATE-----\n`;

  /** As a browser that has the device's authority: the name is checked. */
  const ask = (
    method: string,
    url: string,
    headers: Readonly<Record<string, string>> = {},
    body?: unknown,
  ): Promise<Answer> => {
    const { host, hostname, pathname, search } = new URL(url);
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: "127.0.0.1",
          port,
          method,
          path: `${pathname}${search}`,
          servername: hostname,
          ca: trusted,
          agent: false,
          headers: { host, ...(text === undefined ? {} : { "content-type": "application/json" }), ...headers },
        },
        (incoming) => {
          let reply = "";
          incoming.on("data", (part: Buffer) => (reply += part.toString()));
          incoming.on("end", () =>
            resolve({
              status: incoming.statusCode ?? 0,
              location: incoming.headers.location,
              cookies: incoming.headers["set-cookie"] ?? [],
              text: reply,
            }),
          );
        },
      );
      outgoing.on("error", reject);
      outgoing.end(text);
    });
  };

  const portal = `https://piccolo.local:${port}`;
  const claimed = await ask(
    "POST",
    `${portal}/api/v1/claim`,
    { origin: portal, "x-piccolo-csrf": "1" },
    { claimCode, ownerName: "Ada", password },
  );
  assert.equal(claimed.status, 201, claimed.text);
  const cookie = claimed.cookies[0]?.split(";")[0] ?? "";
  assert.match(cookie, /^__Host-piccolo_device1=/);
  const { csrf } = JSON.parse(claimed.text) as { readonly csrf: string };
  const change = async (method: string, path: string, body?: unknown): Promise<void> => {
    const reply = await ask(
      method,
      `${portal}/api/v1${path}`,
      { origin: portal, cookie, "x-piccolo-csrf": csrf },
      body,
    );
    assert.equal(reply.status, 202, reply.text);
    const { id } = JSON.parse(reply.text) as { readonly id: string };
    for (;;) {
      const seen = await ask("GET", `${portal}/api/v1/tasks/${id}`, { cookie });
      const task = JSON.parse(seen.text) as { readonly state: string };
      if (task.state === "done") return;
      assert.equal(task.state, "running", seen.text);
      await delay(100);
    }
  };

  const asking = multicastDns({ interface: homeAddress, bind: "0.0.0.0" });
  context.after(() => new Promise<void>((resolve) => asking.destroy(() => resolve())));
  /** The address the network knows a name by, or that it is gone. */
  const heard = new Map<string, string>();
  asking.on("response", ({ answers }: ResponsePacket) => {
    for (const answer of answers ?? []) {
      if (answer.type === "A") heard.set(answer.name, answer.ttl === 0 ? "gone" : answer.data);
    }
  });
  const until = async (name: string, what: string): Promise<void> => {
    while (heard.get(name) !== what) {
      asking.query([{ name, type: "A" }]);
      await delay(200);
    }
  };
  await until("piccolo.local", homeAddress);
  assert.equal((await shownAt("hello-device1.local")).subject.CN, "piccolo.local");

  await change("POST", "/apps", { source: { manifest: demoManifest("hello", digest) }, grants: [], settings: {} });
  await until("hello-device1.local", homeAddress);
  assert.equal((await shownAt("hello-device1.local")).subjectaltname, "DNS:hello-device1.local");
  // Neither the portal's certificate nor another app's name tells which apps there are.
  assert.doesNotMatch((await shownAt("piccolo.local")).subjectaltname ?? "", /hello/);
  assert.equal((await shownAt("other-device1.local")).subject.CN, "piccolo.local");
  await assert.rejects(ask("GET", `https://other-device1.local:${port}/`), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });

  const stranger = await ask("GET", `https://${appHost}/`, { accept: "text/html" });
  assert.deepEqual([stranger.status, stranger.location], [303, `${portal}/api/v1/apps/hello/enter?path=%2F`]);
  const entry = await ask("GET", stranger.location ?? "", { cookie });
  assert.equal(entry.status, 303);
  assert.ok(entry.location?.startsWith(`https://${appHost}/.piccolo/enter?ticket=`), String(entry.location));
  const entered = await ask("GET", entry.location ?? "");
  assert.deepEqual([entered.status, entered.location], [303, "/"]);
  const [set = ""] = entered.cookies;
  assert.match(
    set,
    /^__Host-piccolo_app_device1=[\w-]{43}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+; Secure$/,
  );
  const page = await ask("GET", `https://${appHost}/`, { cookie: set.split(";")[0] ?? "" });
  assert.equal(page.status, 200);
  assert.match(page.text, /Hello from your own device/);
  // The portal's own cookie opens no app, and an app's no portal.
  assert.equal((await ask("GET", `https://${appHost}/`, { cookie })).status, 401);
  assert.equal((await ask("GET", `${portal}/api/v1/session`, { cookie: set.split(";")[0] ?? "" })).status, 401);
  assert.equal((await ask("GET", entry.location ?? "")).status, 401);

  const location = await new Promise<string | undefined>((resolve, reject) => {
    get(
      { host: "127.0.0.1", port: redirectPort, path: "/a?b=1", headers: { host: "hello-device1.local" } },
      (reply) => {
        reply.resume();
        resolve(reply.headers.location);
      },
    ).once("error", reject);
  });
  assert.equal(location, `https://${appHost}/a?b=1`);

  await change("DELETE", "/apps/hello");
  await until("hello-device1.local", "gone");
  assert.equal((await shownAt("hello-device1.local")).subject.CN, "piccolo.local");
});
