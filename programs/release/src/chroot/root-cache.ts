/** Root file systems made of Debian packages, kept under a name that says what was asked for, and when. */
import { hash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execute } from "../process.ts";

export interface RootRecipe {
  readonly name: string;
  readonly suite: string;
  readonly packages: readonly string[];
}

/** One package a line; `#` begins a comment. */
export function readPackageList(path: string): string[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*$/, "").trim())
    .filter((line) => line !== "");
}

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
// Nobody reads a manual on a machine without a shell; licences stay.
const options = [
  "--quiet",
  "--variant=apt",
  "--mode=root",
  '--aptopt=Apt::Install-Recommends "false"',
  ...["man", "doc", "locale", "info", "bash-completion", "zsh", "lintian"].map(
    (folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`,
  ),
  "--dpkgopt=path-include=/usr/share/doc/*/copyright",
];

function sourcesOf(suite: string): string {
  const entry = (uri: string, suites: string): string =>
    `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\nSigned-By: ${keyring}\n`;
  return `${entry("http://deb.debian.org/debian", `${suite} ${suite}-updates`)}\n${entry("http://deb.debian.org/debian-security", `${suite}-security`)}`;
}

export interface RootOptions {
  readonly nowMs: number;
  /** How old a root may be: what Debian mended since then is not in it. */
  readonly ageMaxMs: number;
  readonly say: (line: string) => void;
}

/** To the second, in the form that names of files take: `20261127T084501Z`. */
const stampOf = (ms: number): string => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, "");

/** Of roots that are kept by these names, the newest that began with `prefix` and is not older than it may be. */
export function rootInTime(
  names: readonly string[],
  prefix: string,
  { nowMs, ageMaxMs }: Pick<RootOptions, "nowMs" | "ageMaxMs">,
): string | undefined {
  const [from, to] = [stampOf(nowMs - ageMaxMs), stampOf(nowMs)];
  const inTime = names.filter((name) => {
    const stamp = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    return /^\d{8}T\d{6}Z$/.test(stamp) && stamp >= from && stamp <= to;
  });
  return inTime.sort().at(-1);
}

/**
 * Path of the root, built now or not too long ago; those it takes the place of go. A root that was not finished has another
 * name and is never taken for one.
 */
export async function provideRoot(cache: string, recipe: RootRecipe, age: RootOptions): Promise<string> {
  const { say } = age;
  const key = hash("sha256", JSON.stringify({ recipe, options, sources: sourcesOf(recipe.suite) })).slice(0, 16);
  const kept = existsSync(cache) ? readdirSync(cache) : [];
  const found = rootInTime(kept, `${recipe.name}-${key}-`, age);
  if (found !== undefined) return join(cache, found);
  const path = join(cache, `${recipe.name}-${key}-${stampOf(age.nowMs)}`);
  mkdirSync(cache, { recursive: true });
  const unfinished = `${path}.unfinished`;
  const sources = `${path}.sources`;
  rmSync(unfinished, { recursive: true, force: true });
  writeFileSync(sources, sourcesOf(recipe.suite));
  say(`${recipe.name}: mmdebstrap ${recipe.suite} (${recipe.packages.length} packages and what they need)`);
  const include = `--include=${recipe.packages.join(",")}`;
  // The kernel's package would have dracut make an initrd, twice, which nothing uses.
  await execute("env", ["INITRD=No", "mmdebstrap", ...options, include, recipe.suite, unfinished, sources]);
  renameSync(unfinished, path);
  rmSync(sources);
  for (const old of kept) {
    if (old.startsWith(`${recipe.name}-`)) rmSync(join(cache, old), { recursive: true, force: true });
  }
  return path;
}
