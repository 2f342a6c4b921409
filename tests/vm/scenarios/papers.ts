/** A release as it is given away, and held against its papers. */
import { openSync, closeSync, readFileSync, readSync, statSync, writeSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { isFault } from "@piccolo/fault";
import { filesOfNobodyIn, publish, readPackageList, verifyRelease } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";

/** Turns one bit in the middle of a file; the same again turns it back. */
function turnBit(path: string): void {
  const file = openSync(path, "r+");
  try {
    const at = statSync(path).size >> 1;
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    writeSync(file, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
  } finally {
    closeSync(file);
  }
}

export const papers: Scenario = {
  name: "papers",
  summary:
    "a release is given away with bill of materials and provenance; a changed byte and a test's overlay are refused",
  set: "full",
  async run(context) {
    const { laboratory, say } = context;
    const { shop } = laboratory;
    const { keys } = laboratory;
    const installer = await laboratory.installer(join(context.folder, "installer.img"));
    const parts = laboratory.options(1, undefined);
    const folder = join(context.folder, "release");
    const image = await laboratory.image();
    const beganMs = performance.now();
    await laboratory.alone(() => publish(shop, parts, image, installer, folder));
    const seconds = (since: number): number => Math.round((performance.now() - since) / 100) / 10;
    context.figure("giving a release away", seconds(beganMs), "s");
    const verifiedMs = performance.now();
    const checks = await verifyRelease(shop, folder, keys, (line) => say(`  ${line}`));
    context.check("the release is what its papers say", checks > 5);
    context.figure("holding a release against its papers", seconds(verifiedMs), "s");
    for (const name of ["disk.qcow2", "installer.img"]) {
      const { blocks } = statSync(join(folder, name));
      context.figure(name, Math.round((blocks * 512) / 1e5) / 10, "MB");
    }

    context.equal("files of no package", await filesOfNobodyIn(shop, image.commit), []);
    // What dpkg itself says is installed, but for what is taken out.
    const admin = join(shop.packagesRoot, "var/lib/dpkg");
    const format = ["-W", "-f", "${Package} ${Version}\n"];
    const listed = await shop.tools.within([admin]).text("dpkg-query", [`--admindir=${admin}`, ...format]);
    const removed = new Set(readPackageList(join(shop.os, "debian/removed-packages.txt")));
    const installed = listed
      .trim()
      .split("\n")
      .filter((line) => !removed.has(line.split(" ")[0] ?? ""));
    const bill = JSON.parse(readFileSync(join(folder, "sbom.spdx.json"), "utf8")) as {
      packages: { name: string; versionInfo: string }[];
    };
    const named = new Set(bill.packages.map(({ name, versionInfo }) => `${name} ${versionInfo}`));
    const missing = installed.filter((line) => !named.has(line));
    context.equal("packages that are not in the bill", missing, []);
    context.figure("packages of the root in the bill", installed.length, "");

    const refusal = async (path: string): Promise<string> => {
      turnBit(path);
      try {
        await verifyRelease(shop, folder, keys, () => undefined);
        return "none";
      } catch (error) {
        return isFault(error, "release-unfit") ? error.message : String(error);
      } finally {
        turnBit(path);
      }
    };
    for (const name of ["piccolo-1.efi", "sbom.spdx.json", "provenance.intoto.json", "disk.qcow2"]) {
      const message = await refusal(join(folder, name));
      context.check(`one bit of ${name} is noticed: ${message}`, /is not the file|provenance/.test(message));
    }
    const objects = await shop.tools
      .within([folder])
      .text("find", [join(folder, "repository/objects"), "-name", "*.filez"]);
    const object = objects.split("\n")[0] ?? "";
    const message = await refusal(object);
    context.check(`one bit of ${basename(object)} is noticed: ${message}`, message.includes("objects are not what"));

    const overlay = await laboratory.image("probe");
    const other = join(context.folder, "with-overlay");
    mkdirSync(other);
    const refused = await laboratory
      .alone(() => publish(shop, laboratory.options(1, "probe"), overlay, installer, other))
      .then(
        () => "nothing",
        (error: unknown) => (isFault(error, "overlay-in-release") ? "refused" : String(error)),
      );
    context.equal("a tree with a test's overlay", refused, "refused");
    rmSync(folder, { recursive: true });
  },
};
