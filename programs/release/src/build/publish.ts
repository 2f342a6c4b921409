/** What is given away of a release: its files, the commit in a repository any web server can serve, and the papers. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { repositoryRoot } from "../config.ts";
import { releaseFaults } from "../faults.ts";
import { publicKeyOf } from "../keys/read-key.ts";
import { withHomeOf } from "../keys/signers-home.ts";
import { signBytes, signingKeyOf } from "../keys/signing-key.ts";
import { billOfMaterials, type LockedPackage } from "../papers/bill-of-materials.ts";
import { commitSubject, type ProvenanceFacts, sealProvenance, statementOf } from "../papers/provenance.ts";
import { urlOf } from "../papers/spdx.ts";
import { execute } from "../process.ts";
import { decodePackages, type InstalledPackage, installedPackages, packagesOfTree } from "../tree/packages.ts";
import {
  type Commit,
  type CommitParts,
  overlayFolder,
  overlayMark,
  signersOf,
  signingKeyOf as commitKeyOf,
} from "./commit.ts";
import type { ReleaseImage } from "./image.ts";
import { readSourceState, type SourceState } from "./sources.ts";
import type { Workshop } from "./workshop.ts";

export const billName = "sbom.spdx.json";
export const provenanceName = "provenance.intoto.json";
export const repositoryName = "repository";
export const compactName = "disk.qcow2";
export const branchOfRelease = (number: number): string => `piccolo/release/${number}`;

/** Packages of the tools whose files become part of boot loader, boot image, and the images of the release's own apps. */
const toolsInside = ["systemd-boot-efi", "busybox-static"];

/**
 * Throws `overlay-in-release` for a commit with a test's overlay: by its metadata, and by its tree, since one
 * could be missing the other. `shown` is `ostree show --raw`, `listed` is `ostree ls -R`.
 */
export function refuseOverlay(shown: string, listed: string): void {
  const refuse = (why: string): never => {
    throw releaseFaults.fault(
      "overlay-in-release",
      `the commit ${why}: it was made for a test and is not given to anybody`,
    );
  };
  const named = new RegExp(`'${overlayMark.replace(".", "\\.")}': <'([^']*)'>`).exec(shown)?.[1];
  if (named !== undefined) refuse(`names the overlay ${named}`);
  if (shown.includes(overlayMark)) refuse("names an overlay");
  const paths = listed.split("\n").map((line) => line.slice(line.indexOf("/")));
  if (paths.some((path) => path === overlayFolder || path.startsWith(`${overlayFolder}/`))) {
    refuse(`has ${overlayFolder}`);
  }
}

/** The same, for a commit in a repository. */
export async function refuseOverlayIn(shop: Workshop, { repository, checksum }: Commit): Promise<void> {
  const ostree = (...args: string[]): Promise<string> => shop.tools.text("ostree", [`--repo=${repository}`, ...args]);
  refuseOverlay(await ostree("show", "--raw", checksum), await ostree("ls", "-R", checksum, "/usr/lib/piccolo"));
}

const readBytes = 4 << 20;

/** SHA-256 of a file of any size. */
export async function digestOfFile(path: string): Promise<string> {
  const sum = createHash("sha256");
  const buffer = Buffer.allocUnsafe(readBytes);
  const file = await open(path);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, readBytes);
      if (bytesRead === 0) return sum.digest("hex");
      sum.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** What the commit's tree says it was made of. */
export async function packagesOfCommit(shop: Workshop, { repository, checksum }: Commit): Promise<InstalledPackage[]> {
  return decodePackages(
    await shop.tools.text("ostree", [`--repo=${repository}`, "cat", checksum, `/${packagesOfTree}`]),
  );
}

/** Writes a release into a folder that is empty or not there yet. */
export async function publish(
  shop: Workshop,
  parts: CommitParts,
  image: ReleaseImage,
  installer: string,
  out: string,
): Promise<void> {
  if (existsSync(out) && readdirSync(out).length > 0) {
    throw releaseFaults.fault("output-exists", `${out} is not empty; a release has a folder of its own`);
  }
  await refuseOverlayIn(shop, image.commit);
  mkdirSync(out, { recursive: true });
  const { tools } = shop;
  const inside = tools.within([out]);
  for (const path of [image.uki, image.loader, image.prediction]) cpSync(path, join(out, basename(path)));
  for (const [path, name] of [
    [image.disk, basename(image.disk)],
    // Whoever holds the release against its papers looks for it by this name, whatever file it was built as.
    [installer, "installer.img"],
  ] as const) {
    await execute("cp", ["--sparse=always", "--reflink=auto", path, join(out, name)]);
  }
  shop.say("compact disk image");
  await inside.run("qemu-img", ["convert", "-c", "-O", "qcow2", image.disk, join(out, compactName)]);
  shop.say("repository");
  await writeRepository(shop, parts, image.commit, join(out, repositoryName));
  shop.say("papers");
  await writePapers(shop, parts, image, out);
}

