import { AppVisit } from "@piccolo/devnet";
import { demoPort } from "@piccolo/oci-image/demo";
import { bundleDemo, demoManifest } from "../apps/demo.ts";
import { bundleHostile, hostileManifest, mirrorManifest } from "../apps/hostile.ts";
import { CounterApp } from "./app-model.ts";
import { innerAddressOf } from "./app-traces.ts";
import { type Drill, protectedCheaply } from "./drill.ts";
import { attackBounds } from "./escape/bounds.ts";
import { attackHost, attackNetworks } from "./escape/network.ts";
import { attackProxy } from "./escape/proxy.ts";
import { EscapeScene, makeNeighbourhood, openServices } from "./escape/scene.ts";

const servicePort = 7_000;

export const appEscapeDrill: Drill = {
  name: "app-escape",
  summary: "a hostile app and hostile visitors try host, network, proxy and disk: all refused, each with its control",
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
      // On all addresses, as on a device at home.
      await network.startDeviceWith(1, ["--listen", `0.0.0.0:${device.record.port}`]);
      await network.claim(device);
      const victim = new CounterApp(session, "counter");
      await victim.install(demoManifest("counter", counter));
      await new CounterApp(session, "mirror").install(mirrorManifest(hostile));
      const grants = ["internet", "public-paths"];
      await session.finish(
        await session.call("POST", "/apps", { source: { manifest: hostileManifest(hostile) }, grants, settings: {} }),
      );
      const [attacker, mirror] = [await AppVisit.enter(session, "hostile"), await AppVisit.enter(session, "mirror")];
      const scene = new EscapeScene(drill, network, attacker);
      drill.equal("the hostile app does as it is told", await scene.can("true"), true);
      drill.step("a counter, a mirror and a hostile app run");

      const addressOf = (app: string): Promise<string> => innerAddressOf(`${app}.web.1`);
      await attackNetworks(scene, {
        ports: [device.record.port, servicePort],
        otherApp: { address: await addressOf("counter"), port: demoPort },
      });
      await attackHost(scene);
      await attackProxy(drill, {
        device,
        mirror,
        container: { host: await addressOf("mirror"), port: demoPort },
        hostile: attacker,
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
