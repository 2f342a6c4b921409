/** From inside: services of the host, other apps, the home network. */
import { spawnSync } from "node:child_process";
import { connects, type EscapeScene, must, places } from "./scene.ts";

interface Link {
  readonly ifname: string;
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly scope: string }[];
}

export interface Targets {
  /** Piccolod's own, and another service of the host. */
  readonly ports: readonly number[];
  /** The other app's, on its own network. */
  readonly otherApp: { readonly address: string; readonly port: number };
}

/** Addresses of the bridges the hostile app is on. */
function bridgesOf(scene: EscapeScene, gateways: readonly string[]): readonly Link[] {
  const links = JSON.parse(must("ip", "-json", "address", "show")) as Link[];
  const found = links.filter(({ addr_info: addresses }) => addresses.some(({ local }) => gateways.includes(local)));
  scene.drill.equal("the app is on two bridges", found.length, 2);
  return found;
}

export async function attackNetworks(scene: EscapeScene, { ports, otherApp }: Targets): Promise<void> {
  const { drill } = scene;
  const small = drill.options.small;
  // The order in which networks are set up is not the one in which devices are named, so each address says its own device.
  const own = await scene.do("ip -o -4 address show");
  const devices = [...own.output.matchAll(/^\d+: (eth\d+)\s+inet (10\.\d+\.\d+)\.(\d+)\//gm)];
  drill.equal("it has an address on each of its networks", devices.length, 2);
  const deviceOf = new Map(
    devices.map(([, device = "", network = "", host]): [string, string] => [
      `${network}.${1 + (Number(host) & ~63)}`,
      device,
    ]),
  );
  const gateways = [...deviceOf.keys()];
  const bridges = bridgesOf(scene, gateways);

  for (const port of ports) {
    for (const address of [...gateways, places.host]) {
      await scene.refused(`the host's port ${port} at ${address}`, () => scene.can(connects(address, port)));
    }
    const mapped = `::ffff:${gateways[0] ?? ""}`;
    await scene.refused(`the host's port ${port} at ${mapped}`, () => scene.can(connects(mapped, port)));
    for (const [at, bridge] of bridges.entries()) {
      const local = bridge.addr_info.find(({ family, scope }) => family === "inet6" && scope === "link");
      if (local === undefined) continue;
      const device = bridge.addr_info.map((one) => deviceOf.get(one.local)).find((name) => name !== undefined);
      // Nobody of the devnet's own listens there.
      const target = port === ports[0] ? (ports.at(-1) ?? port) : port;
      await scene.refused(`the host's port ${target} at its link-local address ${at}`, () =>
        scene.can(connects(`${local.local}%${device}`, target)),
      );
    }
    if (small) break;
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
  drill.fault("it asks the host's name server of its inner network");
  const inner = gateways.at(-1) ?? "";
  drill.equal(
    "no name server answers there",
    (await scene.do(`busybox nslookup example.org ${inner}`)).code === 0,
    false,
  );
  drill.step(`networks: ${drill.checks} checks`);
}

/** What of the host it could see or touch without any network. */
export async function attackHost(scene: EscapeScene): Promise<void> {
  const { drill } = scene;
  for (const [what, script] of [
    ["Podman's socket", "ls /run/piccolo /run/podman /var/run/docker.sock 2>/dev/null | grep ."],
    ["a socket anywhere", "find / -xdev -type s 2>/dev/null | grep ."],
    ["the host's processes", "ls /proc | grep -c '^[0-9]' | { read n; [ $n -gt 12 ]; }"],
    ["a mount of its own", "mkdir -p /tmp/m && busybox mount -t tmpfs tmpfs /tmp/m"],
    ["a device file", "busybox mknod /tmp/d b 7 0"],
    ["the kernel's settings", "echo 1 >/proc/sys/kernel/panic"],
    ["the kernel's messages", "busybox dmesg 2>/dev/null | grep ."],
    ["another network", "busybox ip link add x type dummy"],
    ["the machine's clock", "busybox date -s 2000-01-01 >/dev/null 2>&1; [ $(busybox date +%Y) = 2000 ]"],
    ["a control group", "find /sys/fs/cgroup -name cgroup.procs -writable 2>/dev/null | grep ."],
    [
      "the host's root by its first process",
      "ls /proc/1/root/work /proc/1/root/tmp/piccolo-drill* 2>/dev/null | grep .",
    ],
    ["the device of the volume", "ls /dev/loop* /dev/vd* /dev/sd* /dev/mapper 2>/dev/null | grep ."],
  ] as const) {
    drill.fault(what);
    drill.equal(`${what} is out of reach`, await scene.can(script), false);
  }
  const status = await scene.do("grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; cat /proc/self/uid_map");
  drill.check(
    "it has no rights at all",
    /^CapBnd:\s+0{16}$/m.test(status.output) && /^CapEff:\s+0{16}$/m.test(status.output),
  );
  drill.check("ids of its own", !/^\s*0\s+0\s/m.test(status.output));
}
