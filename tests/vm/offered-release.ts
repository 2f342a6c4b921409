/** A release on a web server, and a device whose own code fetches it, holds it against its keys and puts it on its disk. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  branchOfRelease,
  buildBootFiles,
  type Commit,
  createDisk,
  type DiskLayout,
  formatExt4,
  linuxType,
  placeOf,
  writeRepository,
} from "@piccolo/release";
import { triesOfWorking } from "./firmware-watch.ts";
import { runGuestSuite } from "./guest-suite.ts";
import type { OverlayName, Signing } from "./laboratory.ts";
import type { ScenarioContext } from "./scenario.ts";

const layout: DiskLayout = [{ label: "piccolo-offered", type: linuxType, mebibytes: 1_536 }];
const uuid = "6f0d9a2e-58c1-4b77-9c35-2f4b7d1e8a60";

export interface OfferedRelease {
  readonly number: number;
  readonly overlay?: OverlayName;
  readonly signing?: Signing;
  /** What runs on the device: the keys in its image are those that it believes. */
  readonly running: { readonly number: number; readonly commit: Commit };
  /** Exported keys by which the release is not to be taken. */
  readonly strangers: Uint8Array;
}

/** The keys by which a release that runs believes the next one, as they lie in its image. */
export function updateKeysOf({ laboratory }: ScenarioContext, { repository, checksum }: Commit): Promise<Uint8Array> {
  const path = "/usr/lib/piccolo/updates.gpg";
  return laboratory.shop.tools.run("ostree", [`--repo=${repository}`, "cat", checksum, path]);
}

/** A disk with a release as it is given away: its repository, its boot image, what it says of its boot, and whose signatures count. */
async function offer(context: ScenarioContext, offered: OfferedRelease, folder: string): Promise<[string, Commit]> {
  const { laboratory } = context;
  const { shop } = laboratory;
  const { number, overlay, signing, running, strangers } = offered;
  const options = laboratory.options(number, overlay, signing);
  const content = join(folder, "offered");
  mkdirSync(content, { recursive: true });
  const { commit } = await laboratory.alone(async () => {
    const boot = await buildBootFiles(shop, options, join(folder, "release"));
    await writeRepository(shop, options, boot.commit, join(content, "repository"));
    cpSync(boot.uki, join(content, "boot-image.efi"));
    cpSync(boot.prediction, join(content, "prediction"));
    return boot;
  });
  writeFileSync(join(content, "trusted.gpg"), await updateKeysOf(context, running.commit));
  writeFileSync(join(content, "foreign.gpg"), strangers);
  const source = {
    id: String(number),
    branch: branchOfRelease(number),
    commit: commit.checksum,
    tries: triesOfWorking,
    booted: String(running.number),
  };
  writeFileSync(join(content, "source.json"), JSON.stringify(source));
  const disk = join(folder, "offered.img");
  const tools = shop.tools.within([folder]);
  await createDisk(disk, layout, tools);
  const place = placeOf(disk, layout, "piccolo-offered");
  await formatExt4(place, { content, uuid, features: [], epochS: shop.epochS }, tools);
  rmSync(content, { recursive: true });
  return [disk, commit];
}

/** Brings the release onto the disk of a device that is off. Gives its commit. */
export async function stageOffered(context: ScenarioContext, offered: OfferedRelease, disk: string): Promise<Commit> {
  const { shop } = context.laboratory;
  const folder = join(context.folder, `staging-${offered.number}`);
  const [offeredDisk, commit] = await offer(context, offered, folder);
  const entry = "tests/vm/guest/release.ts";
  const result = await runGuestSuite({ shop, folder, entry, kind: "services", disks: [disk, offeredDisk] });
  for (const [, name] of result.output.matchAll(/^\s*not ok \d+ - (.*)$/gm)) context.say(`  failed: ${name}`);
  context.equal(`tests that failed, of release ${offered.number}`, [result.failed, result.passed > 0], [0, true]);
  rmSync(folder, { recursive: true });
  return commit;
}
