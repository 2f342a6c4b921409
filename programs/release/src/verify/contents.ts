/** A release's files against each other, with the tools of the workshop: signatures, commit, disk images. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePrediction, openSignedPrediction, predictBoot, readSections } from "@piccolo/attest";
import { equalConstantTime, fromUtf8 } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { branchOfRelease, compactName, packagesOfCommit, refuseOverlayIn, repositoryName } from "../build/publish.ts";
import { installerPath } from "../build/installer.ts";
import type { Workshop } from "../build/workshop.ts";
import type { Chroot } from "../chroot/chroot.ts";
import { deviceLayout, installerLayout, placeOf } from "../disk/disk-image.ts";
import { openSignedVariable } from "../firmware/signed-variable.ts";
import { fingerprintOf, publicKeyOf, readCertificate } from "../keys/read-key.ts";
import { listSigners, ostreePublicOf, placesOf, secureBootRoles } from "../keys/roles.ts";
import { predictedPcr7 } from "../predict/enrolled.ts";
import { missingFrom } from "../papers/spdx.ts";
import { type CheckedPapers, unfit } from "./papers.ts";

/** One thing that is found to be so; the words tell a maker what was looked at. */
export interface Finding {
  readonly what: string;
  readonly run: () => Promise<void>;
}

/** Every check there is, in the order in which they are worth making. Each throws `release-unfit`. */
export function contentChecks(shop: Workshop, folder: string, papers: CheckedPapers, keys: string): readonly Finding[] {
  const tools = shop.tools.within([folder]);
  const at = (name: string): string => join(folder, name);
  const uki = `piccolo-${papers.number}.efi`;
  const loader = "BOOTX64.EFI";
  const commit = { repository: at(repositoryName), checksum: papers.commit };
  const within = { ...shop, tools };
  return [
    { what: "the commit's objects, and its signature", run: () => checkCommit(tools, commit, papers.number, keys) },
    { what: "no test's overlay in the tree", run: () => refuseOverlayIn(within, commit) },
    {
      what: "every package of the tree is in the bill of materials",
      run: async () => {
        const missing = missingFrom(papers.bill, await packagesOfCommit(within, commit));
        if (missing.length > 0) throw unfit(`the bill of materials lacks ${missing.slice(0, 5).join(", ")}`);
      },
    },
    {
      what: "boot loader and boot image, signed for the firmware",
      run: async () => {
        for (const name of [loader, uki]) {
          const certificate = placesOf(keys, "db").publicHalf;
          await refused(
            tools.run("sbverify", ["--cert", certificate, at(name)]),
            `${name} is not signed by the db key`,
          );
        }
      },
    },
    { what: "what a start will measure, signed", run: async () => checkPrediction(at, papers, { uki, loader }, keys) },
    {
      what: "the compact disk image is the raw one, byte for byte",
      run: () =>
        refused(
          tools.run("qemu-img", ["compare", "-f", "qcow2", "-F", "raw", at(compactName), at("disk.img")]),
          `${compactName} does not convert back to disk.img`,
        ),
    },
    {
      what: "the disk image starts this release",
      run: () =>
        onEsp(tools, at("disk.img"), deviceLayout, "piccolo-esp", [
          { path: `EFI/Linux/${uki}`, same: at(uki) },
          { path: "EFI/BOOT/BOOTX64.EFI", same: at(loader) },
          { path: `piccolo/predictions/${papers.number}.json`, same: at(`piccolo-${papers.number}.prediction.json`) },
        ]),
    },
    {
      what: "the installer writes this release, gives the firmware these keys, and opens no volume",
      run: async () => {
        const stick = [at("installer.img"), installerLayout, "piccolo-installer"] as const;
        await onEsp(tools, ...stick, [
          { path: `piccolo/device/EFI/Linux/${uki}`, same: at(uki) },
          { path: "piccolo/device/EFI/BOOT/BOOTX64.EFI", same: at(loader) },
          { path: "EFI/BOOT/BOOTX64.EFI", same: at(loader) },
        ]);
        await refuseOpener(tools, await readEsp(tools, ...stick, installerPath), keys);
        for (const name of secureBootRoles) {
          const file = await readEsp(tools, ...stick, `loader/keys/auto/${name}.auth`);
          const signer = readCertificate(placesOf(keys, listSigners[name]).publicHalf);
          await asUnfit(() => openSignedVariable(name, file, signer));
        }
      },
    },
  ];
}

