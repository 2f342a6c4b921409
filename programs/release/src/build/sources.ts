/** What a release is built from: the working tree, which is a commit's where nobody has changed it since. */
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../config.ts";
import { execute, executeText } from "../process.ts";

/** All that goes into an image. */
const imageSources = ["os", "packages", "catalog", "programs/piccolod", "programs/portal", "package-lock.json"];
/** And what makes it. */
const builderSources = ["programs/release", "tools/build.ts", "package.json"];

/** The time of the sources, not of the build: that of the last change to anything that goes into an image. */
export async function readSourceEpoch(): Promise<number> {
  const text = await executeText("git", ["log", "-1", "--format=%ct", "--", ...imageSources], { cwd: repositoryRoot });
  const epochS = Number(text);
  if (!Number.isSafeInteger(epochS) || epochS <= 0)
    throw new Error("the time of the sources is not in the version control");
  return epochS;
}

export interface SourceState {
  readonly commit: string;
  /** SHA-256 of what the working tree has otherwise than the commit; undefined where it has the commit's files. */
  readonly changes: string | undefined;
}

export async function readSourceState(
  root = repositoryRoot,
  sources: readonly string[] = [...imageSources, ...builderSources],
): Promise<SourceState> {
  const git = (...args: string[]): Promise<Buffer> => execute("git", args, { cwd: root });
  const commit = (await git("rev-parse", "HEAD")).toString().trim();
  const changed = await git("diff", "--binary", "--no-ext-diff", "--no-textconv", "HEAD", "--", ...sources);
  const listed = await git("ls-files", "--others", "--exclude-standard", "-z", "--", ...sources);
  const added = listed
    .toString()
    .split("\0")
    .filter((name) => name !== "")
    .sort();
  if (changed.length === 0 && added.length === 0) return { commit, changes: undefined };
  const sum = createHash("sha256").update(changed);
  for (const name of added) {
    const path = join(root, name);
    const content = lstatSync(path).isSymbolicLink() ? Buffer.from(readlinkSync(path)) : readFileSync(path);
    sum.update(`\0${name}\0${content.length}\0`).update(content);
  }
  return { commit, changes: sum.digest("hex") };
}
