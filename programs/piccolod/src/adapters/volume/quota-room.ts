import { existsSync, mkdirSync, type StatsFs, statfsSync } from "node:fs";
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
/** How far it may be off, as a part of what is free for content, before it has to follow at once. */
const offShare = 1 / 16;
const setUpMs = 600_000;
/** Says that the folders belong to the project with all that is in them. */
const markName = "room-1";

export interface QuotaRoomOptions {
  /** Where the volume is mounted: XFS with project quotas. */
  readonly mount: string;
  /** Folder of all that lies on the volume. */
  readonly path: string;
  readonly run?: RunCommand;
  readonly statfs?: (path: string) => Pick<StatsFs, "blocks" | "bavail" | "bsize">;
}

/**
 * All content is one project of XFS: its hard limit is what is there and what is free beyond the reserve. The kernel keeps
 * it for whoever writes there, root and the loop devices of apps included. Each app is bounded by the size of its own
 * volumes (`app-storage`).
 *
 * A block that files share counts for each of them. So a copy changes what content counts for and not what is free; and
 * what is shared and written anew the other way round. Each puts the limit off by as much until it is brought in line.
 */
export class QuotaRoom implements Room {
  readonly keptBy = "kernel";
  readonly #options: Required<QuotaRoomOptions>;
  #limitBytes = 0;
  /** What was free for content when the limit was last brought in line. */
  #dueBytes = 0;
  /** The limit is brought in line by one at a time: by what an earlier one saw it would be wrong. */
  #keeping: Promise<void> = Promise.resolve();

  private constructor(options: Required<QuotaRoomOptions>) {
    this.#options = options;
  }

  /** Throws `volume-unavailable` where the kernel keeps no project quotas on the volume. */
  static async open(options: QuotaRoomOptions): Promise<QuotaRoom> {
    const room = new QuotaRoom({ run: runCommand, statfs: statfsSync, ...options });
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
    return Math.min(content.bavail * content.bsize, dueOf(whole));
  }

  /**
   * Whether the limit lets content write noticeably more, or less, than there is for it: with copies that share blocks it
   * does so without a word from anybody. Costs no program to ask.
   */
  get isOff(): boolean {
    const { whole, content } = this.#facts();
    const due = dueOf(whole);
    // Where it is not told, what was free then says whether anything was written.
    const given = this.isTold ? content.bavail * content.bsize : this.#dueBytes;
    return Math.abs(given - due) >= Math.max(stepBytes, due * offShare);
  }

  /** A limit beyond the size of the file system is told by no folder, and the end of a copy is not seen then. */
  get isTold(): boolean {
    return this.#limitBytes < this.#facts().whole.totalBytes;
  }

  keep(): Promise<void> {
    const next = this.#keeping.catch(() => undefined).then(() => this.#bringInLine());
    this.#keeping = next;
    return next;
  }

  /** Whatever is written meanwhile makes it too low rather than too high. */
  async #bringInLine(): Promise<void> {
    const before = dueOf(this.#facts().whole);
    const usedBytes = await this.#usedBytes();
    const dueBytes = Math.min(before, dueOf(this.#facts().whole));
    const limitBytes = Math.max(blockBytes, usedBytes + dueBytes);
    if (Math.abs(limitBytes - this.#limitBytes) >= stepBytes) await this.#limit(limitBytes);
    this.#dueBytes = dueBytes;
  }

  #facts() {
    const { path, statfs } = this.#options;
    const { blocks, bavail, bsize } = statfs(path);
    const totalBytes = blocks * bsize;
    const whole = { totalBytes, freeBytes: bavail * bsize, reserveBytes: reserveOf(totalBytes) };
    // In a folder of a project the kernel tells its limit as the size of the file system.
    return { whole, content: statfs(join(path, contentFolders[0])) };
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
    const { whole, content } = this.#facts();
    const toldBytes = Math.min(kibibytes * 1024, whole.totalBytes);
    if (content.blocks * content.bsize > toldBytes) throw unavailable("the kernel does not keep to it");
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

/** What there is for content. */
function dueOf({ freeBytes, reserveBytes }: { readonly freeBytes: number; readonly reserveBytes: number }): number {
  return Math.max(0, freeBytes - reserveBytes);
}

function unavailable(why: string): Error {
  return volumeFaults.fault("volume-unavailable", `the volume's room could not be divided: ${why}`);
}
