/** Whatever is added on the open ESP changes what the start measures, and the volume stays shut; taken away, it opens. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeFromEsp, signForFirmware, writeEsp } from "@piccolo/release";
import type { Scenario, ScenarioContext } from "../scenario.ts";
import { SealedDevice } from "../sealed-device.ts";

const besideImage = (name: string): string => `EFI/Linux/piccolo-1.efi.extra.d/${name}`;

/** What would open shells if it counted. */
const strangersWords = "rd.shell=1 rd.break systemd.debug_shell=1";

/** A command line in a file of its own, which the stub of a boot image reads where the firmware trusts who signed it. */
export async function makeAddon({
  laboratory,
  folder,
}: ScenarioContext): Promise<{ unsigned: string; signed: string }> {
  const { shop, keys } = laboratory;
  const unsigned = join(folder, "unsigned.addon.efi");
  const stub = "/usr/lib/systemd/boot/efi/addonx64.efi.stub";
  await shop.tools

    .run("ukify", ["build", `--stub=${stub}`, `--cmdline=${strangersWords}`, `--output=${unsigned}`]);
  const signed = join(folder, "signed.addon.efi");
  await signForFirmware(unsigned, signed, [keys], shop.epochS, shop.tools);
  return { unsigned, signed };
}

export const volumeShut: Scenario = {
  name: "volume-shut",
  summary: "a credential, an extension or an add-on on the ESP: the volume stays shut, and opens once it is taken away",
  set: "full",
  async run(context) {
    const { shop } = context.laboratory;
    const device = await SealedDevice.create(context, "device");
    const planted = join(context.folder, "planted");
    writeFileSync(planted, "what a stranger wrote\n".repeat(400));
    const addon = await makeAddon(context);
    const additions = [
      { what: "a credential for all images", source: planted, path: "loader/credentials/stranger.cred" },
      { what: "a credential for this image", source: planted, path: besideImage("stranger.cred") },
      { what: "a system extension", source: planted, path: besideImage("stranger.sysext.raw") },
      { what: "a configuration extension", source: planted, path: besideImage("stranger.confext.raw") },
      { what: "an add-on that the db key signed", source: addon.signed, path: besideImage("stranger.addon.efi") },
    ];
    let present: string | undefined;
    const replaceBy = (path: string | undefined, source = planted): Promise<void> =>
      device.change(async (place) => {
        const esp = place("piccolo-esp");
        if (present !== undefined) await removeFromEsp(esp, [present], shop.tools);
        present = path;
        if (path !== undefined) await writeEsp(esp, [{ source, path }], shop.epochS, shop.tools);
      });
    for (const { what, source, path } of additions) {
      await replaceBy(path, source);
      await device.staysShut(what, ["tpm-policy"]);
    }
    await replaceBy(undefined);
    await device.opens("all taken away");
  },
};
