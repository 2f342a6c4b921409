/**
 * The sizes of an XFS volume whose project 1 is all content, as the kernel tells and keeps them: a block that two files
 * share is taken from the disk once and counted in the project for each of them.
 */
import { join } from "node:path";
import type { CommandResult } from "../src/adapters/volume/command.ts";

const blockBytes = 4096;

export class QuotaVolume {
  readonly path: string;
  readonly #totalBytes: number;
  /** What content takes of the disk, and what it counts for. */
  #contentBytes = 0;
  #countedBytes = 0;
  #ownBytes = 0;
  #limitBytes = Number.MAX_SAFE_INTEGER;
  /** Whether its programs fail. */
  isBroken = false;
  /** How often the bound was set. */
  limits = 0;
  /** Called while a program reads what content counts for. */
  meanwhile: () => void = () => undefined;

  constructor(path: string, totalBytes: number) {
    this.path = path;
    this.#totalBytes = totalBytes;
  }

  /** What content may write before the kernel refuses it. */
  get roomBytes(): number {
    return Math.max(0, Math.min(this.#limitBytes - this.#countedBytes, this.freeBytes));
  }

  get freeBytes(): number {
    return this.#totalBytes - this.#contentBytes - this.#ownBytes;
  }

  write(bytes: number): void {
    this.#contentBytes += bytes;
    this.#countedBytes += bytes;
  }

  writeOwn(bytes: number): void {
    this.#ownBytes += bytes;
  }

  copy(bytes: number): void {
    this.#countedBytes += bytes;
  }

  /** Of a copy, while what was copied shares all of it. */
  dropCopy(bytes: number): void {
    this.#countedBytes -= bytes;
  }

  /** What a copy shares is written anew. */
  overwrite(bytes: number): void {
    this.#contentBytes += bytes;
  }

  readonly statfs = (path: string): { readonly blocks: number; readonly bavail: number; readonly bsize: number } => {
    // Folders of content are told the project's bound as the size of the file system, where it is the smaller one.
    const isTold = path !== this.path && path.startsWith(join(this.path, "/")) && this.#limitBytes < this.#totalBytes;
    const [total, free] = isTold ? [this.#limitBytes, this.roomBytes] : [this.#totalBytes, this.freeBytes];
    return { blocks: Math.floor(total / blockBytes), bavail: Math.floor(free / blockBytes), bsize: blockBytes };
  };

  readonly run = async (program: string, args: readonly string[]): Promise<CommandResult> => {
    const [command = ""] = args.flatMap((arg, at) => (args[at - 1] === "-c" ? [arg] : []));
    let stdout = "";
    if (this.isBroken) return { code: 1, stdout, stderr: `${program}: no such file or directory` };
    const limit = /^limit -p bhard=(\d+)k 1$/.exec(command)?.[1];
    if (limit !== undefined) {
      this.#limitBytes = Number(limit) * 1024;
      this.limits += 1;
    } else if (command.startsWith("report -p")) {
      stdout = `#0 ${this.#ownBytes / 1024} 0 0 00 [--------]\n#1 ${this.#countedBytes / 1024} 0 0 00 [--------]\n`;
      this.meanwhile();
    } else if (!command.startsWith("project -s")) {
      return { code: 1, stdout, stderr: `${program}: no such command` };
    }
    return { code: 0, stdout, stderr: "" };
  };
}