/** The installer's image is signed like a device's: with policies in it, whoever has a stick could have the chip open a device's volume. */
async function refuseOpener(tools: Chroot, image: Buffer, keys: string): Promise<void> {
  await asUnfit(() => refusePolicies(image));
  const folder = mkdtempSync(join(tmpdir(), "piccolo-verify-"));
  try {
    const path = join(folder, "installer.efi");
    writeFileSync(path, image);
    const certificate = placesOf(keys, "db").publicHalf;
    const checked = tools.within([folder]).run("sbverify", ["--cert", certificate, path]);
    await refused(checked, "the installer's image is not signed by the db key");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Throws `release-unfit` for an image with signatures by which a security chip opens what is sealed. Throws `malformed` for another file. */
export function refusePolicies(image: Uint8Array): void {
  if (!readSections(image).has(".pcrsig")) return;
  throw unfit("the installer's image carries policies that open a device's volume");
}

async function refused(running: Promise<unknown>, why: string): Promise<void> {
  await running.catch((cause: unknown) => {
    throw unfit(why, cause);
  });
}

async function asUnfit<T>(run: () => T): Promise<T> {
  try {
    return run();
  } catch (error) {
    if (isFault(error, "malformed")) throw unfit(error.message, error);
    throw error;
  }
}

async function checkCommit(
  tools: Chroot,
  { repository, checksum }: { readonly repository: string; readonly checksum: string },
  number: number,
  keys: string,
): Promise<void> {
  const ostree = (...args: string[]): Promise<string> => tools.text("ostree", [`--repo=${repository}`, ...args]);
  // Of what is marked as pulled in part, fsck looks at no content.
  if (existsSync(join(repository, "state", `${checksum}.commitpartial`))) throw unfit("the repository is not whole");
  await refused(ostree("fsck", "--quiet"), "the repository's objects are not what their names say");
  const branch = branchOfRelease(number);
  const found = await ostree("rev-parse", branch).catch(() => "");
  if (found.trim() !== checksum) throw unfit(`${branch} of the repository is not the commit that the provenance names`);
  // A keyring that holds this one key, so that no other's signature counts.
  const homes = mkdtempSync(join(tmpdir(), "piccolo-verify-"));
  try {
    const inside = tools.within([homes]);
    const target = join(homes, "repository");
    await inside.run("ostree", [`--repo=${target}`, "init", "--mode=archive"]);
    const remote = ["remote", "add", "--set=gpg-verify=true", "--set=gpg-verify-summary=true"];
    const imported = [`--gpg-import=${ostreePublicOf(keys)}`, "release", `file://${repository}`, branch];
    await inside.run("ostree", [`--repo=${target}`, ...remote, ...imported]);
    await refused(
      inside.run("ostree", [`--repo=${target}`, "pull", "--commit-metadata-only", "release", branch]),
      "commit or summary of the repository are not signed by the release's OSTree key",
    );
  } finally {
    rmSync(homes, { recursive: true });
  }
}

async function checkPrediction(
  at: (name: string) => string,
  { version, number, commit }: CheckedPapers,
  names: { readonly uki: string; readonly loader: string },
  keys: string,
): Promise<void> {
  await asUnfit(() => {
    const trusted = [fingerprintOf(publicKeyOf(keys, "metadata"))];
    const signed = openSignedPrediction(readFileSync(at(`piccolo-${number}.prediction.json`)), trusted);
    const [loader, image] = [readFileSync(at(names.loader)), readFileSync(at(names.uki))];
    const { pcr7, signers } = signed;
    const enrolled = predictedPcr7({ loader, image }, { keySets: [keys] });
    const isForeseen = enrolled.every((value) => pcr7.some((each) => equalConstantTime(each, value)));
    if (enrolled.length === 0 || !isForeseen) {
      throw unfit("the value of PCR 7 with the keys that the installer enrols is not among those that were signed");
    }
    const predicted = encodePrediction(predictBoot({ version, number, loader, image, signers, pcr7 }));
    if (!equalConstantTime(encodePrediction(signed), predicted)) {
      throw unfit("what a start will measure is not what was signed of it");
    }
    const line = fromUtf8(readSections(image).get(".cmdline")?.content ?? new Uint8Array());
    if (!line.split(/[\s\0]/).includes(`piccolo.commit=${commit}`)) throw unfit(`${names.uki} starts another commit`);
  });
}

type Layout = typeof deviceLayout;

async function readEsp(tools: Chroot, disk: string, layout: Layout, label: string, path: string): Promise<Buffer> {
  const { offset } = placeOf(disk, layout, label);
  return tools.run("mcopy", ["-i", `${disk}@@${offset}`, `::/${path}`, "-"]).catch((cause: unknown) => {
    throw unfit(`${disk} has no ${path}`, cause);
  });
}

async function onEsp(
  tools: Chroot,
  disk: string,
  layout: Layout,
  label: string,
  files: readonly { readonly path: string; readonly same: string }[],
): Promise<void> {
  for (const { path, same } of files) {
    const found = await readEsp(tools, disk, layout, label, path);
    if (!found.equals(readFileSync(same))) throw unfit(`${path} in ${disk} is not ${same}`);
  }
}
