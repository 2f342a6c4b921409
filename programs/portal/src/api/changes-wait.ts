/**
 * Whether changes that were made here wait for the other devices to confirm them. The answer to each change says so by a
 * header; that the wait is over comes with the view of the network, by an event or when it is asked for.
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
  #changesAnswered = 0;

  get waits(): boolean {
    return this.#waits;
  }

  /** An answer of success to a request for a path below the interface's prefix. */
  answered(method: string, path: string, header: string | null | undefined): void {
    const waits = header === "waiting";
    if (!waits && !(changing.has(method) && ofContent.test(path) && !path.endsWith("/check"))) return;
    // What is acknowledged stands on all changes before it, so those are with the others, too.
    this.#changesAnswered += 1;
    this.#set(waits);
  }

  /**
   * The view of the network is asked for; the function takes what it says. A change that was answered since may be newer
   * than the view, which then says nothing of it.
   */
  asked(): (waitingChanges: boolean | undefined) => void {
    const before = this.#changesAnswered;
    return (waitingChanges) => {
      if (before === this.#changesAnswered) this.seen(waitingChanges);
    };
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
