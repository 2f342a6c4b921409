/** What runs inside a kernel that has what this machine's may lack. */
import { type GuestSuite, runGuestSuite } from "../guest-suite.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";

async function run(context: ScenarioContext, suite: Pick<GuestSuite, "entry" | "kind" | "partitions">): Promise<void> {
  const { shop } = context.laboratory;
  const { passed, failed, output } = await runGuestSuite({ shop, folder: context.folder, ...suite });
  for (const [, name] of output.matchAll(/^\s*not ok \d+ - (.*)$/gm)) context.say(`  failed: ${name}`);
  context.equal("tests that failed", failed, 0);
  context.check("tests ran", passed > 0);
  context.figure("tests that passed", passed, "");
}

export const sealedVolume: Scenario = {
  name: "sealed-volume",
  summary: "the suite of volumes on a real device mapper, and what only that can show",
  set: "full",
  run: (context) =>
    run(context, { entry: "tests/vm/guest/volume.ts", kind: "kernel", partitions: { "piccolo-data": 512 } }),
};

export const volumeRoom: Scenario = {
  name: "volume-room",
  summary: "project quotas keep the device's reserve from whoever fills the volume",
  set: "full",
  run: (context) =>
    run(context, { entry: "tests/vm/guest/room.ts", kind: "kernel", partitions: { "piccolo-data": 512 } }),
};

export const containerRuntime: Scenario = {
  name: "container-runtime",
  summary: "the suite of the port to containers on the image's Podman, by its socket unit, on the sealed volume",
  set: "full",
  run: (context) =>
    run(context, { entry: "tests/vm/guest/containers.ts", kind: "services", partitions: { "piccolo-data": 1_024 } }),
};
