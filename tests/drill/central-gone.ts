import { isBackedUp, lose, recovered } from "./device-lost.ts";
import type { Drill } from "./drill.ts";
import { FileTree } from "./file-model.ts";

export const centralGoneDrill: Drill = {
  name: "central-gone",
  summary: "central is gone for good, then the device: twenty-four words and one member's address are enough",
  async run(drill) {
    const { small, sabotage } = drill.options;
    const network = await drill.network({ devices: small ? 4 : 10 });
    const tree = new FileTree(drill, "kept");
    await tree.write(network.device(1).session, small ? 20 : 300, 4);
    await isBackedUp(drill, network.device(1));
    await network.central.kill();
    drill.fault("central is gone for good");
    await tree.write(network.device(1).session, 3, 0);
    drill.step("without central the owner's device goes on storing");

    const { phrase, fresh } = await lose(drill, network);
    // Left out is the one address.
    const number = 2 + drill.below(network.devices.length - 1);
    const given = sabotage ? { phrase } : { phrase, place: network.addressOf(number) };
    drill.equal(
      `the recovery by the phrase and the address of ${network.device(number).process.name}`,
      await recovered(network, fresh, given),
      "recovered",
    );
    await tree.verify(fresh.session);
    drill.step("every file is there, bit-identical");
    await isBackedUp(drill, fresh);
    await tree.write(fresh.session, 3, 0);
    await fresh.process.stop();
    await network.startDevice(1);
    await isBackedUp(drill, fresh);
    await tree.write(fresh.session, 1, 0);
    await tree.verify(fresh.session);
    drill.step("the new device stores and reads, also after a restart, still without central");
  },
};
