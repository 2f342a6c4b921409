/** From inside: services of the host, other apps, the home network, over IPv4 and IPv6. */
import { spawnSync } from "node:child_process";
import { runningContainer } from "../app-traces.ts";
import { answerNames, type Bridge, giveIpv6, madeUpAddress, own6, places } from "./neighbourhood.ts";
import { connects, type EscapeScene, hostileContainer, must } from "./scene.ts";

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
  /** Piccolod's own, and another service of the host. */
  readonly ports: readonly number[];
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

export async function attackNetworks(scene: EscapeScene, { ports, otherApp }: Targets): Promise<void> {
  const { drill } = scene;
  const [inner, outer] = await bridgesOf(scene);
  const portsTried = drill.options.small ? ports.slice(0, 1) : ports;

  for (const port of portsTried) {
    const addresses = [inner.gateway, outer.gateway, places.host, `::ffff:${inner.gateway}`];
    for (const address of [...addresses, ...[inner, outer].map(({ linkLocal, device }) => `${linkLocal}%${device}`)]) {
      await scene.refused(`the host's port ${port} at ${address}`, () => scene.can(connects(address, port)));
    }
  }
  drill.equal("the internet is reached, as the owner agreed", await scene.can(connects(places.internet, 80)), true);
  await scene.refused("a neighbour on the home network", () => scene.can(connects(places.neighbour, 80)));
  await scene.refused(
    "another app's page at its own address",
    () => scene.can(connects(otherApp.address, otherApp.port)),
    "all",
  );
  drill.equal(
    "which the host reaches",
    spawnSync("/bin/busybox", ["nc", "-w", "2", otherApp.address, String(otherApp.port)], { input: "" }).status,
    0,
  );
  await askNames(scene, inner);
  await attackOverIpv6(scene, [inner, outer], portsTried, otherApp);
  drill.step(`networks: ${drill.checks} checks`);
}

/** A network without a way out has no name server: one that there is, of the host's own, is out of reach. */
async function askNames(scene: EscapeScene, { gateway }: Bridge): Promise<void> {
  const server = await answerNames(gateway);
  try {
    await scene.refused("the host's name server on its inner network", () =>
      scene.can(`busybox nslookup -timeout=2 -retry=1 -type=a example.org ${gateway} | grep ${madeUpAddress}`),
    );
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
  const targets: readonly (readonly [what: string, address: string, port: number])[] = [
    ...ports.map((port) => [`the host's port ${port} at`, places.host6, port] as const),
    ["a neighbour on the home network at", places.neighbour6, 80],
    ["the internet, which was granted over IPv4 alone, at", places.internet6, 80],
    ["another app at", other, otherApp.port],
  ];
  for (const [what, address, port] of targets) {
    drill.equal(`${what} ${address} is not reached`, await scene.can(connects(address, port)), false);
  }
  const [own, others] = [await runningContainer(hostileContainer), await runningContainer(otherApp.container)];
  giveIpv6(
    own.pid,
    bridges.map((bridge, at) => [at, bridge] as const),
  );
  giveIpv6(others.pid, [[2, await bridgeAt(scene, gatewayOf(otherApp.address), "eth0")]]);
  for (const [what, address, port] of targets) {
    const isApp = address === other;
    await scene.refused(`${what} ${address}`, () => scene.can(connects(address, port)), isApp ? "all" : "ours");
  }
}

function gatewayOf(address: string): string {
  const [, network = "", host] = /^(.*)\.(\d+)$/.exec(address) ?? [];
  return `${network}.${1 + (Number(host) & ~63)}`;
}
