/** From inside: services of the host, other apps, the home network, over IPv4 and IPv6. */
import { spawnSync } from "node:child_process";
import { runningContainer } from "../app-traces.ts";
import { answerNames, type Bridge, giveIpv6, madeUpAddress, own6, places } from "./neighbourhood.ts";
import type { ListeningPort } from "./ports.ts";
import { type Attempts, connects, type EscapeScene, hostileContainer, must } from "./scene.ts";

interface Link {
  readonly ifname: string;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly scope: string;
    readonly tentative?: boolean;
  }[];
}

export interface Targets {
  /** Until then other members reach the device over IPv4, as at home, and from then on over IPv6. */
  readonly listenOverIpv6: () => Promise<void>;
  /** Of the device's process, where it listens now. */
  readonly ports: () => readonly ListeningPort[];
  /** Of another service of the host, on all its addresses. */
  readonly servicePort: number;
  readonly peerPort: number;
  /** The other app's, on its own network. */
  readonly otherApp: { readonly container: string; readonly address: string; readonly port: number };
}

/** The bridge with that address, once its link-local one may be used. */
async function bridgeAt(scene: EscapeScene, gateway: string, device: string): Promise<Bridge> {
  let found: Bridge | undefined;
  await scene.drill.eventually(`the bridge of ${gateway} has a link-local address`, async () => {
    const links = JSON.parse(must("ip", "-json", "address", "show")) as Link[];
    const link = links.find(({ addr_info: addresses }) => addresses.some(({ local }) => local === gateway));
    const local = link?.addr_info.find(({ family, scope }) => family === "inet6" && scope === "link");
    if (link === undefined || local === undefined || local.tentative === true) return false;
    found = { name: link.ifname, gateway, linkLocal: local.local, device, isInner: link.ifname.endsWith("i") };
    return true;
  });
  if (found === undefined) throw new Error("it was there a moment ago");
  return found;
}

/** The bridges the hostile app is on. */
async function bridgesOf(scene: EscapeScene): Promise<readonly [inner: Bridge, outer: Bridge]> {
  const { drill } = scene;
  // The order in which networks are set up is not the one in which devices are named, so each address says its own device.
  const { output } = await scene.do("ip -o -4 address show");
  const devices = [...output.matchAll(/^\d+: (eth\d+)\s+inet (10\.\d+\.\d+)\.(\d+)\//gm)];
  const bridges: Bridge[] = [];
  for (const [, device = "", network = "", host] of devices) {
    bridges.push(await bridgeAt(scene, `${network}.${1 + (Number(host) & ~63)}`, device));
  }
  const [inner, outer] = bridges.toSorted((a, b) => Number(b.isInner) - Number(a.isInner));
  drill.equal("it is on two bridges, one without a way out", [inner?.isInner, outer?.isInner], [true, false]);
  if (inner === undefined || outer === undefined) throw new Error("it is on two bridges");
  await drill.eventually("its own link-local addresses may be used", () =>
    scene.can("[ $(ip -6 -o address show | grep -v tentative | grep -c 'scope link') -ge 2 ]"),
  );
  return [inner, outer];
}

/** Fewer would say that one was not found: for pages, for what asks without encryption, and two for other members. */
const portsMin = 4;

/** All there is to try: each port on which piccolod listens beyond its own machine, and the other service's. */
function portsOf({ drill }: EscapeScene, { ports, servicePort, peerPort }: Targets, family: 4 | 6): readonly number[] {
  const open = ports().filter(({ isOnLoopback }) => !isOnLoopback);
  drill.equal(
    "it takes no datagrams, which nobody tries here",
    open.filter(({ transport }) => transport === "udp"),
    [],
  );
  const found = open.filter((one) => one.family === 6 || one.family === family).map(({ port }) => port);
  const own = [...new Set(found)].toSorted((a, b) => a - b);
  drill.check(`piccolod listens on ${own.join(", ")}`, own.length >= portsMin && own.includes(peerPort));
  return [...own, servicePort];
}

export async function attackNetworks(scene: EscapeScene, targets: Targets): Promise<void> {
  const { drill } = scene;
  const { otherApp } = targets;
  const [inner, outer] = await bridgesOf(scene);
  const addresses = [inner.gateway, outer.gateway, places.host, `::ffff:${inner.gateway}`];
  await scene.refused(hostPorts(addresses, portsOf(scene, targets, 4)));
  drill.equal("the internet is reached, as the owner agreed", await scene.can(connects(places.internet, 80)), true);
  await scene.refused({ "a neighbour on the home network": connects(places.neighbour, 80) });
  await scene.refused({ "another app's page at its own address": connects(otherApp.address, otherApp.port) }, "all");
  drill.equal(
    "which the host reaches",
    spawnSync("/bin/busybox", ["nc", "-w", "2", otherApp.address, String(otherApp.port)], { input: "" }).status,
    0,
  );
  await askNames(scene, inner);
  await targets.listenOverIpv6();
  await drill.eventually("the hostile app is let do again what it is told", async () => {
    return scene.can("true").catch(() => false);
  });
  await attackOverIpv6(scene, [inner, outer], portsOf(scene, targets, 6), otherApp);
  drill.step(`networks: ${drill.checks} checks`);
}

const hostPorts = (addresses: readonly string[], ports: readonly number[]): Attempts =>
  Object.fromEntries(
    ports.flatMap((port) =>
      addresses.map((address) => [`the host's port ${port} at ${address}`, connects(address, port)]),
    ),
  );

/** A network without a way out has no name server: one that there is, of the host's own, is out of reach. */
async function askNames(scene: EscapeScene, { gateway }: Bridge): Promise<void> {
  const server = await answerNames(gateway);
  try {
    await scene.refused({
      "the host's name server on its inner network": `busybox nslookup -timeout=2 -retry=1 -type=a example.org ${gateway} | grep ${madeUpAddress}`,
    });
  } finally {
    server.close();
  }
}

/** Apps have no IPv6 address but link-local ones. Given others, and ways out, it is the rules that refuse. */
async function attackOverIpv6(
  scene: EscapeScene,
  bridges: readonly [inner: Bridge, outer: Bridge],
  ports: readonly number[],
  otherApp: Targets["otherApp"],
): Promise<void> {
  const { drill } = scene;
  const other = own6(2, "app");
  const linkLocal = bridges.map(({ linkLocal: address, device }) => `${address}%${device}`);
  await scene.refused(hostPorts(linkLocal, ports));
  const ofHost: Attempts = {
    ...hostPorts([places.host6], ports),
    [`a neighbour on the home network at ${places.neighbour6}`]: connects(places.neighbour6, 80),
    [`the internet, which was granted over IPv4 alone, at ${places.internet6}`]: connects(places.internet6, 80),
  };
  const ofApp: Attempts = { [`another app at ${other}`]: connects(other, otherApp.port) };
  drill.equal("nothing is reached without an address", [...(await scene.possible({ ...ofHost, ...ofApp }))], []);
  const [own, others] = [await runningContainer(hostileContainer), await runningContainer(otherApp.container)];
  giveIpv6(
    own.pid,
    bridges.map((bridge, at) => [at, bridge] as const),
  );
  giveIpv6(others.pid, [[2, await bridgeAt(scene, gatewayOf(otherApp.address), "eth0")]]);
  await scene.refused(ofHost);
  await scene.refused(ofApp, "all");
}

function gatewayOf(address: string): string {
  const [, network = "", host] = /^(.*)\.(\d+)$/.exec(address) ?? [];
  return `${network}.${1 + (Number(host) & ~63)}`;
}
