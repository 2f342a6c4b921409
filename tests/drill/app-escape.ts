import { AppVisit } from "@piccolo/devnet";
import { demoPort } from "@piccolo/oci-image/demo";
import { bundleDemo, demoManifest } from "../apps/demo.ts";
import { bundleHostile, hostileManifest, mirrorManifest, naiveManifest } from "../apps/hostile.ts";
import { CounterApp } from "./app-model.ts";
import { innerAddressOf } from "./app-traces.ts";
import { type Drill, protectedCheaply } from "./drill.ts";
import { attackBounds } from "./escape/bounds.ts";
import { attackHost } from "./escape/host.ts";
import { attackNetworks } from "./escape/network.ts";
import { attackProxy } from "./escape/proxy.ts";
import { makeNeighbourhood, openServices } from "./escape/neighbourhood.ts";
import { listeningPorts } from "./escape/ports.ts";
import { EscapeScene } from "./escape/scene.ts";

const servicePort = 7_000;
/** As port 80 on a device: it sends visitors on to where pages are encrypted. */
const redirectPort = 7_080;

export const appEscapeDrill: Drill = {
  name: "app-escape",
  summary:
    "a hostile app and hostile visitors try host, network, proxy and disk: all refused, beside controls that show what refuses them",
  onOwnMachine: true,
  async run(drill) {
    const images = `${drill.folder}/images`;
    const [counter, hostile] = [bundleDemo(images, "counter"), bundleHostile(images)];
    const network = await drill.network({
      devices: 1,
      protection: protectedCheaply,
      deviceArgs: () => ["--bundled-images", images],
    });
    const device = network.device(1);
    const { session } = device;
    makeNeighbourhood();
    const services = await openServices(servicePort);
    try {
      // On all addresses, IPv4 and IPv6, as on a device at home.
      const start = async (peerListen: string): Promise<void> => {
        const { port, peerPort } = device.record;
        const everywhere = ["--listen", `[::]:${port}`, "--redirect", `[::]:${redirectPort}`];
        await network.startDevice(1, [...everywhere, "--peer-listen", `${peerListen}/tcp/${peerPort}`]);
        await network.claim(device);
      };
      await device.process.stop();
      await start("/ip4/0.0.0.0");
      // Only a member takes calls of other members.
      await session.finish(await session.call("POST", "/network/found", { name: "Lindenstrasse" }));
      const victim = new CounterApp(session, "counter");
      await victim.install(demoManifest("counter", counter));
      await new CounterApp(session, "mirror").install(mirrorManifest(hostile));
      const install = async (manifest: string, grants: readonly string[]): Promise<unknown> =>
        session.finish(await session.call("POST", "/apps", { source: { manifest }, grants, settings: {} }));
      await install(naiveManifest(hostile), ["public-paths"]);
      await install(hostileManifest(hostile), ["internet", "public-paths"]);
      const [attacker, mirror] = [await AppVisit.enter(session, "hostile"), await AppVisit.enter(session, "mirror")];
      const naive = await AppVisit.enter(session, "naive");
      const scene = new EscapeScene(drill, network, attacker);
      drill.equal("the hostile app does as it is told", await scene.can("true"), true);
      drill.step("a counter, a mirror, a naive and a hostile app run");

      const addressOf = (app: string): Promise<string> => innerAddressOf(`${app}.web.1`);
      await attackNetworks(scene, {
        listenOverIpv6: async () => {
          // Killed, it leaves its apps as they are.
          await device.process.kill();
          await start("/ip6/::");
        },
        ports: () => listeningPorts(device.process.pid ?? 0),
        servicePort,
        peerPort: device.record.peerPort,
        otherApp: { container: "counter.web.1", address: await addressOf("counter"), port: demoPort },
      });
      await attackHost(scene);
      await attackProxy(drill, {
        device,
        session,
        mirror,
        container: { host: await addressOf("mirror"), port: demoPort },
        hostile: attacker,
        naive,
        naiveContainer: { host: await addressOf("naive"), port: demoPort },
      });
      drill.step("the door held");
      await attackBounds(scene);
      const visit = await victim.visit();
      drill.equal("the other app goes on", await victim.add(visit), 1);
    } finally {
      for (const service of services) service.close();
    }
  },
};
