/** The disk's root partition: the OSTree repository, each content in it with its fs-verity tree. */
import {
  copyFileSync,
  type Dirent,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Chroot } from "../chroot/chroot.ts";
import { verityOf } from "../usr/fs-verity.ts";
import { checkExt4, editExt4, formatExt4, type Place } from "./disk-image.ts";
import { verityInodeFlags, writeVerityFile } from "./verity-file.ts";

const repositoryOnDisk = "ostree/repo";

/** Folders that ostree makes once, with the repository, and expects from then on, also where nothing is in them. */
const expectedFolders = ["extensions", "refs/mirrors", "refs/remotes", "state", "tmp"];

export interface RootPartition {
  readonly place: Place;
  /** A repository in mode `bare`, which becomes the disk's. */
  readonly repository: string;
  /** A folder for what is made on the way; its content is lost. */
  readonly scratch: string;
  readonly epochS: number;
  readonly uuid: string;
}

export async function formatRoot(parts: RootPartition, tools: Chroot): Promise<void> {
  const { place, scratch, repository, epochS, uuid } = parts;
  rmSync(scratch, { recursive: true, force: true });
  const target = join(scratch, repositoryOnDisk);
  const staged = stage(repository, target, () => true);
  for (const folder of expectedFolders) mkdirSync(join(target, folder), { recursive: true });
  await formatExt4(place, { content: scratch, uuid, features: ["verity"], epochS }, tools);
  await editExt4(place, staged.flatMap(setVerity), epochS, tools);
  await checkExt4(place, tools);
  rmSync(scratch, { recursive: true });
}

/** Adds what `repository` has and `known` has not to the disk's repository: a release beside the one that is there. */
export async function addToRoot(
  parts: RootPartition & { readonly known: ReadonlySet<string> },
  tools: Chroot,
): Promise<void> {
  const { place, scratch, repository, epochS, known } = parts;
  rmSync(scratch, { recursive: true, force: true });
  const staged = stage(repository, scratch, (path) => /^(?:objects|refs)\//.test(path) && !known.has(path));
  const commands: string[] = [];
  const folders = new Set<string>();
  for (const entry of entriesBelow(scratch)) {
    const source = join(entry.parentPath, entry.name);
    const path = `/${repositoryOnDisk}/${relative(scratch, source)}`;
    for (let folder = dirname(path); folder !== `/${repositoryOnDisk}`; folder = dirname(folder)) folders.add(folder);
    const write = entry.isSymbolicLink() ? `symlink ${path} ${readlinkSync(source)}` : `write ${source} ${path}`;
    commands.push(write);
  }
  // A folder that is there already is a complaint, and none of ours.
  const made = [...folders].sort((a, b) => a.length - b.length).map((folder) => `mkdir ${folder}`);
  await editExt4(place, made, epochS, tools).catch(() => undefined);
  await editExt4(place, [...commands, ...staged.flatMap(setVerity)], epochS, tools);
  await checkExt4(place, tools);
  rmSync(scratch, { recursive: true });
}

/** Puts a file with fs-verity in the place of another on the root partition, as whoever has the disk can. */
export async function writeVerityContent(
  place: Place,
  source: string,
  path: string,
  epochS: number,
  tools: Chroot,
): Promise<void> {
  const content = readFileSync(source);
  const staged = `${source}.staged`;
  rmSync(staged, { force: true });
  writeVerityFile(staged, content, verityOf(content), 0o755);
  const commands = [`rm ${path}`, `write ${staged} ${path}`, `sif ${path} mode 0100755`];
  const marks = [`sif ${path} size ${content.length}`, `sif ${path} flags ${verityInodeFlags}`];
  await editExt4(place, [...commands, ...marks], epochS, tools);
}

interface StagedContent {
  /** Relative to the repository. */
  readonly path: string;
  readonly sizeBytes: number;
}

const setVerity = ({ path, sizeBytes }: StagedContent): string[] => [
  `sif /${repositoryOnDisk}/${path} size ${sizeBytes}`,
  `sif /${repositoryOnDisk}/${path} flags ${verityInodeFlags}`,
];

/** Copies a repository, contents with their fs-verity metadata behind them; tells which those are. */
function stage(repository: string, target: string, wanted: (path: string) => boolean): StagedContent[] {
  const staged: StagedContent[] = [];
  for (const entry of entriesBelow(repository)) {
    const source = join(entry.parentPath, entry.name);
    const path = relative(repository, source);
    if (/^(?:tmp|\.lock)/.test(path) || !wanted(path)) continue;
    const copy = join(target, path);
    mkdirSync(dirname(copy), { recursive: true });
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), copy);
    else if (path.endsWith(".file")) {
      const content = readFileSync(source);
      writeVerityFile(copy, content, verityOf(content), lstatSync(source).mode & 0o7777);
      staged.push({ path, sizeBytes: content.length });
    } else copyFileSync(source, copy);
  }
  return staged;
}

/** Every path of a repository, relative to it. */
export function pathsOf(repository: string): Set<string> {
  return new Set(entriesBelow(repository).map((entry) => relative(repository, join(entry.parentPath, entry.name))));
}

/** Everything but folders. A link among the objects may point to a folder of this machine, which is none of its business. */
function entriesBelow(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? entriesBelow(join(folder, entry.name)) : [entry],
  );
}
