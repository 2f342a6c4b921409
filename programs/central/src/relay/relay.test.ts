import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { realWorld } from "@piccolo/world/real";
import { createLibp2p, type Libp2p } from "libp2p";
import { CentralUnderTest } from "../../test-support/central.ts";
import { foundNetwork, type Owner } from "../../test-support/owners.ts";
import { RelayFolder } from "./folder.ts";
import { deviceKeyOf, peerIdOf } from "./peer-id.ts";
import { startRelay } from "./relay.ts";

const central = new CentralUnderTest("relay", { role: "both" });
const nodes: Libp2p[] = [];

type MuxerFactory = ReturnType<ReturnType<typeof yamux>>;
/** What lies below the muxers of the devices' connections, in their order. */
const wires: Parameters<MuxerFactory["createStreamMuxer"]>[0][] = [];

function tappedYamux(): MuxerFactory {
  const factory = yamux()();
  const create = factory.createStreamMuxer.bind(factory);
  factory.createStreamMuxer = (wire) => {
    wires.push(wire);
    return create(wire);
  };
  return factory;
}

before(() => central.start());
after(async () => {
  for (const node of nodes) await node.stop();
  await central.end();
});

function relayAddress(): string {
  const [address] = central.relay;
  assert.ok(address !== undefined);
  return address;
}

/** A device behind a router: it listens nowhere but at the relay. */
async function device(owner: Owner, listen: readonly string[]): Promise<Libp2p> {
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", owner.deviceSeed),
    addresses: { listen: [...listen] },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [tls()],
    streamMuxers: [tappedYamux],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify() },
  });
  nodes.push(node);
  return node;
}

test("a device whose key nobody registered does not get past the gater", async () => {
  const stranger = await device(central.owner("Eve"), []);
  const connection = await stranger.dial(multiaddr(relayAddress())).catch(() => undefined);
  // The refusal comes after the handshake, so the dialler may see a connection that ends before it carries anything.
  await assert.rejects(async () => {
    await connection?.newStream("/libp2p/circuit/relay/0.2.0/hop", { signal: AbortSignal.timeout(5_000) });
    if (connection === undefined) throw new Error("the connection was refused");
  });
});

test("members reach each other through the relay with the limits of members, and strangers do not", async () => {
  const members = central.owners("Ada", "Bela");
  const [ada, bela] = members;
  const eve = central.owner("Eve");
  assert.ok(ada !== undefined && bela !== undefined);
  await foundNetwork(members);
  await foundNetwork([eve]);
  const hidden = await device(ada, [`${relayAddress()}/p2p-circuit`]);
  assert.equal(hidden.peerId.toString(), peerIdOf(ada.deviceKey.publicKey));
  assert.deepEqual(deviceKeyOf(hidden.peerId), ada.deviceKey.publicKey);
  const echoed = new Promise<number>((resolve) => {
    void hidden.handle(
      "/piccolo/test/1",
      (stream) => {
        let bytes = 0;
        stream.addEventListener("message", (event) => {
          bytes += event.data.byteLength;
        });
        stream.addEventListener("remoteCloseWrite", () => resolve(bytes));
      },
      { runOnLimitedConnection: true },
    );
  });
  const address = multiaddr(`${relayAddress()}/p2p-circuit/p2p/${hidden.peerId.toString()}`);

  const stranger = await device(eve, []);
  await assert.rejects(stranger.dial(address), "a member of another network is not relayed");

  const dialler = await device(bela, []);
  const connection = await dialler.dial(address);
  assert.ok((connection.limits?.bytes ?? 0n) >= 1n << 30n);
  assert.ok((connection.limits?.seconds ?? 0) >= 3_600);
  const stream = await connection.newStream("/piccolo/test/1", { runOnLimitedConnection: true });
  // More than the 128 KiB at which the library would cut the connection by itself.
  const block = new Uint8Array(65_536);
  for (let sent = 0; sent < 32; sent++) {
    if (!stream.send(block)) await stream.onDrain();
  }
  await stream.close();
  assert.equal(await echoed, 32 * block.length);
});

test("who is registered that cannot be read for a moment ends nothing, and is looked for again", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-relay-"));
  const rounds: (() => void)[] = [];
  const world = Object.assign(Object.create(realWorld) as typeof realWorld, {
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        rounds.push(resolve);
        signal?.addEventListener("abort", () => reject(new Error("stopped")));
      }),
  });
  let asked = 0;
  let answer = (): boolean => true;
  const lines: string[] = [];
  const relay = await startRelay({
    folder: new RelayFolder(folder, world),
    listen: "/ip4/127.0.0.1/tcp/0",
    gate: { isRegistered: () => (asked++, answer()), share: () => false },
    world,
    log: { error: (text) => lines.push(text) },
  });
  context.after(async () => {
    await relay.stop();
    rmSync(folder, { recursive: true });
  });
  const ada = await device(central.owner("Ada"), []);
  const connection = await ada.dial(multiaddr(relay.multiaddrs[0] ?? ""));
  /** The relay knows of the connection a little later than who made it. */
  const sweepUntil = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) {
      rounds.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  // Once when it is let in, and then whenever the relay looks through its connections.
  await sweepUntil(() => asked > 1);
  answer = () => {
    throw new Error("disk I/O error");
  };
  await sweepUntil(() => lines.length > 0);
  assert.equal(connection.status, "open");
  answer = () => false;
  await sweepUntil(() => connection.status !== "open");
});

test("a device whose frame announces 4 GiB is cut off at its header", async () => {
  const [dora] = central.owners("Dora");
  assert.ok(dora !== undefined);
  await foundNetwork([dora]);
  const node = await device(dora, []);
  const connection = await node.dial(multiaddr(relayAddress()));
  const stream = await connection.newStream("/ipfs/id/1.0.0");
  const closed = new Promise((resolve) => {
    connection.addEventListener("close", resolve);
  });
  // The stream's own number, so that nothing but the length is wrong.
  const header = new Uint8Array(12).fill(255, 8);
  new DataView(header.buffer).setUint32(4, Number(stream.id));
  const [wire] = wires.splice(-1);
  wire?.send(header);
  wire?.send(new Uint8Array(65_536));
  const late = new AbortController();
  const outcome = await Promise.race([
    closed.then(() => "cut off"),
    realWorld.sleep(5_000, late.signal).then(
      () => "still connected",
      () => "",
    ),
  ]);
  late.abort();
  assert.equal(outcome, "cut off");
});
