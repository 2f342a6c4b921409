/** A release that the device's own code has put on its disk is what the machine starts next, and finds good. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { BootView } from "@piccolo/device-api";
import { deviceLayout, listEsp, placeOf } from "@piccolo/release";
import { provingMs } from "../../../programs/piccolod/src/system/probation.ts";
import { stageOffered } from "../offered-release.ts";
import type { Scenario } from "../scenario.ts";

const number = 2;

export const stagedRelease: Scenario = {
  name: "staged-release",
  summary:
    "a release is fetched, checked and put on a claimed device's disk by the device's code; it starts, opens and stays",
  set: "full",
  async run(context) {
    const { laboratory, folder } = context;
    const { shop } = laboratory;
    const { commit } = await laboratory.image();
    const strangers = readFileSync(join(await laboratory.keySet("foreign-keys"), "ostree/updates.gpg"));
    const { machine, secrets } = await context.restored("device", "claimed");
    await machine.powerButton();
    await machine.changeDisk(async (disk) => {
      await stageOffered(context, { number, running: { number: 1, commit }, strangers }, disk);
    });

    const bootImages = async (): Promise<readonly string[]> => {
      const disk = await machine.copyDisk(join(folder, "after.img"));
      const place = placeOf(disk, deviceLayout, "piccolo-esp");
      return [...(await listEsp(place, "EFI/Linux", shop.tools.within([folder])))].sort();
    };
    const start = async (what: string): Promise<void> => {
      machine.powerOn();
      await machine.untilAnswers();
      const { phase, reasons } = await machine.client.status();
      context.equal(`the volume, ${what}: ${JSON.stringify(reasons)}`, phase, "locked");
      const owner = machine.client.session();
      await owner.signIn(secrets.password);
      const { state, release, detail } = await owner.call<BootView>("GET", "/security/boot");
      context.equal(`the release, ${what}: ${detail}`, [state, release?.number], ["as-released", number]);
    };
    const found = ["piccolo-1.efi", `piccolo-${number}.efi`];
    context.check("it is counted", !(await bootImages()).includes(`piccolo-${number}.efi`));
    await start("on probation");
    // Nobody outside is told when it has its place.
    await delay(3 * provingMs);
    await machine.powerButton();
    context.equal("boot images once it worked", await bootImages(), found);
    await start("after a restart");
    await machine.powerButton();
    context.equal("boot images after a restart", await bootImages(), found);
  },
};
