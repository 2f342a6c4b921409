/**
 * Whether changes that were made here wait for the other devices to confirm them. The answer to each change says so by a
 * header; that the wait is over comes by an event, with the view of the network.
 */
import { useSyncExternalStore } from "react";

/** What the device says of the backup in the answer to a change. */
export const backupHeader = "piccolo-backup";

const changing: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);
/** Of those the device holds back until enough others have them. */
const ofContent = /^\/(?:files|trash|uploads)(?:\/|$)/;

export class ChangesWait {
  readonly #listeners = new Set<() => void>();
  #waits = false;

  get waits(): boolean {
    return this.#waits;
  }

  /** An answer of success to a request for a path below the interface's prefix. */
  answered(method: string, path: string, header: string | null | undefined): void {
    if (header === "waiting") this.#set(true);
    // What is acknowledged stands on all changes before it, so those are with the others, too.
    else if (changing.has(method) && ofContent.test(path) && !path.endsWith("/check")) this.#set(false);
  }

  /** What the view of the network says; undefined where it does not know. */
  seen(waitingChanges: boolean | undefined): void {
    if (waitingChanges === false) this.#set(false);
  }

  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #set(waits: boolean): void {
    if (waits === this.#waits) return;
    this.#waits = waits;
    for (const listener of this.#listeners) listener();
  }
}

/** Of this page. */
export const changesWait = new ChangesWait();

export const useChangesWait = (): boolean => useSyncExternalStore(changesWait.listen, () => changesWait.waits);
