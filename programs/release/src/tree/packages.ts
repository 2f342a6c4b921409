/** What a root of packages is made of: told by dpkg's database, or by what `os/fcos/Containerfile` wrote down of rpm's. */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { malformed } from "@piccolo/bytes";

const packageForm = z.strictObject({
  /** As package URLs (purl) name it. */
  kind: z.enum(["deb/debian", "rpm/fedora"]),
  name: z.string(),
  version: z.string(),
  architecture: z.string(),
  /** The source package it was built from. */
  source: z.string(),
});

export type InstalledPackage = z.infer<typeof packageForm>;

interface Database {
  readonly installed: () => InstalledPackage[];
  /** Paths of a package's files, absolute in the root; undefined for a package that is not there. */
  readonly filesOf: (name: string) => readonly string[] | undefined;
}

const dpkg = "var/lib/dpkg";
/** A line a package, and a line a file, with tabs between the fields. */
export const rpmRecords = { packages: "usr/share/piccolo-build/packages", files: "usr/share/piccolo-build/files" };

function debianDatabase(root: string): Database {
  const info = join(root, dpkg, "info");
  return {
    installed: () =>
      readFileSync(join(root, dpkg, "status"), "utf8")
        .split("\n\n")
        .map((paragraph) => {
          const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1] ?? "";
          const name = field("Package");
          const source = /^(\S+)/.exec(field("Source"))?.[1] ?? name;
          const [version, architecture] = [field("Version"), field("Architecture")];
          return { kind: "deb/debian" as const, name, version, architecture, source };
        })
        .filter(({ name }) => name !== ""),
    filesOf: (name) => {
      const list = readdirSync(info).find(
        (file) => file === `${name}.list` || (file.startsWith(`${name}:`) && file.endsWith(".list")),
      );
      return list === undefined ? undefined : readFileSync(join(info, list), "utf8").split("\n");
    },
  };
}

function fedoraDatabase(root: string): Database {
  const rows = (path: string): string[][] =>
    readFileSync(join(root, path), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"));
  const installed = rows(rpmRecords.packages).map(([name = "", version = "", architecture = "", source = ""]) => ({
    kind: "rpm/fedora" as const,
    name,
    version,
    architecture,
    source: source.replace(/-[^-]+-[^-]+\.src\.rpm$/, ""),
  }));
  const names = new Set(installed.map(({ name }) => name));
  let files: ReadonlyMap<string, readonly string[][]> | undefined;
  return {
    // The keys that rpm trusts are in its database as packages of no architecture.
    installed: () => installed.filter(({ name, architecture }) => name !== "gpg-pubkey" && architecture !== "(none)"),
    filesOf: (name) => {
      if (!names.has(name)) return undefined;
      files ??= Map.groupBy(rows(rpmRecords.files), ([owner = ""]) => owner);
      return (files.get(name) ?? []).map(([, path = ""]) => path);
    },
  };
}

function databaseOf(root: string): Database {
  if (existsSync(join(root, dpkg, "status"))) return debianDatabase(root);
  if (existsSync(join(root, rpmRecords.packages))) return fedoraDatabase(root);
  throw new Error(`${root} says neither by dpkg nor in ${rpmRecords.packages} what it is made of`);
}

/** Every package installed in the root, by name. */
export function installedPackages(root: string): InstalledPackage[] {
  return databaseOf(root)
    .installed()
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Paths of all that these packages brought, as they name them. */
export function* filesOfPackages(root: string, names: readonly string[]): Iterable<string> {
  const database = databaseOf(root);
  for (const name of names) yield* database.filesOf(name) ?? [];
}

/** A line of a list of packages that are taken out: `? NAME` for one that not every version of the base has. */
const nameOf = (line: string): string => line.replace(/^\? /, "");

/** Where a tree keeps what it was made of, once the package manager's own database is gone. */
export const packagesOfTree = "usr/share/piccolo/packages.json";

/** What is left of a root's packages when the files of some are taken out. */
export function remainingPackages(root: string, removed: readonly string[]): InstalledPackage[] {
  const gone = new Set(removed.map(nameOf));
  return installedPackages(root).filter(({ name }) => !gone.has(name));
}

export const encodePackages = (packages: readonly InstalledPackage[]): string =>
  `[\n${packages.map((each) => JSON.stringify(each)).join(",\n")}\n]\n`;

export function decodePackages(text: string): InstalledPackage[] {
  try {
    return z.array(packageForm).min(1).parse(JSON.parse(text));
  } catch (cause) {
    throw malformed("the tree's list of packages has another form", cause);
  }
}

/** Takes the files of these packages out of the root. Folders go once they are empty. */
export function withoutPackages(root: string, lines: readonly string[]): void {
  const database = databaseOf(root);
  for (const line of lines) {
    const paths = database.filesOf(nameOf(line));
    if (paths === undefined) {
      if (line.startsWith("? ")) continue;
      throw new Error(`the package ${line} is to be taken out and is not in the root`);
    }
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
