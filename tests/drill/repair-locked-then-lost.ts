import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Device, Network } from "@piccolo/devnet";
import { contentOf } from "../network/identity.ts";
import { isBackedUp, lose, recovered } from "./device-lost.ts";
import type { Drill } from "./drill.ts";
import { FileTree } from "./file-model.ts";

/** How many of the account's fragments lie on each of these devices. */
function fragmentsOn(network: Network, devices: readonly Device[], account: string): number[] {
  return devices.map(({ number }) => {
    const folder = join(contentOf(network, number), "fragments", account);
    return existsSync(folder) ? readdirSync(folder).length : 0;
  });
}

export const repairLockedThenLostDrill: Drill = {
  name: "repair-locked-then-lost",
  summary: "a locked device brings what waits to its holders, then is lost: the phrase finds it where it was brought",
  async run(drill) {
    const { small, sabotage } = drill.options;
    const network = await drill.network({ devices: small ? 4 : 5 });
    const owner = network.device(1);
    const others = network.devices.slice(1);
    // Those who stay are too few, both to make a file durable and to witness it.
    const [stay, away] = [others.slice(0, -2), others.slice(-2)];
    const tree = new FileTree(drill, "kept");
    await tree.write(owner.session, small ? 5 : 50, 2);
    await tree.placed(owner.session);
    const { self: account } = await owner.session.call<{ self: string }>("GET", "/network");

    await Promise.all(away.map((device) => device.process.kill()));
    for (const device of away) drill.fault(`${device.process.name} is killed`);
    interface View {
      readonly members: readonly { readonly online: boolean; readonly self: boolean }[];
    }
    // Until it knows, it waits for their answers a good while longer.
    await drill.eventually("the owner's device notices", async () => {
      const { members } = await owner.session.call<View>("GET", "/network");
      return members.filter(({ online, self }) => !online && !self).length >= away.length;
    });
    await tree.write(owner.session, small ? 3 : 40, 2);
    interface Security {
      readonly backup: { readonly waitingChanges: boolean };
    }
    const backupOf = async (): Promise<Security["backup"]> =>
      (await owner.session.call<Security>("GET", "/security")).backup;
    drill.equal("changes wait for witnesses", (await backupOf()).waitingChanges, true);
    await owner.session.call("POST", "/lock");
    drill.equal("the device is locked", await owner.phase(), "locked");
    const before = fragmentsOn(network, away, account);
    drill.step(`${tree.count} files, the newer ones wait on the device, which is locked`);

    // Left out is that the others come back.
    if (!sabotage) for (const device of away) await network.startDevice(device.number);
    await drill.eventually(
      "the locked device has brought to everybody what waited",
      async () => {
        const now = fragmentsOn(network, others, account);
        const isEqual = now.every((count) => count === now[0]);
        return isEqual && (now.at(-1) ?? 0) > (before.at(-1) ?? 0) && !(await backupOf()).waitingChanges;
      },
      sabotage ? 3_000 : 60_000,
    );
    drill.equal("the device is still locked", await owner.phase(), "locked");
    drill.step("placed and witnessed while it is locked");

    const { phrase, fresh } = await lose(drill, network);
    drill.equal("the recovery by the phrase", await recovered(network, fresh, { phrase }), "recovered");
    await tree.verify(fresh.session);
    await isBackedUp(drill, fresh);
    await Promise.all(stay.map((device) => device.process.kill()));
    for (const device of stay) drill.fault(`${device.process.name}, which had the files first, is killed`);
    await tree.verify(fresh.session);
    drill.step("every file comes from where the locked device brought it");
  },
};
