import { setTimeout as delay } from "node:timers/promises";
import { type Device, type Network, unprotected } from "@piccolo/devnet";
import { type Drill, type DrillContext, protectedCheaply } from "./drill.ts";
import { FileTree } from "./file-model.ts";

/** The owner's changes are with enough witnesses, and more may be made. */
export async function isBackedUp(drill: DrillContext, device: Device): Promise<void> {
  interface Security {
    readonly backup: { readonly state: string; readonly waitingChanges: boolean };
  }
  await drill.eventually(`${device.process.name} is backed up`, async () => {
    const { backup } = await device.session.call<Security>("GET", "/security");
    return backup.state === "ready" && !backup.waitingChanges;
  });
}

/** The owner's device goes up in flames, disk and chip; what stands in its place afterwards is new and empty. */
export async function lose(drill: DrillContext, network: Network): Promise<{ readonly phrase: string; fresh: Device }> {
  const phrase = network.device(1).phrase ?? "";
  const fresh = await network.replaceDevice(1);
  fresh.phrase = phrase;
  drill.fault("the owner's device is lost with its disk and its chip");
  return { phrase, fresh };
}

/** Whether the recovery ended well, or why it did not. */
export function recovered(
  network: Network,
  fresh: Device,
  given: { readonly phrase: string; readonly place?: string },
): Promise<string> {
  return network.recover(fresh, given).then(
    () => "recovered",
    (error: unknown) => String(error),
  );
}

export const deviceLostDrill: Drill = {
  name: "device-lost",
  summary: "disk and TPM are gone, in the middle of writing: twenty-four words on a new device bring every file back",
  async run(drill) {
    const { small, sabotage } = drill.options;
    const network = await drill.network({
      devices: small ? 4 : 10,
      protection: (device) => (device === 1 ? protectedCheaply : unprotected),
    });
    const owner = network.device(1);
    const tree = new FileTree(drill, "kept");
    await tree.write(owner.session, small ? 60 : 1_000, small ? 5 : 40);
    await isBackedUp(drill, owner);
    const before = tree.count;
    const writing = tree.writeUntilGone(owner.session);
    // What goes wrong in it is thrown where it is awaited.
    writing.catch(() => undefined);
    await delay(1_000);
    await drill.eventually("a file is acknowledged meanwhile", async () => tree.count > before);
    const { phrase, fresh } = await lose(drill, network);
    await writing;
    drill.check("files were acknowledged in the last second", tree.count > before);
    drill.step(`${tree.count} files in folders, ${tree.count - before} of them written in the last second`);

    if (!sabotage) drill.equal("the recovery by the phrase", await recovered(network, fresh, { phrase }), "recovered");
    drill.equal("the new device is the owner's", await fresh.phase(), "ready");
    await network.allOnline(fresh);
    drill.step("the new device has the owner's folders");
    await tree.verify(fresh.session);
    drill.step("every file is there, bit-identical");
    await isBackedUp(drill, fresh);
    await tree.write(fresh.session, 5, 0);
    await network.cutPower(1);
    await network.startDevice(1);
    await network.allOnline(fresh);
    await tree.verify(fresh.session, 20);
    drill.step("it goes on as the owner's device, also after a power cut");
  },
};
