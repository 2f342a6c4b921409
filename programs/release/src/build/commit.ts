/** The release's tree as a signed OSTree commit. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { assembleTree, type ReleaseFacts } from "../tree/assemble.ts";
import { keyOf } from "./inputs.ts";
import { providePrograms, type Workshop } from "./workshop.ts";

export const releaseBranch = "piccolo/x86_64/development";

/** A folder whose content is laid over the tree, for tests alone. */
export interface Overlay {
  readonly name: string;
  readonly folder: string;
}

export interface CommitParts {
  readonly release: ReleaseFacts;
  readonly keys: string;
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
    ...["--homedir", join(keys, "ostree"), "--batch", "--with-colons", "--list-secret-keys"],
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

async function commitTree(shop: Workshop, parts: CommitParts, branch: string, trees: readonly string[]): Promise<string> {
  const repository = await openRepository(shop);
  const output = await shop.tools.text("ostree", [
    ...[`--repo=${repository}`, "commit", `--branch=${branch}`, "--no-bindings"],
    ...["--owner-uid=0", "--owner-gid=0", "--no-xattrs", `--timestamp=@${shop.epochS}`],
    ...[`--subject=Piccolo-OS ${parts.release.version}`],
    ...[`--add-metadata-string=version=${parts.release.version}`, `--add-metadata=piccolo.number=uint64 ${parts.release.number}`],
    ...trees.map((tree) => `--tree=${tree}`),
  ]);
  const checksum = output.trim();
  await signCommit(shop, parts, checksum);
  return checksum;
}

/** The same content gives the same commit, which an earlier build may have signed. */
async function signCommit(shop: Workshop, { keys }: CommitParts, checksum: string): Promise<void> {
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
  const facts = [shop.packagesRoot, shop.epochS, programs, parts.release];
  const key = keyOf(shop.os, ["root", "units", "piccolod", "debian", "masks.txt", "removed-paths.txt"], facts);
  const repository = repositoryOf(shop);
  const branch = `build/${key}`;
  let base = await resolve(shop, branch);
  if (base === undefined) {
    shop.say("tree: packages, os/ and programs");
    const tree = join(shop.folder, "tree");
    rmSync(tree, { recursive: true, force: true });
    const { packagesRoot, os } = shop;
    await assembleTree({ packagesRoot, os, base: "debian", programs, release: parts.release, tree }, shop.tools);
    shop.say("commit: ostree");
    base = await commitTree(shop, parts, branch, [`dir=${tree}`]);
    rmSync(tree, { recursive: true });
  }
  if (parts.overlay === undefined) return { checksum: base, repository };
  const { name, folder } = parts.overlay;
  const own = `overlay/${name}-${keyOf(folder, ["."], [key])}`;
  const checksum = (await resolve(shop, own)) ?? (await commitTree(shop, parts, own, [`ref=${base}`, `dir=${folder}`]));
  return { checksum, repository };
}
