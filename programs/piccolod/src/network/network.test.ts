import assert from "node:assert/strict";
import { test } from "node:test";
import { certifyDevice, createKeyRing, deriveOwnerKeys, ed25519FromSeed } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { DeviceNetwork } from "./network.ts";
import { NetworkStore } from "./store.ts";

test("a device that starts registers at central at once", async (context) => {
  const db = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  context.after(() => db.close());
  const world = new SeededWorld(1);
  const asked: string[] = [];
  const lines: string[] = [];
  const deviceKey = ed25519FromSeed(new Uint8Array(32).fill(1));
  const unreachable = new Error("nothing is here");
  const network = new DeviceNetwork({
    store: new NetworkStore(db),
    world,
    log: createLog(
      (line) => lines.push(line),
      () => world.nowMs(),
    ),
    deviceKey,
    ownDomain: "household-1",
    centralUrl: "http://central.localhost",
    fetch: (input, { method }) => {
      asked.push(`${method} ${new URL(input).pathname}`);
      return Promise.reject(unreachable);
    },
    createPeerNet: () => ({
      transport: { request: () => Promise.reject(unreachable) },
      recoverTransport: { request: () => Promise.reject(unreachable) },
      whoIsAt: () => Promise.reject(unreachable),
      localDevices: () => [],
      addresses: () => [],
      pathTo: () => "none",
      noteClock: () => undefined,
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    }),
    handler: () => {
      throw new Error("nobody asks");
    },
    handedInvitation: () => undefined,
    hasForgottenTime: () => false,
  });
  const keys = deriveOwnerKeys(new Uint8Array(32).fill(2), 1);
  const { account, ownerPublicKey } = keys;
  const certificate = certifyDevice(keys, deviceKey.publicKey, 1);
  await network.start({
    name: "Ada",
    account,
    ownerPublicKey,
    certificate,
    epoch: 1,
    chain: undefined,
    keys: () => createKeyRing(keys),
  });
  await world.advance(0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(asked, ["POST /v1/accounts"]);
  assert.deepEqual(
    lines.filter((line) => line.includes("no-network")),
    [],
  );
  await network.stop();
});
