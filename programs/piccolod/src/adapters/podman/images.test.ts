import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createLog } from "../log.ts";
import type { PodmanEndpoint } from "./endpoint.ts";
import { PodmanImages, type PullRules } from "./images.ts";
import { PodmanInterface } from "./interface.ts";

const image = { registry: "registry.example", repository: "shelf", digest: `sha256:${"a".repeat(64)}` } as const;

/** A service that answers each pull with `said`, and then says nothing more. */
async function imagesOf(
  context: TestContext,
  said: (answer: ServerResponse, request: IncomingMessage) => void,
  rules: PullRules = {},
): Promise<{ readonly images: PodmanImages; readonly ended: Promise<unknown> }> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-images-"));
  const socketPath = join(folder, "socket");
  const ended = Promise.withResolvers<unknown>();
  const server = createServer((request, answer) => {
    answer.on("close", () => ended.resolve(undefined));
    said(answer, request);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const log = createLog(
    () => undefined,
    () => 0,
  );
  const endpoint: PodmanEndpoint = {
    socketPath,
    cgroupParent: undefined,
    ensure: () => Promise.resolve(),
    bringIn: (work) => work(endpoint),
    stop: () => Promise.resolve(),
  };
  const inside = new PodmanInterface(endpoint, log);
  return { images: new PodmanImages(inside, "/v4.0.0/libpod", rules), ended: ended.promise };
}

const line = `${JSON.stringify({ id: "a", progressDetail: { current: 1, total: 2 } })}\n`;

test("a pull of which nothing is heard any more is given up, whether it has begun or not", async (context) => {
  for (const said of [() => undefined, (answer: ServerResponse) => void answer.write(line)]) {
    const { images } = await imagesOf(context, said, { silenceMs: 20 });
    await assert.rejects(images.pull(image), { code: "image-unreachable" });
  }
});

test("an image is asked for as it is, and by its platform only for another processor than this machine's", async (context) => {
  const own = arch() === "arm64" ? "arm64" : "amd64";
  const other = own === "arm64" ? "amd64" : "arm64";
  const asked: string[] = [];
  const said = (answer: ServerResponse, { url }: IncomingMessage): void => {
    asked.push(url?.replace(/^[^&]*/, "") ?? "");
    answer.end(`${JSON.stringify({ error: "manifest unknown" })}\n`);
  };
  for (const rules of [{}, { architecture: own }, { architecture: other }] as const) {
    const { images } = await imagesOf(context, said, rules);
    await assert.rejects(images.pull(image), { code: "image-refused" });
  }
  assert.deepEqual(asked, ["", "", `&platform=linux/${other}`]);
});

test("a pull that is broken off says why, and ends", async (context) => {
  const { images, ended } = await imagesOf(context, (answer) => answer.write(line));
  const reason = new Error("something else is wanted");
  const over = new AbortController();
  const pull = images.pull(image, { signal: over.signal, progress: () => over.abort(reason) });
  await assert.rejects(pull, reason);
  await ended;
});

const refusals: readonly (readonly [string, string])[] = [
  [
    "registry-busy",
    "reading manifest sha256:aa in docker.io/library/shelf: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
  ],
  [
    "registry-busy",
    "initializing source docker://ghcr.io/a/b@sha256:aa: reading manifest: denied: You have reached your pull rate limit",
  ],
  ["registry-busy", "reading manifest sha256:aa in quay.io/a/b: too many requests to registry"],
  ["registry-busy", "copying blob sha256:aa: invalid status code from registry 429 (Too Many Requests)"],
  ["registry-busy", "fetching blob: received unexpected HTTP status: 429 Slow Down"],
  [
    "registry-busy",
    "unable to retrieve auth token: invalid username/password: toomanyrequests: too many failed login attempts",
  ],
  // A name is no reason.
  ["image-refused", "reading manifest sha256:aa in example.org/toomanyrequests/429: manifest unknown"],
  ["image-refused", "reading manifest sha256:aa in example.org/rate-limit: unauthorized: access is denied"],
  ["image-unreachable", "pinging container registry example.org: dial tcp: lookup example.org: no such host"],
];

for (const [code, error] of refusals) {
  test(`what Podman says of a pull is told as ${code}: ${error}`, async (context) => {
    // Podman 4 says so in the stream of a success, later ones by the status where nothing has come yet.
    for (const status of [200, code === "registry-busy" ? 429 : 500]) {
      const { images } = await imagesOf(context, (answer) => {
        answer.statusCode = status;
        answer.end(`${JSON.stringify({ errorDetail: { message: error }, error })}\n`);
      });
      await assert.rejects(images.pull(image), { code }, String(status));
    }
  });
}

test("the names of an image and of its registry are never taken for the reason that a pull failed", async (context) => {
  const { digest } = image;
  const places = [
    { registry: "registry.example", repository: "news/daily-digest" },
    { registry: "registry.example", repository: "digest" },
    { registry: "registry.example:5000", repository: "corrupt/denied" },
    { registry: "forbidden.example", repository: "shelf" },
    { registry: "forbidden.example:5000", repository: "architecture" },
    { registry: "digest", repository: "not-found" },
  ];
  for (const place of places) {
    const { registry, repository } = place;
    const name = `${registry}/${repository}`;
    const [host = ""] = registry.split(":");
    const source = `initializing source docker://${name}@${digest}`;
    const messages = [
      [
        "image-unreachable",
        `${source}: pinging container registry ${registry}: Get "https://${registry}/v2/": dial tcp: lookup ${host} on 127.0.0.53:53: no such host`,
      ],
      [
        "image-unreachable",
        `${source}: reading manifest ${digest} in ${name}: Get "https://auth.example/token?scope=repository%3A${encodeURIComponent(repository)}%3Apull": net/http: request canceled`,
      ],
      [
        "image-unreachable",
        `reading blob ${digest}: Get "https://${registry}/v2/${repository}/blobs/${digest}": dial tcp 192.0.2.1:443: connect: connection refused`,
      ],
      [
        "image-refused",
        `${source}: reading manifest ${digest} in ${name}: errors:\ndenied: requested access is denied`,
      ],
      ["image-refused", `${source}: reading manifest ${digest} in ${name}: manifest unknown`],
      [
        "image-digest-differs",
        `${source}: reading manifest ${digest} in ${name}: manifest digest does not match provided manifest digest`,
      ],
      [
        "image-architecture",
        `choosing an image from manifest list docker://${name}@${digest}: no image found in manifest list for architecture "arm64", variant "", OS "linux"`,
      ],
    ] as const;
    for (const [code, error] of messages) {
      const { images } = await imagesOf(context, (answer) => answer.end(`${JSON.stringify({ error })}\n`));
      await assert.rejects(images.pull({ ...place, digest }), { code }, error);
    }
  }
});

test("a registry that names the repository alone where it refuses is understood", async (context) => {
  const named = { ...image, repository: "news/daily-digest" };
  const error = `reading manifest ${named.digest} in registry.example/news/daily-digest: unauthorized: unauthorized to access repository: news/daily-digest, action: pull`;
  const { images } = await imagesOf(context, (answer) => answer.end(`${JSON.stringify({ error })}\n`));
  await assert.rejects(images.pull(named), { code: "image-refused" });
});

test("what Podman says where it refuses is the cause of the fault, in bounds, and not its message", async (context) => {
  const words = `crun: permission denied: ${"x".repeat(5_000)}`;
  const { images } = await imagesOf(context, (answer) => {
    answer.statusCode = 500;
    answer.end(JSON.stringify({ cause: "it broke", message: words, response: 500 }));
  });
  const error = await images.find(image.digest).catch((caught: unknown) => caught);
  assert.ok(error instanceof Error && error.cause instanceof Error);
  assert.equal(error.message, "what runs the apps could not do it");
  assert.match(error.cause.message, /^it broke: crun: permission denied: x+$/);
  assert.equal(error.cause.message.length, 1_000);
});
