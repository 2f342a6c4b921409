/** The file system of the disk's root partition: the OSTree repository, each content in it with its fs-verity tree. */
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
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Chroot } from "../chroot/chroot.ts";
import { verityOf } from "../usr/fs-verity.ts";
import { verityInodeFlags, writeVerityFile } from "./verity-file.ts";

export interface RootImageParts {
  /** A repository in mode `bare`. */
  readonly repository: string;
  /** A folder for what is made on the way; its content is lost. */
  readonly scratch: string;
  readonly output: string;
  readonly sizeBytes: number;
  readonly epochS: number;
  /** Of the file system, and the seed of its directory hashes. */
  readonly uuid: string;
}

export async function buildRootImage(parts: RootImageParts, tools: Chroot): Promise<void> {
  const { scratch, repository, output } = parts;
  rmSync(scratch, { recursive: true, force: true });
  const target = join(scratch, "ostree/repo");
  mkdirSync(target, { recursive: true });
  const commands: string[] = [];
  for (const entry of entriesBelow(repository)) {
    const source = join(entry.parentPath, entry.name);
    const path = relative(repository, source);
    if (/^(?:tmp|\.lock)/.test(path)) continue;
    if (entry.isFile() && path.endsWith(".file")) {
      const content = readFileSync(source);
      writeVerityFile(createParent(join(target, path)), content, verityOf(content), lstatSync(source).mode & 0o7777);
      const inode = `/ostree/repo/${path}`;
      commands.push(`sif ${inode} size ${content.length}`, `sif ${inode} flags ${verityInodeFlags}`);
    } else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), createParent(join(target, path)));
    else copyFileSync(source, createParent(join(target, path)));
  }
  mkdirSync(join(target, "tmp"), { recursive: true });
  rmSync(output, { force: true });
  writeFileSync(output, "");
  truncateSync(output, parts.sizeBytes);
  const env = { SOURCE_DATE_EPOCH: String(parts.epochS), E2FSPROGS_FAKE_TIME: String(parts.epochS) };
  const identity = ["-U", parts.uuid, "-E", `hash_seed=${parts.uuid},root_owner=0:0`];
  await tools.run(
    "mke2fs",
    ["-q", "-t", "ext4", "-O", "verity", "-m", "0", "-L", "piccolo-root", ...identity, "-d", scratch, "-F", output],
    { env },
  );
  await tools.run("debugfs", ["-w", "-f", "-", output], { input: `${commands.join("\n")}\n`, env });
  await tools.run("e2fsck", ["-f", "-n", output]);
  rmSync(scratch, { recursive: true });
}

/** Everything but folders. A link among the objects may point to a folder of this machine, which is none of its business. */
function entriesBelow(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? entriesBelow(join(folder, entry.name)) : [entry],
  );
}

function createParent(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  return path;
}
