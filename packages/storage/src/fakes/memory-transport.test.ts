import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, fromUtf8, toUtf8 } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import { realWorld } from "@piccolo/world/real";
import type { Message, PeerHandler, PeerTransport } from "../ports/index.ts";
import { transportSuite } from "../suites/transport-suite.ts";
import { type Interference, MemoryNetwork } from "./memory-transport.ts";

const nobody: PeerHandler = {
  admit: () => {
    throw new Error("a rogue is asked for nothing");
  },
  handle: () => Promise.reject(new Error("a rogue is asked for nothing")),
};

transportSuite("the transport in memory", () => {
  const network = new MemoryNetwork({ world: realWorld, timeoutMs: 50 });
  const isAllowed = (): boolean => true;
  return {
    device: (options) => {
      const deviceKey = realWorld.randomBytes(32);
      const transport = network.join({ deviceKey, ...options });
      return Promise.resolve({
        transport,
        target: { deviceKey, addresses: [] },
        stop: () => Promise.resolve(network.leave(deviceKey)),
      });
    },
    rogueHolder: (answer) => {
      const deviceKey = realWorld.randomBytes(32);
      network.join({ deviceKey, handler: nobody, isAllowed });
      network.answerRaw(deviceKey, answer);
      return Promise.resolve({ deviceKey, addresses: [] });
    },
    rogueAsker: async (target, { bytes }) => {
      await network.serveRaw(realWorld.randomBytes(32), target.deviceKey, bytes);
    },
  };
});

interface Setup {
  readonly world: SeededWorld;
  readonly network: MemoryNetwork;
  readonly handled: () => number;
  ask(): Promise<Message>;
}

function setup(interference: Interference): Setup {
  const world = new SeededWorld("memory-transport");
  const network = new MemoryNetwork({ world, timeoutMs: 1_000 });
  let handled = 0;
  const handler: PeerHandler = {
    admit: () => ({ bodyBytes: 100, release: () => undefined }),
    handle: (_key, request) => {
      handled++;
      return Promise.resolve({ frame: concat(toUtf8("re: "), request.frame), body: [toUtf8("body")] });
    },
  };
  const [asking, serving] = [world.randomBytes(32), world.randomBytes(32)];
  const transport: PeerTransport = network.join({ deviceKey: asking, handler, isAllowed: () => true });
  network.join({ deviceKey: serving, handler, isAllowed: () => true });
  network.interfere = () => interference;
  const target = { deviceKey: serving, addresses: [] };
  const options = { maxBodyBytes: 100, signal: new AbortController().signal };
  return {
    world,
    network,
    handled: () => handled,
    ask: () => transport.request(target, { frame: toUtf8("x"), body: [] }, options),
  };
}

test("a dropped request is a timeout and was not handled, one whose response is lost was", async () => {
  for (const [type, handled] of [
    ["drop", 0],
    ["lose-response", 1],
  ] as const) {
    const it = setup({ type });
    const rejected = assert.rejects(it.ask(), { code: "peer-timeout" });
    await it.world.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
    await it.world.advance(1_000);
    await rejected;
    assert.equal(it.handled(), handled);
  }
});

test("a delayed request is answered when its time has passed", async () => {
  const it = setup({ type: "delay", ms: 300 });
  const asked = it.ask();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(it.handled(), 0);
  await it.world.advance(300);
  assert.equal(fromUtf8((await asked).frame), "re: x");
});

test("a garbled response differs from what was sent, in frame or body", async () => {
  const frame = await setup({ type: "garble", part: "frame" }).ask();
  assert.notDeepEqual(frame.frame, toUtf8("re: x"));
  assert.deepEqual(concat(...frame.body), toUtf8("body"));
  const body = await setup({ type: "garble", part: "body" }).ask();
  assert.deepEqual(body.frame, toUtf8("re: x"));
  assert.notDeepEqual(concat(...body.body), toUtf8("body"));
});

test("a refused connection is unreachable", async () => {
  await assert.rejects(setup({ type: "refuse" }).ask(), { code: "peer-unreachable" });
});
