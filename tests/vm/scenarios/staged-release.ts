/** A release that the device's own code has put on its disk is what the machine starts next, and finds good. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { BootView } from "@piccolo/device-api";
import {
  branchOfRelease,
  buildBootFiles,
  createDisk,
  deviceLayout,
  type DiskLayout,
  executeText,
  formatExt4,
  linuxType,
  listEsp,
  placeOf,
  writeRepository,
} from "@piccolo/release";
import { provingMs } from "../../../programs/piccolod/src/system/probation.ts";
import { runGuestSuite } from "../guest-suite.ts";
import { triesOfWorking } from "../firmware-watch.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";

const number = 2;
const layout: DiskLayout = [{ label: "piccolo-offered", type: linuxType, mebibytes: 1_536 }];
const uuid = "6f0d9a2e-58c1-4b77-9c35-2f4b7d1e8a60";

/** A disk with a release as it is given away: its repository, its boot image, what it says of its boot, and whose signatures count. */
async function offer({ laboratory, folder }: ScenarioContext): Promise<string> {
  const { shop } = laboratory;
  const options = laboratory.options(number, undefined);
  const content = join(folder, "offered");
  mkdirSync(content);
  const stranger = await laboratory.keySet("foreign-keys");
  const { commit } = await laboratory.alone(async () => {
    const boot = await buildBootFiles(shop, options, join(folder, "release"));
    await writeRepository(shop, options, boot.commit, join(content, "repository"));
    cpSync(boot.uki, join(content, "boot-image.efi"));
    cpSync(boot.prediction, join(content, "prediction"));
    return boot;
  });
  for (const [keys, name] of [
    [laboratory.keys, "trusted.gpg"],
    [stranger, "foreign.gpg"],
  ] as const) {
    const home = join(keys, "ostree");
    writeFileSync(join(content, name), await executeText("gpg", ["--homedir", home, "--batch", "--export", "--armor"]));
  }
  const source = {
    id: String(number),
    branch: branchOfRelease(number),
    commit: commit.checksum,
    tries: triesOfWorking,
  };
  writeFileSync(join(content, "source.json"), JSON.stringify(source));
  const disk = join(folder, "offered.img");
  const tools = shop.tools.within([folder]);
  await createDisk(disk, layout, tools);
  const place = placeOf(disk, layout, "piccolo-offered");
  await formatExt4(place, { content, uuid, features: [], epochS: shop.epochS }, tools);
  return disk;
}

export const stagedRelease: Scenario = {
  name: "staged-release",
  summary:
    "a release is fetched, checked and put on a claimed device's disk by the device's code; it starts, opens and stays",
  set: "full",
  async run(context) {
    const { laboratory, folder } = context;
    const { shop } = laboratory;
    const offered = await offer(context);
    const { machine, secrets } = await context.restored("device", "claimed");
    await machine.powerButton();
    await machine.changeDisk(async (disk) => {
      const entry = "tests/vm/guest/release.ts";
      const result = await runGuestSuite({ shop, folder, entry, kind: "services", disks: [disk, offered] });
      for (const [, name] of result.output.matchAll(/^\s*not ok \d+ - (.*)$/gm)) context.say(`  failed: ${name}`);
      context.equal("tests that failed", [result.failed, result.passed > 0], [0, true]);
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
