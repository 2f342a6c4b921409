/** What dpkg's database says about a root. */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { malformed } from "@piccolo/bytes";

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
}

const database = "var/lib/dpkg";

/** Every package installed in the root, by name. */
export function installedPackages(root: string): InstalledPackage[] {
  return readFileSync(join(root, database, "status"), "utf8")
    .split("\n\n")
    .map((paragraph) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1] ?? "";
      const name = field("Package");
      const version = field("Version");
      const source = /^(\S+)/.exec(field("Source"))?.[1] ?? name;
      return { name, version, architecture: field("Architecture"), source };
    })
    .filter(({ name }) => name !== "")
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Where a tree keeps what it was made of, once the package manager's own database is gone. */
export const packagesOfTree = "usr/share/piccolo/packages.json";

/** What is left of a root's packages when the files of some are taken out. */
export function remainingPackages(root: string, removed: readonly string[]): InstalledPackage[] {
  const gone = new Set(removed);
  return installedPackages(root).filter(({ name }) => !gone.has(name));
}

export const encodePackages = (packages: readonly InstalledPackage[]): string =>
  `[\n${packages.map((each) => JSON.stringify(each)).join(",\n")}\n]\n`;

const packagesForm = z
  .array(z.strictObject({ name: z.string(), version: z.string(), architecture: z.string(), source: z.string() }))
  .min(1);

export function decodePackages(text: string): InstalledPackage[] {
  try {
    return packagesForm.parse(JSON.parse(text));
  } catch (cause) {
    throw malformed("the tree's list of packages has another form", cause);
  }
}

function listOf(root: string, name: string): string | undefined {
  const info = join(root, database, "info");
  return readdirSync(info).find(
    (file) => file === `${name}.list` || (file.startsWith(`${name}:`) && file.endsWith(".list")),
  );
}

/** Takes the files of these packages out of the root. Folders go once they are empty. */
export function withoutPackages(root: string, names: readonly string[]): void {
  for (const name of names) {
    const list = listOf(root, name);
    if (list === undefined) throw new Error(`the package ${name} is to be taken out and is not in the root`);
    const paths = readFileSync(join(root, database, "info", list), "utf8")
      .split("\n")
      .filter((path) => path !== "");
    // Longest first, so that a folder comes after what is in it.
    // The root's own entries are links into /usr, whatever an old package calls them.
    const below = paths.filter((path) => path.lastIndexOf("/") > 0).sort((a, b) => b.length - a.length);
    for (const path of below) removeEntry(join(root, path));
  }
}

function removeEntry(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) return rmSync(path);
  if (existsSync(path) && readdirSync(path).length === 0) rmdirSync(path);
}
