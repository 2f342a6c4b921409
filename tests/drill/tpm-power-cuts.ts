import { setTimeout as delay } from "node:timers/promises";
import type { Network } from "@piccolo/devnet";
import { type Drill, type DrillContext, protectedCheaply } from "./drill.ts";
import { FileTree } from "./file-model.ts";

/** What the TPM is doing when the power goes. */
const moments = ["while nothing happens", "while the device starts", "while passwords are checked"] as const;

async function cut(drill: DrillContext, network: Network, moment: (typeof moments)[number]): Promise<void> {
  const device = network.device(1);
  const afterMs = drill.below(400);
  if (moment === "while the device starts") {
    await network.cutPower(1);
    // It ends in the middle, which is what is wanted.
    const starting = network.startDevice(1).catch(() => undefined);
    await delay(100 + 2 * afterMs);
    await network.cutPower(1);
    await starting;
  } else if (moment === "while passwords are checked") {
    const password = device.record.password ?? "";
    // Each check has the TPM unseal the pepper; it ends with the connection.
    const checking = (async (): Promise<void> => {
      for (;;) await device.session.signIn(password);
    })().catch(() => undefined);
    await delay(afterMs);
    await network.cutPower(1);
    await checking;
  }
  await network.cutPower(1);
  drill.fault(`the power goes ${moment}`);
}

export const tpmPowerCutsDrill: Drill = {
  name: "tpm-power-cuts",
  summary:
    "the power goes again and again, whatever the TPM is doing: it never locks out, and opens the volume each time",
  async run(drill) {
    const { small, sabotage } = drill.options;
    const network = await drill.network({ devices: 1, protection: () => protectedCheaply });
    const device = network.device(1);
    const tree = new FileTree(drill, "kept");
    await tree.write(device.session, 4, 1);
    const cuts = small ? 6 : 20;
    for (let at = 0; at < cuts; at++) {
      await cut(drill, network, moments[at % moments.length] ?? moments[0]);
      // Left out is that the TPM's state is carried forward.
      if (sabotage) await network.replaceTpm(1);
      await network.startDevice(1);
      drill.equal("the TPM gives the volume key and the password's part", await device.phase(), "ready");
      const { tpm } = await device.session.call<{ tpm?: { lockout: boolean } }>("GET", "/security");
      drill.equal("the TPM is in lockout", tpm?.lockout, false);
    }
    await tree.verify(device.session);
    drill.step(`${cuts} power cuts, no lockout`);
  },
};
