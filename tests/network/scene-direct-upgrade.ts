import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { toUtf8 } from "@piccolo/bytes";
import { until } from "@piccolo/devnet";
import type { PeerHandler } from "@piccolo/storage/ports";
import { realWorld } from "@piccolo/world/real";
import { RelayFolder } from "../../programs/central/src/relay/folder.ts";
import { startRelay } from "../../programs/central/src/relay/relay.ts";
import { createPeerNet } from "../../programs/piccolod/src/adapters/peer-net/index.ts";
import { publicAddress } from "./own-network.ts";

const echo: PeerHandler = {
  admit: () => ({ bodyBytes: 1 << 20, release: () => undefined }),
  handle: (_deviceKey, request) => Promise.resolve(request),
};

const folder = mkdtempSync(join(tmpdir(), "piccolo-upgrade-"));
const relay = await startRelay({
  folder: new RelayFolder(folder, realWorld),
  listen: "/ip4/127.0.0.1/tcp/0",
  gate: { isRegistered: () => true, share: () => true },
  world: realWorld,
  log: { error: () => undefined },
});

async function start(listen: readonly string[]) {
  const deviceSeed = realWorld.randomBytes(32);
  const net = createPeerNet({
    deviceSeed,
    listen,
    relay: () => relay.multiaddrs,
    isAllowed: () => true,
    isRelay: () => true,
    handler: echo,
    world: realWorld,
    log: () => undefined,
  });
  await net.start();
  const { publicKey } = await generateKeyPairFromSeed("Ed25519", deviceSeed);
  return { net, deviceKey: publicKey.raw };
}

// The asker can be reached from outside, the holder only through the relay: it is the holder that dials back.
const asker = await start([`/ip4/${publicAddress}/tcp/0`]);
const holder = await start([]);
try {
  const relayed = (): readonly string[] => holder.net.addresses().filter((address) => address.includes("/p2p-circuit"));
  await until("the holder is at the relay", () => Promise.resolve(relayed().length > 0));
  const ask = async (): Promise<void> => {
    const target = { deviceKey: holder.deviceKey, addresses: relayed() };
    const request = { frame: toUtf8("hello"), body: [realWorld.randomBytes(1 << 20)] };
    const options = { maxBodyBytes: 1 << 20, signal: new AbortController().signal };
    const { frame, body } = await asker.net.transport.request(target, request, options);
    assert.ok(Buffer.from(frame).equals(request.frame) && Buffer.concat(body).equals(Buffer.concat(request.body)));
  };
  await ask();
  await until("both sides have left the relay", () =>
    Promise.resolve(
      [asker.net.pathTo(holder.deviceKey), holder.net.pathTo(asker.deviceKey)].join() === "direct,direct",
    ),
  );
  await ask();
  assert.equal(asker.net.pathTo(holder.deviceKey), "direct");
} finally {
  await Promise.all([asker.net.stop(), holder.net.stop()]);
  await relay.stop();
  rmSync(folder, { recursive: true, force: true });
}
