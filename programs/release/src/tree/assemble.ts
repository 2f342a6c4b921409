/** From a root of packages to the tree that is committed: nothing but what runs, nothing that lets anyone in. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { settingsWith } from "../build/central.ts";
import { Chroot } from "../chroot/chroot.ts";
import { readPackageList } from "../chroot/root-cache.ts";
import { execute } from "../process.ts";
import { settleDrivers } from "./drivers.ts";
import { plainOwnership } from "./signed-parts.ts";
import { encodePackages, packagesOfTree, remainingPackages, withoutPackages } from "./packages.ts";

export interface TreeParts {
  /** The root of packages; it is left as it is. */
  readonly packagesRoot: string;
  /** The repository's `os` folder. */
  readonly os: string;
  /** `debian` or `fcos`: the folder of `os` with what this base needs. */
  readonly base: string;
  /** The folder with the built piccolod. */
  readonly programs: string;
  readonly release: ReleaseFacts;
  /** Where the tree is made; must not be there yet. */
  readonly tree: string;
}

export interface ReleaseFacts {
  readonly version: string;
  /** Whole number that only grows. */
  readonly number: number;
  /** Older releases open nothing any more once this one was found good. */
  readonly minimum: number;
  /** Origin of the central its devices speak to; undefined = none. */
  readonly central?: string;
  /** Role to SHA-256 of the public key. */
  readonly keys: Readonly<Record<string, string>>;
}

/** Where what was writable in an ordinary root lies instead; /var is empty at each start. */
const links: Readonly<Record<string, string>> = {
  home: "var/home",
  mnt: "var/mnt",
  opt: "var/opt",
  srv: "var/srv",
  root: "var/roothome",
  media: "run/media",
  ostree: "sysroot/ostree",
  "usr/local": "../var/usrlocal",
};

/** `own`: the root of packages, whose tool tells which drivers its kernel has. */
export async function assembleTree(
  parts: TreeParts,
  tools: Chroot,
  own = new Chroot(parts.packagesRoot, [dirname(parts.tree)]),
): Promise<void> {
  const { tree, os, base } = parts;
  await execute("cp", ["-a", "--reflink=auto", parts.packagesRoot, tree]);
  const removed = readPackageList(join(os, base, "removed-packages.txt"));
  withoutPackages(tree, removed);
  hideShell(tree);
  removePaths(tree, join(os, "removed-paths.txt"));
  const ofBase = join(os, base, "removed-paths.txt");
  if (existsSync(ofBase)) removePaths(tree, ofBase);
  const kernel = kernelVersionOf(tree);
  removePaths(join(tree, "usr/lib/modules", kernel, "kernel"), join(os, "removed-drivers.txt"));
  await settleDrivers(tree, kernel, join(os, "drivers.txt"), own);
  for (const folder of [join(os, "root"), join(os, base, "root")]) {
    cpSync(folder, tree, { recursive: true, verbatimSymlinks: true });
  }
  cpSync(join(os, "units"), join(tree, "usr/lib/systemd/system"), { recursive: true });
  installProduct(parts);
  const packages = join(tree, packagesOfTree);
  mkdirSync(dirname(packages), { recursive: true });
  writeFileSync(packages, encodePackages(remainingPackages(parts.packagesRoot, removed)));
  identify(parts);
  // Presets first: what is masked stays masked whatever a preset says.
  clearFolder(join(tree, "etc/systemd/system"));
  await tools.run("systemctl", [`--root=${tree}`, "preset-all"]);
  for (const unit of readPackageList(join(os, "masks.txt"))) {
    const path = join(tree, "etc/systemd/system", unit);
    rmSync(path, { recursive: true, force: true });
    symlinkSync("/dev/null", path);
  }
  reshape(tree);
  plainOwnership(tree);
}

/**
 * Our own few scripts have an interpreter, under a name nothing else knows: where systemd finds no init behind a damaged
 * root, it starts /bin/sh on the console, which must not be there.
 */
function hideShell(tree: string): void {
  const folder = join(tree, "usr/lib/piccolo");
  mkdirSync(folder, { recursive: true });
  copyFileSync(realpathSync(join(tree, "usr/bin/sh")), join(folder, "sh"));
}

