import assert from "node:assert/strict";
import { test } from "node:test";
import { toUtf8 } from "@piccolo/bytes";
import { type Message, orAborted, type PeerHandler } from "@piccolo/storage/ports";
import { encodeFraming, maxBodyBytes } from "@piccolo/wire";
import { SeededWorld } from "@piccolo/world";
import { ChunkQueue } from "./chunk-queue.ts";
import { IdleWatch } from "./idle-watch.ts";
import { MessageInlet } from "./message-inlet.ts";
import { discardRest, leastBytesPerSecond, serveExchange } from "./serve-exchange.ts";

const settled = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
const freely = { pause: () => undefined, resume: () => undefined };

/** A holder that gives every request 1 MiB of memory, and counts what it has given away. */
function lendingHolder(): { readonly handler: PeerHandler; readonly lentBytes: () => number } {
  let lentBytes = 0;
  const handler: PeerHandler = {
    admit: () => {
      lentBytes += 1 << 20;
      return { bodyBytes: 1 << 20, release: () => (lentBytes -= 1 << 20) };
    },
    handle: () => Promise.resolve({ frame: toUtf8("stored"), body: [] }),
  };
  return { handler, lentBytes: () => lentBytes };
}

test("a member that trickles its body loses the memory it has reserved", async () => {
  const world = new SeededWorld("trickle");
  const watch = new IdleWatch(world, 30_000, leastBytesPerSecond);
  const source = new ChunkQueue(watch, freely);
  watch.signal.addEventListener("abort", () => source.fail(new Error("the exchange is over")), { once: true });
  const { handler, lentBytes } = lendingHolder();
  const exchange = serveExchange({
    deviceKey: new Uint8Array(32),
    handler,
    inlet: new MessageInlet(source, maxBodyBytes),
    watch,
    signal: watch.signal,
    respond: () => Promise.resolve(),
    log: () => undefined,
  });
  const ended = assert.rejects(exchange, { code: "peer-timeout" });
  source.push(encodeFraming(toUtf8("store"), 1 << 20));
  await settled();
  assert.equal(lentBytes(), 1 << 20);
  for (let second = 0; second < 40 && !watch.signal.aborted; second++) {
    source.push(new Uint8Array(1));
    await world.advance(1_000);
  }
  await ended;
  assert.equal(lentBytes(), 0);
});

test("a body at the least rate is served, however long it takes", async () => {
  const world = new SeededWorld("slow");
  const watch = new IdleWatch(world, 30_000, leastBytesPerSecond);
  const source = new ChunkQueue(watch, freely);
  const { handler, lentBytes } = lendingHolder();
  const responses: Message[] = [];
  const exchange = serveExchange({
    deviceKey: new Uint8Array(32),
    handler,
    inlet: new MessageInlet(source, maxBodyBytes),
    watch,
    signal: watch.signal,
    respond: (response) => Promise.resolve(void responses.push(response)),
    log: () => undefined,
  });
  source.push(encodeFraming(toUtf8("store"), 1 << 20));
  for (let second = 0; second < (1 << 20) / leastBytesPerSecond; second++) {
    source.push(new Uint8Array(leastBytesPerSecond));
    await world.advance(1_000);
  }
  source.end();
  assert.equal(await exchange, true);
  watch.stop();
  assert.equal(responses.length, 1);
  assert.equal(lentBytes(), 0);
});

test("what a request was admitted with is kept until the handler is done, though the asker has gone", async () => {
  const world = new SeededWorld("gone");
  const gone = new AbortController();
  const watch = new IdleWatch(world, 30_000, leastBytesPerSecond);
  const source = new ChunkQueue(watch, freely);
  const { handler, lentBytes } = lendingHolder();
  const disk = Promise.withResolvers<Message>();
  const exchange = serveExchange({
    deviceKey: new Uint8Array(32),
    handler: { ...handler, handle: () => disk.promise },
    inlet: new MessageInlet(source, maxBodyBytes),
    watch,
    signal: gone.signal,
    respond: () => assert.fail("nobody is there any more"),
    log: () => undefined,
  });
  source.push(encodeFraming(toUtf8("store"), 0));
  source.end();
  await settled();
  const ended = assert.rejects(exchange, /the asker is gone/);
  gone.abort(new Error("the asker is gone"));
  await ended;
  watch.stop();
  assert.equal(lentBytes(), 1 << 20);
  disk.reject(new Error("the disk is full"));
  await settled();
  assert.equal(lentBytes(), 0);
});

test("of an asker that was refused, no more than one body is read, however fast it sends", async () => {
  const world = new SeededWorld("flood");
  let readBytes = 0;
  const flood = {
    next: (): Promise<Uint8Array> => {
      readBytes += 65_536;
      return Promise.resolve(new Uint8Array(65_536));
    },
  };
  await discardRest(flood, world, new AbortController().signal);
  assert.ok(readBytes <= maxBodyBytes + 65_536, `${readBytes} bytes were read`);
});

test("an asker that was refused and says nothing more is left after five seconds", async () => {
  const world = new SeededWorld("silent");
  const stopping = new AbortController();
  const silent = { next: (): Promise<undefined> => orAborted(new Promise(() => undefined), stopping.signal) };
  const left = discardRest(silent, world, stopping.signal);
  await world.advance(5_000);
  await left;
});
