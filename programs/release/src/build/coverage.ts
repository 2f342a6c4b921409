/** Whether a bill of materials speaks of every file: each is a package's, ours, or written when the packages were set up. */
import { globSync } from "node:fs";
import { join } from "node:path";
import { readPackageList } from "../chroot/root-cache.ts";
import { filesOfPackages, remainingPackages } from "../tree/packages.ts";
import { parseListing } from "../usr/commit-tree.ts";
import type { Commit } from "./commit.ts";
import type { Workshop } from "./workshop.ts";

/** What the set-up of packages and the build write: settings, caches of what packages brought, and what is ours. */
const written = [
  /^\/usr\/etc\//,
  /^\/usr\/lib\/modules\/[^/]+\/modules\.[a-z.]+$/,
  /^\/usr\/lib\/udev\/hwdb\.bin$/,
  /^\/usr\/lib\/piccolo\//,
  /^\/usr\/share\/piccolo\//,
];

/** Old names of folders that are links into /usr, and where a tree keeps what an ordinary root has in /etc. */
const placeInTree = (path: string): string =>
  path.replace(/^\/(bin|sbin|lib|lib64)\//, "/usr/$1/").replace(/^\/etc\//, "/usr/etc/");

/** Files that are neither in `owned`, paths as packages give them, nor in `ours`, paths in the tree, nor written by a set-up. */
export function filesOfNobody(
  files: readonly string[],
  owned: Iterable<string>,
  ours: ReadonlySet<string>,
): readonly string[] {
  const known = new Set<string>();
  for (const path of owned) known.add(placeInTree(path));
  return files.filter((path) => !known.has(path) && !ours.has(path) && !written.some((pattern) => pattern.test(path)));
}

/** The same for a commit that was made from the workshop's root. */
export async function filesOfNobodyIn(shop: Workshop, { repository, checksum }: Commit): Promise<readonly string[]> {
  const { os, base, packagesRoot, tools } = shop;
  const listing = parseListing(await tools.text("ostree", [`--repo=${repository}`, "ls", "-R", "-C", checksum, "/"]));
  const files = listing.filter(({ kind }) => kind === "-").map(({ path }) => path);
  const removed = readPackageList(join(os, base, "removed-packages.txt"));
  const left = remainingPackages(packagesRoot, removed).map(({ name }) => name);
  const below = (folder: string): string[] => globSync("**", { cwd: join(os, folder) }).map((path) => `/${path}`);
  const units = below("units").map((path) => `/usr/lib/systemd/system${path}`);
  const ours = new Set([...below("root"), ...below(`${base}/root`), ...units]);
  return filesOfNobody(files, filesOfPackages(packagesRoot, left), ours);
}
