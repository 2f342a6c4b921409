import type { ServerResponse } from "node:http";
import { envelopeFaults } from "@piccolo/envelope";

/** What shows, reads or changes files, or speaks in the owner's name: none of it while the owner's keys are away. */
const behind = /^\/(?:(?:files|trash|uploads)(?:\/|$)|network\/|app-backups\/)/;

/** Keeps files and membership behind the owner's keys, whichever route leads to them. */
export class LockGate {
  readonly #isLocked: () => boolean;
  /** Replies that stream, each with the session it is for: they must outlive neither the keys nor that. */
  readonly #streaming = new Map<ServerResponse, string>();

  constructor(isLocked: () => boolean) {
    this.#isLocked = isLocked;
  }

  /** For a path below the prefix. Throws `locked`. */
  check(path: string): void {
    if (this.#isLocked() && behind.test(path)) {
      throw envelopeFaults.fault("locked", "the device is locked: enter the password, then do it again");
    }
  }

  /** The same for a reply that streams, which ends with the keys, and with the session (hex). */
  pass(path: string, res: ServerResponse, session: string): void {
    this.check(path);
    if (!behind.test(path)) return;
    this.#streaming.set(res, session);
    res.once("close", () => this.#streaming.delete(res));
  }

  /** Breaks off what is being read or written at this moment. */
  cut(): void {
    for (const res of this.#streaming.keys()) res.destroy();
  }

  /** The same for what one session reads or writes, which has ended. */
  cutSession(session: string): void {
    for (const [res, its] of this.#streaming) if (its === session) res.destroy();
  }
}

/** Where there is nothing to lock. */
export const noLockGate = new LockGate(() => false);