/** The commit in a repository that any web server can serve, in a folder that is made; with a signed summary. */
export async function writeRepository(
  shop: Workshop,
  parts: CommitParts,
  commit: Commit,
  target: string,
): Promise<void> {
  mkdirSync(target);
  const ostree = (...args: string[]): Promise<Buffer> =>
    shop.tools.within([target]).run("ostree", [`--repo=${target}`, ...args]);
  await ostree("init", "--mode=archive");
  await ostree("pull-local", commit.repository, commit.checksum);
  await ostree("refs", `--create=${branchOfRelease(parts.release.number)}`, commit.checksum);
  const signers = signersOf(parts);
  await withHomeOf(signers, async (home) => {
    const keys = await Promise.all(signers.map((set) => commitKeyOf(shop, set)));
    const signed = [`--gpg-homedir=${home}`, ...keys.map((key) => `--gpg-sign=${key}`)];
    await shop.tools.within([target, home]).run("ostree", [`--repo=${target}`, "summary", "--update", ...signed]);
  });
}

async function writePapers(shop: Workshop, parts: CommitParts, image: ReleaseImage, out: string): Promise<void> {
  const { epochS } = shop;
  const { version, number } = parts.release;
  const inside = installedPackages(shop.tools.root).filter(({ name }) => toolsInside.includes(name));
  const system = [...(await packagesOfCommit(shop, image.commit)), ...inside];
  const commit = image.commit.checksum;
  writeFileSync(join(out, billName), billOfMaterials({ version, commit, epochS, system, locked: readLock() }));
  const subjects = new Map([[commitSubject, commit]]);
  // Small files first: who checks a release hears of most faults before the disk images were read.
  const files = readdirSync(out, { withFileTypes: true }).filter((entry) => entry.isFile());
  const sizeOf = (name: string): number => statSync(join(out, name)).size;
  for (const { name } of files.sort((a, b) => sizeOf(a.name) - sizeOf(b.name))) {
    subjects.set(name, await digestOfFile(join(out, name)));
  }
  const built = [...installedPackages(shop.packagesRoot), ...installedPackages(shop.tools.root)];
  const dependencies = dependenciesOf({
    state: await readSourceState(),
    lock: await digestOfFile(lockPath),
    packages: built.map(urlOf),
  });
  const statement = statementOf({ version, number, epochS, subjects, dependencies });
  const signers = signersOf(parts).map((keys) => {
    const key = signingKeyOf(keys, "metadata");
    return { publicKey: publicKeyOf(keys, "metadata"), sign: (message: Uint8Array) => signBytes(key, message) };
  });
  writeFileSync(join(out, provenanceName), await sealProvenance(statement, signers));
}

const lockPath = join(repositoryRoot, "package-lock.json");

function readLock(): Record<string, LockedPackage> {
  return (JSON.parse(readFileSync(lockPath, "utf8")) as { packages: Record<string, LockedPackage> }).packages;
}

export interface BuiltFrom {
  readonly state: SourceState;
  /** SHA-256 of the lock file. */
  readonly lock: string;
  /** Package URLs. */
  readonly packages: readonly string[];
}

/** A commit alone would be a lie where the tree is another one: what differs is named by its digest. */
export function dependenciesOf({ state, lock, packages }: BuiltFrom): ProvenanceFacts["dependencies"] {
  const { commit, changes } = state;
  return [
    { uri: "git+https://piccolo.invalid/piccolo-os", digest: { gitCommit: commit } },
    ...(changes === undefined ? [] : [{ name: "changes that are in no commit", digest: { sha256: changes } }]),
    { name: "package-lock.json", digest: { sha256: lock } },
    ...[...new Set(packages)].sort().map((uri) => ({ uri })),
  ];
}
