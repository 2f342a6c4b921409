/** The release's tree as a signed OSTree commit. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { repositoryRoot } from "../config.ts";
import { toHex } from "@piccolo/bytes";
import { keyListsOf } from "../firmware/key-lists.ts";
import { assembleTree, type ReleaseFacts } from "../tree/assemble.ts";
import { installSignedParts } from "../tree/signed-parts.ts";
import { readKeyFingerprints } from "./facts.ts";
import { keyOf } from "./inputs.ts";
import { providePrograms, type Workshop } from "./workshop.ts";

/** In the metadata of a commit that has a test's overlay in it: it is never given to anybody. */
export const overlayMark = "piccolo.overlay";

/** Each overlay has this folder, so that its tree is known also where the metadata are not. */
export const overlayFolder = "/usr/lib/piccolo/test-overlay";

/** A folder whose content is laid over the tree, for tests alone. */
export interface Overlay {
  readonly name: string;
  readonly folder: string;
}

export interface FormerKeys {
  readonly keys: string;
  /** The time of the lists that the release gives to the firmware: later than that of the list there. */
  readonly epochS: number;
}

/** Folders of the sets that sign a release, the one that stays first: firmware measures the first signature that it knows. */
export function signersOf({ keys, former }: Pick<CommitParts, "keys" | "former">): readonly string[] {
  return former === undefined ? [keys] : [keys, former.keys];
}

export interface CommitParts {
  readonly release: ReleaseFacts;
  readonly keys: string;
  /** While keys are replaced: the set of before, by which the release is signed as well. */
  readonly former?: FormerKeys;
  /** Sets that were replaced earlier, the oldest first: the firmware of older devices has their certificates still. */
  readonly enrolled?: readonly string[];
  readonly overlay?: Overlay;
}

const repositoryOf = (shop: Workshop): string => join(shop.folder, "repository");

async function openRepository(shop: Workshop): Promise<string> {
  const repository = repositoryOf(shop);
  if (!existsSync(join(repository, "config"))) {
    mkdirSync(repository, { recursive: true });
    await shop.tools.run("ostree", [`--repo=${repository}`, "init", "--mode=bare"]);
  }
  return repository;
}

export async function signingKeyOf(shop: Workshop, keys: string): Promise<string> {
  const listing = await shop.tools.text("gpg", [
    "--homedir",
    join(keys, "ostree"),
    "--batch",
    "--with-colons",
    "--list-secret-keys",
  ]);
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1];
  if (fingerprint === undefined) throw new Error(`${join(keys, "ostree")} holds no key to sign commits with`);
  return fingerprint;
}

export interface Commit {
  readonly checksum: string;
  /** The repository it lies in, in mode `bare`. */
  readonly repository: string;
}

async function commitTree(
  shop: Workshop,
  parts: CommitParts,
  branch: string,
  trees: readonly string[],
  overlay?: Overlay,
): Promise<string> {
  const repository = await openRepository(shop);
  const { version, number } = parts.release;
  const branchOf = [`--repo=${repository}`, "commit", `--branch=${branch}`, "--no-bindings"];
  const owner = ["--owner-uid=0", "--owner-gid=0", "--no-xattrs", `--timestamp=@${shop.epochS}`];
  const says = [`--subject=Piccolo-OS ${version}`, `--add-metadata-string=version=${version}`];
  const metadata = [`--add-metadata=piccolo.number=uint64 ${number}`];
  if (overlay !== undefined) metadata.push(`--add-metadata-string=${overlayMark}=${overlay.name}`);
  const content = trees.map((tree) => `--tree=${tree}`);
  const args = [...branchOf, ...owner, ...says, ...metadata, ...content];
  const checksum = (await shop.tools.text("ostree", args)).trim();
  for (const keys of signersOf(parts)) await signCommit(shop, keys, checksum);
  return checksum;
}

/** The same content gives the same commit, which an earlier build may have signed. */
export async function signCommit(shop: Workshop, keys: string, checksum: string): Promise<void> {
  const key = await signingKeyOf(shop, keys);
  const home = `--gpg-homedir=${join(keys, "ostree")}`;
  try {
    await shop.tools.run("ostree", [`--repo=${repositoryOf(shop)}`, "gpg-sign", home, checksum, key]);
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("already signed with GPG key"))) throw error;
  }
}

async function resolve(shop: Workshop, branch: string): Promise<string | undefined> {
  const repository = await openRepository(shop);
  const listed = await shop.tools.text("ostree", [`--repo=${repository}`, "refs", "--list", "--revision", branch]);
  return /\b([0-9a-f]{64})\b/.exec(listed)?.[1];
}

/** The commit of the tree as it is in the sources, with an overlay where one is given. */
export async function provideCommit(shop: Workshop, parts: CommitParts): Promise<Commit> {
  const programs = await providePrograms(shop);
  const { former, keys, enrolled = [] } = parts;
  const signers = signersOf(parts);
  const replaced = former === undefined ? enrolled : [...enrolled, former.keys];
  const firmwareLists =
    former === undefined
      ? new Map<string, Uint8Array>()
      : await keyListsOf({ keys, former: former.keys, enrolled, epochS: former.epochS });
  const facts = [
    shop.packagesKey,
    shop.epochS,
    basename(programs),
    basename(shop.tools.root),
    parts.release,
    [...signers, ...replaced].map(readKeyFingerprints),
    [...firmwareLists].map(([name, list]) => [name, toHex(list)]),
  ];
  const lists = ["masks.txt", "removed-paths.txt", "removed-drivers.txt", "drivers.txt"].map((name) => `os/${name}`);
  const sources = ["os/root", "os/units", "os/piccolod", `os/${shop.base}`, ...lists];
  const apps = ["catalog", "packages/app-manifest/src", "packages/oci-image/src"];
  const key = keyOf(repositoryRoot, [...sources, ...apps, "programs/release/src/tree"], facts);
  const repository = repositoryOf(shop);
  const branch = `build/${key}`;
  let base = await resolve(shop, branch);
  if (base === undefined) {
    shop.say("tree: packages, os/ and programs");
    const tree = join(shop.folder, "tree");
    rmSync(tree, { recursive: true, force: true });
    const { packagesRoot, os, base: kind } = shop;
    await assembleTree({ packagesRoot, os, base: kind, programs, release: parts.release, tree }, shop.tools);
    const architecture = process.arch === "arm64" ? "arm64" : "amd64";
    const busybox = join(shop.tools.root, "usr/bin/busybox");
    const { number } = parts.release;
    const catalog = join(repositoryRoot, "catalog");
    const apps = { tree, catalog, busybox, architecture, keys, replaced, number, epochS: shop.epochS } as const;
    installSignedParts({ ...apps, signers, firmwareLists });
    shop.say("commit: ostree");
    base = await commitTree(shop, parts, branch, [`dir=${tree}`]);
    rmSync(tree, { recursive: true });
  }
  if (parts.overlay === undefined) return { checksum: base, repository };
  const { name, folder } = parts.overlay;
  const own = `overlay/${name}-${keyOf(folder, ["."], [key, overlayMark])}`;
  const checksum =
    (await resolve(shop, own)) ?? (await commitTree(shop, parts, own, [`ref=${base}`, `dir=${folder}`], parts.overlay));
  return { checksum, repository };
}
