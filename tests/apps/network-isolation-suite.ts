/**
 * Whom an app does not reach, and who does not reach an app, on real Podman. Each refusal stands beside the same attempt
 * with the rules left out, which succeeds: else the attempt might fail for another reason.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import {
  appPort,
  asksByDatagram,
  connects,
  hostPorts,
  inner,
  innerApp,
  type IsolationScene,
  keptAddresses,
  outer,
  outerApp,
} from "./isolation-scene.ts";
import { homeAddress, hostAddress, knownAddress, knownName, publicAddress, webPort } from "./outside.ts";

const asksForName = (server = ""): string =>
  `/bin/busybox timeout 5 /bin/busybox nslookup -type=a ${knownName} ${server} | /bin/busybox grep ${knownAddress}`;

export function networkIsolationSuite(scene: IsolationScene): void {
  test("isolation: no service of the host is reached over IPv4, under none of its addresses", async () => {
    const of = (...addresses: readonly string[]): Readonly<Record<string, string>> =>
      Object.fromEntries(
        addresses.flatMap((address) => [
          [`${address} by a connection`, connects(address, hostPorts.tcp4)],
          [`${address} by a datagram`, asksByDatagram(address, hostPorts.udp)],
        ]),
      );
    await scene.refusedIn("inside", of(inner(1).gateway));
    await scene.refusedIn("outgoing", of(outer(9).gateway, hostAddress));
  });

  test("isolation: the host does not even answer an echo request", async () => {
    const [own, ofHost] = [inner(1).gateway, hostAddress];
    await scene.refused([own, ofHost], async () => {
      const echoes = (address: string): readonly string[] => ["/bin/busybox", "ping", "-c", "1", "-W", "2", address];
      const reached = [
        (await scene.inNetworkOf("inside", ...echoes(own))) ? own : "",
        (await scene.inNetworkOf("outgoing", ...echoes(ofHost))) ? ofHost : "",
      ];
      return reached.filter((one) => one !== "").toSorted();
    });
  });

  test("isolation: no service of the host is reached, over IPv6", async () => {
    await scene.ready();
    const address = await linkLocalOf(inner(1).bridge);
    // An address has to be found free before it can be used, which takes a second and up to another one by chance.
    const isReady =
      "/bin/busybox ip -6 -o address show dev eth0 | /bin/busybox grep 'scope link' | /bin/busybox grep -qv tentative";
    await scene.reached("inside", { ready: `until ${isReady}; do sleep 1; done` });
    await scene.refusedIn("inside", { [address]: connects(`${address}%eth0`, hostPorts.tcp6) });
  });

  test("isolation: with a way out, the internet is reached, and nothing of the home network", async () => {
    assert.deepEqual(await scene.reached("outgoing", { internet: connects(publicAddress, webPort) }), ["internet"]);
    await scene.refusedIn("outgoing", { [homeAddress]: connects(homeAddress, webPort) });
  });

  test("isolation: with a way out, none of the private and reserved ranges is reached", () =>
    scene.refusedIn("outgoing", Object.fromEntries(keptAddresses.map((one) => [one, connects(one, webPort)]))));

  test("isolation: without a way out, nothing outside is reached", () =>
    scene.refusedIn(
      "inside",
      { internet: connects(publicAddress, webPort), home: connects(homeAddress, webPort) },
      "all",
    ));

  test("isolation: names are known to an app with a way out, and to no other", async () => {
    assert.deepEqual(await scene.reached("outgoing", { [knownName]: asksForName() }), [knownName]);
    assert.deepEqual(await scene.reached("inside", { [knownName]: asksForName() }), []);
    await scene.refusedIn("inside", { "the name server of another app": asksForName(outer(9).gateway) });
  });

  test("isolation: an app does not reach another app, with or without a way out, and the host does", async () => {
    const apps = { inner: connects(innerApp.address, appPort), outer: connects(outerApp.address, appPort) };
    await scene.refusedIn("inside", apps, "all");
    await scene.refusedIn("outgoing", apps, "all");
    for (const { address } of [innerApp, outerApp]) {
      const { status } = spawnSync("/bin/busybox", ["nc", "-w", "2", address, String(appPort)], { input: "" });
      assert.equal(status, 0, `the host does not reach ${address}`);
    }
  });

  test("isolation: nobody outside reaches an app past the device's door", async () => {
    const outside = await scene.ready();
    const attempt =
      (...addresses: readonly string[]) =>
      async (): Promise<readonly string[]> =>
        addresses.filter((address) => outside.connects(address, appPort)).toSorted();
    await scene.refused([outerApp.address], attempt(outerApp.address));
    await scene.refused([innerApp.address], attempt(innerApp.address), "all");
  });
}

/** Of a bridge, once it may be used. */
async function linkLocalOf(bridge: string): Promise<string> {
  for (;;) {
    const args = ["ip", "-6", "-o", "address", "show", "dev", bridge];
    const { stdout } = spawnSync("/bin/busybox", args, { encoding: "utf8" });
    const line = stdout.split("\n").find((one) => one.includes("scope link") && !one.includes("tentative"));
    const address = /inet6 (fe80:[0-9a-f:]+)\//.exec(line ?? "")?.[1];
    if (address !== undefined) return address;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
