import type { ServerResponse } from "node:http";
import type { Backup } from "./backup.ts";

/** So long a change waits for the device to have asked its witnesses. */
const readyLimitMs = 10_000;
const changes = /^\/(?:(?:files|trash|uploads)(?:\/|$)|app-backups\/[^/]+$|catalogs(?:\/[^/]+)?$)/;
const reads: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const never = new AbortController().signal;

export const waitingHeader = { name: "piccolo-backup", value: "waiting" } as const;

/**
 * Keeps the owner's content from being changed before the device knows that it has the newest of it, and holds back the
 * answer to a change until enough witnesses have it. Where they are not there in time, the answer says so.
 */
export class WriteGate {
  readonly #backup: Pick<Backup, "untilReady" | "flush" | "mayCommit">;
  /** Told when a change was answered that waits for its witnesses. */
  readonly #waits: () => void;

  constructor(backup: Pick<Backup, "untilReady" | "flush" | "mayCommit">, waits: () => void) {
    this.#backup = backup;
    this.#waits = waits;
  }

  /** For a path below the prefix. */
  isChange(method: string, path: string): boolean {
    return !reads.has(method) && changes.test(path) && !/^\/uploads\/[^/]+\/check$/.test(path);
  }

  /** Throws `backup-checking`, `backup-forked`, `device-replaced`. */
  async enter(): Promise<void> {
    if (!this.#backup.mayCommit) await this.#backup.untilReady(readyLimitMs, never);
  }

  /** Whether what was committed until now is with enough witnesses, after a bounded wait. */
  async acknowledge(): Promise<boolean> {
    const { witnessed } = await this.#backup.flush();
    if (!witnessed) this.#waits();
    return witnessed;
  }

  /** The same for an answer that is not out yet. */
  async answer(res: ServerResponse): Promise<void> {
    if (!(await this.acknowledge())) res.setHeader(waitingHeader.name, waitingHeader.value);
  }
}
