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
import { EscapeScene } from "./escape/scene.ts";

const servicePort = 7_000;

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
      await network.startDeviceWith(1, ["--listen", `[::]:${device.record.port}`]);
      await network.claim(device);
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
        ports: [device.record.port, servicePort],
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
