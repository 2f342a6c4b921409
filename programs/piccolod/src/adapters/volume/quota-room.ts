import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { contentFolders, reserveOf, type Room } from "../../room/room.ts";
import { volumeFaults } from "../../security/volume.ts";
import { fsyncPath } from "./key-check.ts";
import { type RunCommand, runCommand } from "./command.ts";

/** Number of the project all content belongs to. */
const project = "1";
const blockBytes = 4096;
/** The bound follows the device's own files in steps of this size. */
const stepBytes = 1024 * 1024;
const setUpMs = 600_000;
/** Says that the folders belong to the project with all that is in them. */
const markName = "room-1";

export interface QuotaRoomOptions {
  /** Where the volume is mounted: XFS with project quotas. */
  readonly mount: string;
  /** Folder of all that lies on the volume. */
  readonly path: string;
  readonly run?: RunCommand;
}

/**
 * All content is one project of XFS: its hard limit is what is there and what is free beyond the reserve. The kernel keeps
 * it for whoever writes there, root and the loop devices of apps included. Each app is bounded by the size of its own
 * volumes (`app-storage`).
 */
export class QuotaRoom implements Room {
  readonly keptBy = "kernel";
  readonly #options: Required<QuotaRoomOptions>;
  #limitBytes = 0;

  private constructor(options: Required<QuotaRoomOptions>) {
    this.#options = options;
  }

  /** Throws `volume-unavailable` where the kernel keeps no project quotas on the volume. */
  static async open(options: QuotaRoomOptions): Promise<QuotaRoom> {
    const room = new QuotaRoom({ run: runCommand, ...options });
    await room.#gather();
    await room.keep();
    return room;
  }

  async #gather(): Promise<void> {
    const { path } = this.#options;
    const mark = join(path, markName);
    if (existsSync(mark)) return;
    const folders = contentFolders.map((name) => join(path, name));
    for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 });
    await this.#quota(folders.map((folder) => `project -s -p ${folder} ${project}`));
    mkdirSync(mark, { mode: 0o700 });
    fsyncPath(path);
  }

  freeBytes(): number {
    const { whole, content } = this.#facts();
    return Math.max(0, Math.min(content.bavail * content.bsize, whole.freeBytes - whole.reserveBytes));
  }

  async keep(): Promise<void> {
    const { whole } = this.#facts();
    const usedBytes = await this.#usedBytes();
    const limitBytes = Math.max(blockBytes, usedBytes + Math.max(0, whole.freeBytes - whole.reserveBytes));
    if (Math.abs(limitBytes - this.#limitBytes) >= stepBytes) await this.#limit(limitBytes);
  }

  #facts() {
    const { path } = this.#options;
    const { blocks, bavail, bsize } = statfsSync(path);
    const whole = { freeBytes: bavail * bsize, reserveBytes: reserveOf(blocks * bsize) };
    // In a folder of a project the kernel tells its limit as the size of the file system.
    return { whole, content: statfsSync(join(path, contentFolders[0])) };
  }

  /** What all content takes. */
  async #usedBytes(): Promise<number> {
    const kibibytes = new RegExp(`^#${project}\\s+(\\d+)\\s`, "m").exec(await this.#quota(["report -p -n -N -b"]))?.[1];
    // A project that has taken nothing yet may not be told at all.
    return Number(kibibytes ?? 0) * 1024;
  }

  async #limit(bytes: number): Promise<void> {
    const kibibytes = Math.floor(bytes / blockBytes) * (blockBytes / 1024);
    await this.#quota([`limit -p bhard=${kibibytes}k ${project}`]);
    const { blocks, bsize } = this.#facts().content;
    if (blocks * bsize > kibibytes * 1024) throw unavailable("the kernel does not keep to it");
    this.#limitBytes = kibibytes * 1024;
  }

  async #quota(commands: readonly string[]): Promise<string> {
    const { mount, run } = this.#options;
    // Projects are not looked up in files of the system, which has none.
    const args = ["-x", "-D", "/dev/null", "-P", "/dev/null", ...commands.flatMap((command) => ["-c", command]), mount];
    const { code, stdout, stderr } = await run("xfs_quota", args, { timeoutMs: setUpMs });
    if (code !== 0 || stderr !== "") throw unavailable(stderr.trim().split("\n").at(-1) ?? "");
    return stdout;
  }
}

function unavailable(why: string): Error {
  return volumeFaults.fault("volume-unavailable", `the volume's room could not be divided: ${why}`);
}