function removePaths(tree: string, list: string): void {
  for (const line of readPackageList(list)) {
    const demanded = line.startsWith("! ");
    const pattern = demanded ? line.slice(2) : line;
    const paths = globSync(pattern, { cwd: tree });
    if (demanded && paths.length === 0) throw new Error(`${pattern} of removed-paths.txt is not in the tree`);
    for (const path of paths) rmSync(join(tree, path), { recursive: true, force: true });
  }
}

function installProduct({ tree, os, programs, release }: TreeParts): void {
  const folder = join(tree, "usr/lib/piccolo");
  mkdirSync(folder, { recursive: true });
  for (const name of ["piccolod", "blake-hash.node"]) cpSync(join(programs, name), join(folder, name));
  chmodSync(join(folder, "piccolod"), 0o755);
  cpSync(join(os, "piccolod"), folder, { recursive: true });
  const config = join(folder, "piccolod.json");
  writeFileSync(config, settingsWith(release.central, readFileSync(config, "utf8")));
  writeFileSync(join(folder, "release.json"), `${JSON.stringify(release)}\n`);
}

function identify({ tree, release, base }: TreeParts): void {
  const lines = {
    ID: "piccolo",
    ID_LIKE: base === "fcos" ? "fedora" : "debian",
    NAME: '"Piccolo-OS"',
    PRETTY_NAME: `"Piccolo-OS ${release.version}"`,
    VERSION_ID: release.version,
    IMAGE_ID: "piccolo",
    IMAGE_VERSION: String(release.number),
  };
  const text = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`);
  rmSync(join(tree, "etc/os-release"), { force: true });
  writeFileSync(join(tree, "usr/lib/os-release"), text.join(""));
  symlinkSync("../usr/lib/os-release", join(tree, "etc/os-release"));
  // Empty, not absent: each start has a new one, and none counts as a first start at which presets are applied.
  writeFileSync(join(tree, "etc/machine-id"), "");
  writeFileSync(join(tree, "etc/hostname"), "piccolo\n");
  writeFileSync(join(tree, "etc/fstab"), "");
  rmSync(join(tree, "etc/resolv.conf"), { force: true });
  for (const name of ["passwd", "shadow"]) lockAccounts(join(tree, "etc", name), name);
  // Where the base keeps the accounts it brings itself, besides those in /etc.
  if (existsSync(join(tree, "usr/lib/passwd"))) lockAccounts(join(tree, "usr/lib/passwd"), "passwd");
}

/** No account has a password or a shell. */
function lockAccounts(path: string, kind: string): void {
  const rows = readFileSync(path, "utf8").trimEnd().split("\n");
  const locked = rows.map((row) => {
    const fields = row.split(":");
    if (kind === "passwd") fields[6] = "/usr/sbin/nologin";
    else {
      fields[1] = "!*";
      // The day of the last change, which would differ between two builds.
      fields[2] = "";
    }
    return fields.join(":");
  });
  writeFileSync(path, `${locked.join("\n")}\n`);
}

function clearFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
}

/** The form in which OSTree keeps a root: /etc as defaults below /usr, nothing in /var. */
function reshape(tree: string): void {
  renameSync(join(tree, "etc"), join(tree, "usr/etc"));
  for (const name of ["etc", "var", "boot", "sysroot", "tmp", "run", "dev", "proc", "sys"]) {
    rmSync(join(tree, name), { recursive: true, force: true });
    mkdirSync(join(tree, name));
  }
  // ostree takes a tree with both for a mistake; the image has the folder as a mount point.
  rmSync(join(tree, "etc"), { recursive: true });
  for (const [name, target] of Object.entries(links)) {
    rmSync(join(tree, name), { recursive: true, force: true });
    mkdirSync(dirname(join(tree, name)), { recursive: true });
    symlinkSync(target, join(tree, name));
  }
}

/** Version of the kernel in the root; there must be exactly one. */
export function kernelVersionOf(root: string): string {
  const versions = readdirSync(join(root, "usr/lib/modules"));
  const [version] = versions;
  if (version === undefined || versions.length !== 1)
    throw new Error(`one kernel is needed, not ${versions.join(", ")}`);
  return version;
}

export function kernelOf(root: string): string {
  const version = kernelVersionOf(root);
  const places = [join(root, "usr/lib/modules", version, "vmlinuz"), join(root, "boot", `vmlinuz-${version}`)];
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`no kernel at ${places.join(" or ")}`);
  return found;
}
