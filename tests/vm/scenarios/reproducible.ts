/** Somebody else builds the release, and gets the same. */
import { readFileSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";
import { type BootFiles, buildBootFiles, installedPackages, openWorkshop, type Workshop } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";

export const reproducible: Scenario = {
  name: "reproducible",
  summary: "a second build, from packages on, gives the same commit and the same boot image to the last bit",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const { shop } = laboratory;
    const openAnew = (name: string): Promise<Workshop> =>
      openWorkshop({
        folder: join(context.folder, name),
        folders: [laboratory.keys],
        epochS: shop.epochS,
        say: context.say,
        toolsRoot: shop.tools.root,
      });
    const build = (anew: Workshop): Promise<BootFiles> =>
      buildBootFiles(anew, laboratory.options(1, undefined), join(anew.folder, "out"));
    const again = await openAnew("again");
    // The image's packages may be a week old. Where the mirrors have others by now, that build is repeated from theirs as well.
    const packagesOf = (anew: Workshop): string => JSON.stringify(installedPackages(anew.packagesRoot));
    const areSame = packagesOf(again) === packagesOf(shop);
    if (!areSame) context.say("  the mirrors have other packages than the image: both builds are made from theirs");
    const other = areSame ? undefined : await openAnew("first");
    if (other !== undefined) context.check("both have the same packages", packagesOf(other) === packagesOf(again));
    const first = other === undefined ? await laboratory.image() : await build(other);
    const second = await build(again);
    context.equal("the commit", second.commit.checksum, first.commit.checksum);
    const digest = (path: string): string => hash("sha256", readFileSync(path));
    context.equal("the boot image", digest(second.uki), digest(first.uki));
    context.equal("the boot loader", digest(second.loader), digest(first.loader));
  },
};
