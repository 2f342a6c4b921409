/**
 * A machine for `Luks2Volume` that has no device mapper: headers are written by the real cryptsetup into a plain file,
 * what the kernel would do with them is played.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BlockSystem } from "../src/adapters/volume/block-system.ts";
import { type RunCommand, runCommand } from "../src/adapters/volume/command.ts";
import { luksCipher } from "../src/adapters/volume/luks2-header.ts";
import { volumeFaults } from "../src/security/volume.ts";

const diskBytes = 8 * 1024 * 1024;
const number = "254:3";

export class BlockMachine {
  /** The data partition. */
  readonly disk: string;
  readonly folder: string;
  /** What `dmsetup table` says of the cipher in use. */
  cipher = luksCipher;
  partitions: readonly string[];
  /** Arguments and input of each command, to be searched for secrets. */
  readonly commands: { readonly program: string; readonly args: readonly string[] }[] = [];
  /** Ends the machine at the n-th command from now. */
  crashIn = Number.POSITIVE_INFINITY;
  mountable = true;
  #mapped = false;
  #mounted: string | undefined;

  constructor(folder: string) {
    this.folder = folder;
    this.disk = join(folder, "disk");
    writeFileSync(this.disk, "");
    truncateSync(this.disk, diskBytes);
    mkdirSync(this.#files);
    this.partitions = [this.disk];
  }

  get #files(): string {
    return join(this.folder, "files");
  }

  /** What a start of the machine leaves of the one before. */
  restart(): void {
    if (this.#mounted !== undefined) this.#unmount(this.#mounted);
    this.#mapped = false;
  }

  readonly #run: RunCommand = async (program, args, input) => {
    if (--this.crashIn < 0) throw new Error("the machine stopped");
    this.commands.push({ program, args });
    const done = { code: 0, stdout: "", stderr: "" };
    const [verb] = args;
    if (program === "mkfs.xfs") {
      rmSync(this.#files, { recursive: true });
      mkdirSync(this.#files);
      return done;
    }
    if (program === "dmsetup") {
      if (!this.#mapped) return { ...done, code: 1, stderr: "Device piccolo not found\nCommand failed." };
      const table = `0 14336 crypt ${this.cipher} :64:logon:cryptsetup:0-d0 0 ${number} 2048 1 sector_size:4096\n`;
      return { ...done, stdout: table };
    }
    if (program === "cryptsetup" && verb === "open") {
      if (input?.secret?.length !== 64) return { ...done, code: 1, stderr: "Cannot read the volume key." };
      this.#mapped = true;
      return done;
    }
    if (program === "cryptsetup" && verb === "close") {
      if (this.#mounted !== undefined) return { ...done, code: 5, stderr: "Device piccolo is still in use." };
      this.#mapped = false;
      return done;
    }
    return runCommand(program, args, input);
  };

  #unmount(path: string): void {
    rmSync(this.#files, { recursive: true });
    renameSync(path, this.#files);
    mkdirSync(path);
    this.#mounted = undefined;
  }

  readonly system: BlockSystem = {
    run: this.#run,
    partitionsNamed: () => this.partitions,
    numberOf: () => number,
    isSettled: () => true,
    hasMapping: () => this.#mapped,
    isMapping: (source, name) => source === `/dev/mapper/${name}`,
    mountsOn: (path) => (this.#mounted === path ? [{ source: "/dev/mapper/piccolo" }] : []),
    answers: async () => true,
    mount: async (_device, path) => {
      if (!this.mountable) return false;
      mkdirSync(path, { recursive: true });
      if (readdirSync(path).length > 0) throw volumeFaults.fault("volume-busy", "something lies below the mount");
      rmSync(path, { recursive: true });
      renameSync(this.#files, path);
      mkdirSync(this.#files);
      this.#mounted = path;
      return true;
    },
    unmount: async (path) => this.#unmount(path),
    replace: (from, to) => renameSync(from, to),
  };
}
