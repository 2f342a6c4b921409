import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { realWorld } from "@piccolo/world/real";
import { type Place, ReachablePlaces } from "./reachable-place.ts";

const never = new AbortController().signal;
const nowhere: Place = { host: "127.0.0.1", port: 1 };

async function listening(context: TestContext): Promise<{ readonly place: Place; readonly server: Server }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  return { place: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, server };
}

test("a device that announces no place has none", async () => {
  assert.equal(await new ReachablePlaces(realWorld, 1_000).find("a", [], never), undefined);
});

test("of several places the one that takes connections is found", async (context) => {
  const { place } = await listening(context);
  const places = new ReachablePlaces(realWorld, 1_000);
  assert.deepEqual(await places.find("a", [nowhere, place], never), place);
});

test("a place that failed is left alone for a while, longer each time, unless another one is announced", async (context) => {
  const { place } = await listening(context);
  const other = (await listening(context)).place;
  const world = new SeededWorld("places");
  const places = new ReachablePlaces(world, 1_000);
  for (const pauseMs of [30_000, 60_000, 120_000]) {
    assert.deepEqual(await places.find("a", [place], never), place);
    places.failed("a");
    await world.advance(pauseMs - 1);
    assert.equal(await places.find("a", [place], never), undefined);
    await world.advance(1);
  }
  assert.deepEqual(await places.find("a", [place], never), place);
  places.failed("a");
  assert.deepEqual(await places.find("a", [other], never), other);
  places.answered("a");
  places.failed("a");
  await world.advance(30_000);
  assert.deepEqual(await places.find("a", [other], never), other);
});

test("a request does not wait for a place that takes long to show itself", async () => {
  const world = new SeededWorld("places");
  const places = new ReachablePlaces(world, 60_000);
  // An address kept for documentation (RFC 5737): nobody answers, or nobody can be reached at all.
  const found = places.find("a", [{ host: "192.0.2.1", port: 9 }], never);
  await world.advance(1_000);
  assert.equal(await found, undefined);
});
