/** Names for what was built, made of all that went into it. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, relative } from "node:path";

const skipped = new Set(["node_modules", "dist", ".piccolo", ".git"]);
/** Folders that are made, below a workspace with this name only: elsewhere one of this name has sources. */
const madeFolders = /(?:^|\/)portal\/build$/;
/** What tests alone run changes no release. */
const tests = /\.test\.tsx?$|(?:^|\/)test-support$/;

function filesBelow(path: string): string[] {
  if (!lstatSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !skipped.has(entry.name) && !madeFolders.test(join(path, entry.name)) && !tests.test(entry.name))
    .flatMap((entry) => {
      const below = join(path, entry.name);
      return entry.isDirectory() ? filesBelow(below) : [below];
    })
    .sort();
}

/** Hash over names and contents of all files in these paths, and over further facts. */
export function keyOf(root: string, paths: readonly string[], facts: unknown = null): string {
  const sum = createHash("sha256");
  sum.update(JSON.stringify(facts));
  for (const path of paths.flatMap((path) => filesBelow(join(root, path)))) {
    const stat = lstatSync(path);
    const content = stat.isSymbolicLink() ? readlinkSync(path) : readFileSync(path);
    sum.update(`\0${relative(root, path)}\0${stat.mode & 0o111}\0${content.length}\0`).update(content);
  }
  return sum.digest("hex").slice(0, 16);
}
