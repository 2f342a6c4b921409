/** Somebody else builds the release, and gets the same. */
import { readFileSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";
import { buildBootFiles, openWorkshop } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";

export const reproducible: Scenario = {
  name: "reproducible",
  summary: "a second build, from packages on, gives the same commit and the same boot image to the last bit",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const first = await laboratory.image();
    const folder = join(context.folder, "again");
    const { shop } = laboratory;
    const again = await openWorkshop({
      folder,
      folders: [laboratory.keys],
      epochS: shop.epochS,
      say: context.say,
      toolsRoot: shop.tools.root,
    });
    const second = await buildBootFiles(again, laboratory.options(1, undefined), join(folder, "out"));
    context.equal("the commit", second.commit.checksum, first.commit.checksum);
    const digest = (path: string): string => hash("sha256", readFileSync(path));
    context.equal("the boot image", digest(second.uki), digest(first.uki));
    context.equal("the boot loader", digest(second.loader), digest(first.loader));
  },
};
