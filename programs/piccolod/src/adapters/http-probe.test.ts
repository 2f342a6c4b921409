import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { isIdentityHeader, requestLines } from "../apps/proxy/headers.ts";
import { httpProbe } from "./http-probe.ts";

const origin = "https://shelf-kitchen.local";

async function appOf(context: TestContext, answer: RequestListener): Promise<number> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const asked = (port: number, timeoutMs = 5_000): Promise<number | undefined> =>
  httpProbe({ address: "127.0.0.1", port, path: "/health?deep", origin, timeoutMs });

test("an app that answers to its own name alone is asked by it", async (context) => {
  const port = await appOf(context, ({ headers, url }, answer) => {
    answer.writeHead(headers.host === "shelf-kitchen.local" && url === "/health?deep" ? 204 : 400).end();
  });
  assert.equal(await asked(port), 204);
});

test("it is asked as a visit of somebody who is not signed in, and nothing is said of who asks", async (context) => {
  const seen: IncomingMessage[] = [];
  const port = await appOf(context, (req, answer) => {
    seen.push(req);
    answer.end();
  });
  assert.equal(await asked(port), 200);
  const visit = { app: "shelf", host: "shelf-kitchen.local", scheme: "https", remote: "127.0.0.1" } as const;
  const headers = seen[0]?.headers ?? {};
  for (const line of requestLines([], { ...visit, owner: undefined }, undefined)
    .trim()
    .split("\r\n")) {
    const [name = "", value] = line.split(": ");
    assert.equal(headers[name.toLowerCase()], value, name);
  }
  const named = Object.keys(headers).filter(isIdentityHeader);
  assert.deepEqual(named.toSorted(), ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]);
});

test("who does not answer in time, or is not there, has no status", async (context) => {
  const port = await appOf(context, () => undefined);
  assert.equal(await asked(port, 20), undefined);
  assert.equal(await asked(1), undefined);
});
