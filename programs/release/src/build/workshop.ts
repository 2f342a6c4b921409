/** Where images are made, and the parts that outlast one build: roots of packages, initrd, programs, the repository. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { Chroot } from "../chroot/chroot.ts";
import { provideRoot, readPackageList } from "../chroot/root-cache.ts";
import { repositoryRoot } from "../config.ts";
import { buildInitrd } from "../initrd/initrd.ts";
import { execute } from "../process.ts";
import { rpmRecords } from "../tree/packages.ts";
import { keyOf } from "./inputs.ts";

export const debianSuite = "trixie";
const dayMs = 86_400_000;

/** What the operating system is made from; each has a folder in `os/`. */
export type Base = "debian" | "fcos";

export type Say = (line: string) => void;

export interface Workshop {
  /** All of it lies here. */
  readonly folder: string;
  readonly os: string;
  /** The chroot with every tool; sees the workshop's folder, the repository and the keys. */
  readonly tools: Chroot;
  readonly packagesRoot: string;
  /** Names what is in it, wherever it lies. */
  readonly packagesKey: string;
  readonly base: Base;
  readonly epochS: number;
  readonly say: Say;
}

export interface WorkshopOptions {
  readonly folder?: string;
  /** Folders that programs in the chroot need beyond the repository. */
  readonly folders?: readonly string[];
  /** A root of packages that was made elsewhere, of this base. Without it that of Debian is made here. */
  readonly root?: { readonly base: Base; readonly path: string };
  readonly epochS: number;
  /** How many days old roots of packages may be that are made here; undefined = a week. */
  readonly rootDaysMax?: number;
  /** A root with the tools that is there already. */
  readonly toolsRoot?: string;
  readonly say: Say;
}

export async function openWorkshop(options: WorkshopOptions): Promise<Workshop> {
  const { say, epochS } = options;
  const folder = options.folder ?? join(repositoryRoot, ".piccolo/vm");
  mkdirSync(folder, { recursive: true });
  const os = join(repositoryRoot, "os");
  const list = (name: string): string[] => readPackageList(join(os, "debian", name));
  const age = { nowMs: Date.now(), ageMaxMs: (options.rootDaysMax ?? 7) * dayMs, say };
  const provide = (name: string, packages: readonly string[]): Promise<string> =>
    provideRoot(join(folder, "roots"), { name, suite: debianSuite, packages }, age);
  const toolsRoot = options.toolsRoot ?? (await provide("tools", list("tools-packages.txt")));
  const packages = [...list("packages.txt"), ...list("build-packages.txt")];
  const packagesRoot = options.root?.path ?? (await provide("guest", packages));
  const base = options.root?.base ?? "debian";
  const packagesKey =
    options.root === undefined ? basename(packagesRoot) : keyOf(packagesRoot, Object.values(rpmRecords), base);
  const folders = [folder, repositoryRoot, ...(options.folders ?? [])];
  return { folder, os, tools: new Chroot(toolsRoot, folders), packagesRoot, packagesKey, base, epochS, say };
}

/** Path of `name` in the workshop, made by `make` unless it is there. What is half made has another name. */
async function provide(shop: Workshop, name: string, make: (unfinished: string) => Promise<void>): Promise<string> {
  const path = join(shop.folder, name);
  if (existsSync(path)) return path;
  const unfinished = join(shop.folder, `unfinished-${name}`);
  rmSync(unfinished, { recursive: true, force: true });
  await make(unfinished);
  // What older sources gave is of no use any more.
  const kind = `${name.split("-", 1)[0]}-`;
  for (const old of readdirSync(shop.folder)) {
    if (old.startsWith(kind)) rmSync(join(shop.folder, old), { recursive: true });
  }
  renameSync(unfinished, path);
  return path;
}

/** The kernel's own part of the command line: what all bases have, then what this one has. */
export function ownCommandLine({ os, base }: Workshop): string[] {
  const lists = [join(os, "cmdline.txt"), join(os, base, "cmdline.txt")];
  return lists.filter((path) => existsSync(path)).flatMap((path) => readPackageList(path));
}

export function provideInitrd(shop: Workshop): Promise<string> {
  const key = keyOf(shop.os, ["initrd"], [shop.packagesKey, shop.epochS]);
  return provide(shop, `initrd-${key}.img`, async (unfinished) => {
    shop.say("initrd: dracut");
    const name = unfinished.slice(shop.folder.length + 1);
    await buildInitrd({ packagesRoot: shop.packagesRoot, os: shop.os, epochS: shop.epochS, folder: shop.folder, name });
  });
}

const sourcesOfPrograms = ["package-lock.json", "packages", "programs/piccolod", "programs/portal", "tools/build.ts"];

/** Folder with piccolod's executable and what lies beside it. */
export function providePrograms(shop: Workshop): Promise<string> {
  const key = keyOf(repositoryRoot, sourcesOfPrograms);
  return provide(shop, `programs-${key}`, async (unfinished) => {
    shop.say("programs: npm run build");
    await execute(process.execPath, [join(repositoryRoot, "tools/build.ts"), unfinished], { cwd: repositoryRoot });
  });
}
