/** The volume opens on this machine, in a boot that measures as signed, and nowhere else. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deviceLayout, placeOf, writeEsp } from "@piccolo/release";
import type { Machine } from "../machine.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";

async function staysShut(context: ScenarioContext, what: string, machine: Machine): Promise<void> {
  machine.powerOn();
  await machine.untilAnswers();
  const status = await machine.client.status();
  context.equal(`${what}: ${JSON.stringify(status)}`, status.phase, "closed");
  context.say(`  ${what}: ${status.reasons.map(({ code }) => code).join(", ")}`);
  await machine.powerCut();
}

export const volumeShut: Scenario = {
  name: "volume-shut",
  summary:
    "credentials or extensions on the ESP, Secure Boot off, another machine: the volume stays shut, and opens again afterwards",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const { shop } = laboratory;
    const image = await laboratory.image();
    const own = await context.machine("own", image.disk);
    own.powerOn();
    await own.untilAnswers();
    context.check("the volume was made", (await own.client.status()).phase !== "closed");
    await own.powerButton();
    const rest = join(context.folder, "disk.img");
    await own.copyDisk(rest);

    const planted = join(context.folder, "planted");
    writeFileSync(planted, "what a stranger wrote\n".repeat(400));
    const places = {
      "a credential": "loader/credentials/stranger.cred",
      "a credential beside the image": "EFI/Linux/piccolo-1.efi.extra.d/stranger.cred",
      "a system extension": "EFI/Linux/piccolo-1.efi.extra.d/stranger.sysext.raw",
      "a configuration extension": "EFI/Linux/piccolo-1.efi.extra.d/stranger.confext.raw",
    };
    for (const [what, path] of Object.entries(places)) {
      const name = what.replaceAll(" ", "-");
      const disk = await own.copyDisk(join(context.folder, `${name}.img`));
      await writeEsp(placeOf(disk, deviceLayout, "piccolo-esp"), [{ source: planted, path }], shop.epochS, shop.tools);
      const variables = join(context.folder, "own", "variables.fd");
      await staysShut(context, what, await context.machine(name, disk, { variables }, { chipOf: own }));
    }
    await staysShut(context, "Secure Boot off", await context.machine("off", rest, "secure-boot-off", { chipOf: own }));
    await staysShut(context, "another machine", await context.machine("other", rest));

    own.powerOn();
    await own.untilAnswers();
    context.check("it opens again", (await own.client.status()).phase !== "closed");
  },
};
