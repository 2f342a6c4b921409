/** Root file systems made of Debian packages, kept under a name that says what is in them. */
import { hash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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

/** Path of the root, built now or earlier. A root that was not finished has another name and is never taken for one. */
export async function provideRoot(cache: string, recipe: RootRecipe, say: (line: string) => void): Promise<string> {
  const key = hash("sha256", JSON.stringify({ recipe, options, sources: sourcesOf(recipe.suite) })).slice(0, 16);
  const path = join(cache, `${recipe.name}-${key}`);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const unfinished = `${path}.unfinished`;
  const sources = `${path}.sources`;
  rmSync(unfinished, { recursive: true, force: true });
  writeFileSync(sources, sourcesOf(recipe.suite));
  say(`${recipe.name}: mmdebstrap ${recipe.suite} (${recipe.packages.length} packages and what they need)`);
  const include = `--include=${recipe.packages.join(",")}`;
  await execute("mmdebstrap", [...options, include, recipe.suite, unfinished, sources]);
  renameSync(unfinished, path);
  rmSync(sources);
  return path;
}
