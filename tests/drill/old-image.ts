import { cpSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { DeviceProblem, type Network } from "@piccolo/devnet";
import { isBackedUp } from "./device-lost.ts";
import type { Drill, DrillContext } from "./drill.ts";
import { FileTree } from "./file-model.ts";

/** Puts an older state of the whole disk in the place of what is on it. */
async function restoreImage(drill: DrillContext, network: Network, image: string): Promise<void> {
  const { folder } = network.device(1);
  await network.cutPower(1);
  rmSync(folder, { recursive: true });
  cpSync(image, folder, { recursive: true });
  drill.fault("the owner's disk is put back to what it was");
}

/** What witnesses said of a second branch, in any of their logs. */
function branchesSeen(network: Network): readonly string[] {
  return network.devices.flatMap(({ process: { logFile } }) =>
    readFileSync(logFile, "utf8")
      .split("\n")
      .filter((line) => /log-fork|metadata-log-forked/.test(line)),
  );
}

export const oldImageDrill: Drill = {
  name: "old-image",
  summary:
    "the device's own disk of last week is started: it changes nothing until it has caught up, and loses nothing",
  async run(drill) {
    const { small, sabotage } = drill.options;
    const network = await drill.network({ devices: small ? 4 : 7 });
    const owner = network.device(1);
    const tree = new FileTree(drill, "kept");
    await tree.write(owner.session, small ? 10 : 200, 3);
    await isBackedUp(drill, owner);
    await owner.process.stop();
    const image = `${drill.folder}/image`;
    cpSync(owner.folder, image, { recursive: true });
    await network.startDevice(1);
    await isBackedUp(drill, owner);
    await tree.write(owner.session, small ? 10 : 200, 4);
    await isBackedUp(drill, owner);
    drill.step(`${tree.count} files, half of them written after the image`);

    const others = network.devices.slice(1);
    await restoreImage(drill, network, image);
    await Promise.all(others.map((device) => device.process.stop()));
    drill.fault("nobody is there who knows more");
    await network.startDevice(1);
    const early = owner.session.call("POST", "/files/folders", { parent: "root", name: "asked for early" }).then(
      () => "made",
      (error: unknown) => (error instanceof DeviceProblem ? error.problem.code : String(error)),
    );
    if (small) {
      drill.equal("a change waits", await Promise.race([early, delay(1_500).then(() => "waits")]), "waits");
    } else {
      drill.equal("a change is refused after a while", await early, "backup-checking");
    }
    drill.step("alone with the old image it changes nothing: it cannot know whether it has the newest");
    // Left out is that the others come back.
    if (!sabotage) await Promise.all(others.map((device) => network.startDevice(device.number)));
    await drill.eventually(
      "the device has caught up",
      async () => {
        interface Security {
          readonly backup: { readonly state: string };
        }
        return (await owner.session.call<Security>("GET", "/security")).backup.state === "ready";
      },
      sabotage ? 3_000 : 60_000,
    );
    await network.allOnline(owner);
    await tree.verify(owner.session);
    drill.step("it has caught up: every file is there");
    await tree.write(owner.session, 3, 0);
    await isBackedUp(drill, owner);

    await restoreImage(drill, network, image);
    await network.startDevice(1);
    await isBackedUp(drill, owner);
    await tree.write(owner.session, 3, 0);
    await network.allOnline(owner);
    await tree.verify(owner.session);
    await isBackedUp(drill, owner);
    drill.equal("branches that any device has seen", branchesSeen(network), []);
    drill.step("the same with everybody there: nothing forked, nothing lost");
  },
};
