import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { realWorld } from "@piccolo/world/real";
import type { StreamCall } from "../http/server.ts";
import { LogStreams, type LogStreamsOptions } from "./log-streams.ts";
import type { LogLine } from "./runtime/container-runtime.ts";
import { runtimeFaults } from "./runtime/faults.ts";
import { appFaults } from "./types.ts";

const tokenHash = new Uint8Array(32);

/** Containers that write when a test says so. */
class Written {
  generation = 1;
  isGone = false;
  /** So many times nobody can say what a part writes its log as. */
  silentAsks = 0;
  readonly lines = new Map<string, LogLine[]>();
  readonly #changed: (() => void)[] = [];
  #ended = 0;

  say(service: string, text: string, atMs: number): void {
    const source = `${service}.${this.generation}`;
    this.lines.set(source, [...(this.lines.get(source) ?? []), { stream: "stdout", atMs, text }]);
    this.#tell();
  }

  /** Ends whoever follows, as a container's end does. */
  end(): void {
    this.#ended++;
    this.#tell();
  }

  #tell(): void {
    for (const go of this.#changed.splice(0)) go();
  }

  readonly apps: LogStreamsOptions["apps"] = {
    logParts: () => ["web", "db"],
    logSource: async (_id, service) => {
      if (this.isGone) throw appFaults.fault("app-not-found", "it is gone");
      if (this.silentAsks-- > 0) throw runtimeFaults.fault("runtime-unavailable", "it is starting");
      return `${service}.${this.generation}`;
    },
    logsOf: (source, { signal }) => this.#follow(source, signal ?? AbortSignal.abort()),
  };

  async *#follow(source: string, signal: AbortSignal): AsyncGenerator<LogLine> {
    if (!this.lines.has(source)) throw runtimeFaults.fault("container-missing", "there is none");
    const ended = this.#ended;
    const over = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    for (let at = 0; !signal.aborted;) {
      const line = this.lines.get(source)?.[at];
      if (line !== undefined) {
        at++;
        yield line;
      } else if (ended !== this.#ended) return;
      else await Promise.race([new Promise<void>((resolve) => this.#changed.push(resolve)), over]);
    }
  }
}

interface Page {
  /** What was heard, as `service text`. */
  readonly heard: string[];
  until(holds: (heard: readonly string[]) => boolean): Promise<void>;
  readonly ended: Promise<void>;
  close(): void;
}

async function scene(
  t: TestContext,
): Promise<{ written: Written; endSession: () => void; open: (query?: string) => Promise<Page> }> {
  const written = new Written();
  let tell: (tokenHash: string) => void = () => undefined;
  const streams = new LogStreams({
    apps: written.apps,
    world: realWorld,
    onSessionEnd: (listener) => (tell = listener),
  });
  const server = createServer((req, res) => {
    const query = new URL(req.url ?? "/", "http://device").searchParams;
    const caller = { remote: "", session: { tokenHash, csrf: "", expiresAtMs: 0 } };
    const call: StreamCall = { req, res, caller, params: ["notes"], query };
    streams.handle(call).catch((error: Error) => res.writeHead(429).end(error.message));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    streams.stop();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const open = async (query = ""): Promise<Page> => {
    const outgoing = get({ host: "127.0.0.1", port, path: `/${query}`, agent: false });
    const [reply] = (await once(outgoing, "response")) as [IncomingMessage];
    assert.equal(reply.statusCode, 200);
    const heard: string[] = [];
    const waiting: (() => void)[] = [];
    let text = "";
    reply.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const data = /^event: line\ndata: (.*)$/.exec(event)?.[1];
        if (data === undefined) continue;
        const line = JSON.parse(data) as { readonly service: string; readonly text: string };
        heard.push(`${line.service} ${line.text}`);
      }
      for (const go of waiting.splice(0)) go();
    });
    const ended = new Promise<void>((resolve) => reply.once("close", () => resolve()).on("error", () => undefined));
    return {
      heard,
      ended,
      until: async (holds) => {
        while (!holds(heard)) await new Promise<void>((resolve) => waiting.push(resolve));
      },
      close: () => outgoing.destroy(),
    };
  };
  return { written, endSession: () => tell(createHash("sha256").digest("hex").replace(/./g, "0")), open };
}

test("what was said is shown first, and then what is being said, of all parts", async (t) => {
  const { written, open } = await scene(t);
  written.say("web", "one", 1);
  written.say("db", "ready", 2);
  const page = await open();
  await page.until(({ length }) => length === 2);
  written.say("web", "two", 3);
  await page.until((heard) => heard.includes("web two"));
  assert.deepEqual(page.heard.toSorted(), ["db ready", "web one", "web two"]);
  const only = await open("?service=db");
  await only.until(({ length }) => length === 1);
  assert.deepEqual(only.heard, ["db ready"]);
});

test("a search shows what matches, whatever its case, of the past and of what comes", async (t) => {
  const { written, open } = await scene(t);
  for (const text of ["GET /", "Error: full", "GET /x"]) written.say("web", text, 1);
  const page = await open("?q=error");
  await page.until(({ length }) => length === 1);
  written.say("web", "all well", 2);
  written.say("web", "an ERROR again", 3);
  await page.until(({ length }) => length === 2);
  assert.deepEqual(page.heard, ["web Error: full", "web an ERROR again"]);
});

test("a container that is started again goes on without a line twice or lost, also within a millisecond", async (t) => {
  const { written, open } = await scene(t);
  written.say("web", "one", 5);
  written.say("web", "two", 5);
  const page = await open("?service=web");
  await page.until(({ length }) => length === 2);
  written.end();
  written.say("web", "three", 5);
  written.say("web", "four", 6);
  await page.until(({ length }) => length >= 4);
  written.end();
  written.say("web", "five", 6);
  await page.until(({ length }) => length >= 5);
  assert.deepEqual(page.heard, ["web one", "web two", "web three", "web four", "web five"]);
});

test("another version's log follows the one before", async (t) => {
  const { written, open } = await scene(t);
  written.say("web", "old", 5);
  const page = await open("?service=web");
  await page.until(({ length }) => length === 1);
  written.generation = 2;
  written.end();
  written.say("web", "new", 1);
  await page.until(({ length }) => length === 2);
  assert.deepEqual(page.heard, ["web old", "web new"]);
});

test("a stream goes on once what runs the apps answers again", async (t) => {
  const { written, open } = await scene(t);
  written.silentAsks = 1;
  written.say("web", "one", 1);
  const page = await open("?service=web");
  await page.until(({ length }) => length === 1);
  assert.deepEqual(page.heard, ["web one"]);
});

test("a stream ends with the app, and with its session", async (t) => {
  const { written, endSession, open } = await scene(t);
  written.say("web", "one", 1);
  const [first, second] = [await open("?service=web"), await open("?service=web")];
  await second.until(({ length }) => length === 1);
  endSession();
  await first.ended;
  await second.ended;
  const third = await open("?service=web");
  await third.until(({ length }) => length === 1);
  written.isGone = true;
  written.end();
  await third.ended;
});

test("streams are bounded in number, and one that is closed makes room", async (t) => {
  const { written, open } = await scene(t);
  written.say("web", "one", 1);
  const pages: Page[] = [];
  for (let at = 0; at < 24; at++) pages.push(await open("?service=web"));
  await assert.rejects(open());
  pages[0]?.close();
  await pages[0]?.ended;
  for (;;) {
    const page = await open().catch(() => undefined);
    if (page !== undefined) break;
  }
});
