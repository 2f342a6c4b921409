/** The kernel's drivers in a root and in an initrd: those that are wanted are there, and those that are left can be loaded. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Chroot } from "../chroot/chroot.ts";
import { readPackageList } from "../chroot/root-cache.ts";
import { releaseFaults } from "../faults.ts";

const toldMax = 8;

/** What modprobe calls the driver in this file; undefined for a file that is none. */
export function driverOf(path: string): string | undefined {
  const [, name] = /([^/]+)\.ko(?:\.(?:xz|zst|gz))?$/.exec(path) ?? [];
  return name?.replaceAll("-", "_");
}

/** Of the drivers that are wanted, those that none of the files is. */
export function missingDrivers(wanted: readonly string[], paths: Iterable<string>): string[] {
  const there = new Set([...paths].map(driverOf));
  return wanted.filter((name) => !there.has(name.replaceAll("-", "_")));
}

/** The lines of a kernel's `modules.dep`: a driver's file, and the files it needs. */
export function parseDependencies(text: string): ReadonlyMap<string, readonly string[]> {
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [file = "", needs = ""] = line.split(":");
      return [file, needs.split(" ").filter((each) => each !== "")];
    }),
  );
}

/** What cannot be loaded any more because a file it needs is gone: `FILE needs FILE`. */
export function unmetNeeds(
  dependencies: ReadonlyMap<string, readonly string[]>,
  isThere: (file: string) => boolean,
): string[] {
  return [...dependencies].flatMap(([file, needs]) =>
    isThere(file) ? needs.filter((each) => !isThere(each)).map((each) => `${file} needs ${each}`) : [],
  );
}

const modulesFolder = (version: string): string => join("usr/lib/modules", version);

/** Files of the drivers that are part of the kernel itself. */
export function builtInDrivers(root: string, version: string): string[] {
  return readFileSync(join(root, modulesFolder(version), "modules.builtin"), "utf8").split("\n");
}

/**
 * Holds what is left of a tree's drivers against the list of those a device has, and has the kernel's own tool tell anew which
 * there are. `own` is the root that the kernel comes from.
 */
export async function settleDrivers(tree: string, version: string, list: string, own: Chroot): Promise<void> {
  const folder = join(tree, modulesFolder(version));
  const dependencies = parseDependencies(readFileSync(join(folder, "modules.dep"), "utf8"));
  const isThere = (file: string): boolean => existsSync(join(folder, file));
  refuse("removed-drivers.txt takes out what others need", unmetNeeds(dependencies, isThere));
  const left = [...dependencies.keys()].filter(isThere);
  const missing = missingDrivers(readPackageList(list), [...left, ...builtInDrivers(tree, version)]);
  refuse(`the kernel ${version} lacks drivers that a device needs`, missing);
  await own.run("depmod", ["--basedir", tree, version]);
}

export function refuse(what: string, found: readonly string[]): void {
  if (found.length === 0) return;
  const more = found.length > toldMax ? `, and ${found.length - toldMax} more` : "";
  throw releaseFaults.fault("release-unfit", `${what}: ${found.slice(0, toldMax).join(", ")}${more}`);
}
