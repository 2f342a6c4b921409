/**
 * The verb that gives all files new keys. A re-key wraps the keys of files anew and leaves them what they are, so whoever
 * had the old root knows them; after this nothing that others still keep opens under them.
 */
import { toHex } from "@piccolo/bytes";
import type { SecurityView, Task } from "@piccolo/device-api";
import { isFault } from "@piccolo/fault";
import type { OwnerEngine } from "@piccolo/storage/owner";
import type { Metadata } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import { seldom } from "../network/view.ts";
import { assertRoom, hasRoom, type Room } from "../room/room.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { TaskProgress } from "../tasks/types.ts";
import { rekeyFaults } from "./rekey.ts";

/** Versions between two looks at whether the witnesses keep up. */
const pageVersions = 64;
/** So many are sealed at once, so that small files do not wait for one another's round trips. */
const lanes = 4;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
const reportEachMs = 500;
const replacementsAtOnce = 100;

/** Why it cannot go on just now. It goes on by itself. */
export type Hindrance = "locked" | "backup" | "re-key" | "room" | "holders" | "witnesses" | "unreadable";

const working = "Giving the files new keys";
const waiting: Readonly<Record<Hindrance, string>> = {
  locked: "Waiting for the device to be unlocked",
  backup: "Waiting for the other devices to say what is newest",
  "re-key": "Waiting for the change of the key to end",
  room: "Waiting for room on this device's disk",
  holders: "Waiting for more devices to be online",
  witnesses: "Waiting for enough devices to confirm the backup",
  unreadable: "Waiting for devices that have the rest",
};

/** What the owner wants, over a restart. */
export interface ReencryptionStore {
  /** What there was to do when it began; undefined where it is not wanted. */
  wanted(): { readonly versions: number; readonly plainBytes: number } | undefined;
  want(total: { readonly versions: number; readonly plainBytes: number }): void;
  forget(): void;
}

export interface ReencryptionOptions {
  readonly store: ReencryptionStore;
  readonly metadata: Pick<Metadata, "versionsBefore" | "countBefore">;
  /** Each version that is sealed anew leaves marks in the device's databases, which must not take the reserve. */
  readonly room: Pick<Room, "freeBytes">;
  readonly engine: () => Pick<OwnerEngine, "sealAnew" | "replacements" | "removeVersion">;
  /** Of the owner's keys, locked or not. */
  readonly epoch: () => number;
  readonly isUnlocked: () => boolean;
  /** Whether the owner's content may be changed. */
  readonly mayCommit: () => boolean;
  readonly isRekeying: () => boolean;
  /** Whether enough witnesses have what was committed until now, after a bounded wait. */
  readonly flush: () => Promise<{ readonly witnessed: boolean }>;
  readonly tasks: Tasks;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  /** Told when there is something else to show. */
  readonly changed: () => void;
}

/** What one version came to. */
export type SealOutcome = "done" | "lost" | "later" | Hindrance;

/** Tells what a failure means for the version and for those behind it. */
export function decideFailure({ code, retry }: { readonly code: string; readonly retry: string }): SealOutcome {
  switch (code) {
    case "locked":
    case "wrong-epoch":
      return "locked";
    case "disk-full":
      return "room";
    case "too-few-holders":
      return "holders";
    default:
      return retry === "never" ? "lost" : "later";
  }
}

/** What to do once all versions were tried and nothing was in the way. `left` counts those that are `lost`, too. */
export function decideAfterPass(found: {
  readonly left: number;
  readonly lost: number;
  readonly later: number;
}): "end" | "again" | "unreadable" {
  if (found.left <= found.lost) return "end";
  // What is left though nothing failed has become complete meanwhile: an upload that began before the re-key.
  return found.later > 0 ? "unreadable" : "again";
}

export class Reencryption {
  readonly #options: ReencryptionOptions;
  #wake: () => void = () => undefined;
  #count: () => { readonly versions: number; readonly plainBytes: number };

  constructor(options: ReencryptionOptions) {
    this.#options = options;
    this.#count = this.#countSeldom();
  }

  #countSeldom(): () => { readonly versions: number; readonly plainBytes: number } {
    const { world, metadata, epoch } = this.#options;
    return seldom(world, () => metadata.countBefore(epoch()));
  }

  #changed(): void {
    this.#count = this.#countSeldom();
    this.#options.changed();
  }

  view(): SecurityView["reencryption"] {
    const { store, epoch } = this.#options;
    // No key is older than the first epoch's.
    const { versions, plainBytes } = epoch() > 1 ? this.#count() : { versions: 0, plainBytes: 0 };
    const state = this.#isRunning
      ? "running"
      : store.wanted() === undefined
        ? versions > 0
          ? "offered"
          : "none"
        : "interrupted";
    return { state, versions, bytes: plainBytes };
  }

  get #isRunning(): boolean {
    return this.#options.tasks.list().some(({ kind, state }) => kind === "re-encrypt" && state === "running");
  }

  /** Begins what the owner asked for; goes on after a restart until it has ended or is cancelled. Throws `rekey-running`, `disk-full`. */
  begin(): Task {
    const { store, metadata, epoch, isRekeying, room } = this.#options;
    assertRoom(room);
    if (isRekeying()) throw rekeyFaults.fault("rekey-running", "the key is being changed: wait until that has ended");
    const task = this.#start();
    store.want(metadata.countBefore(epoch()));
    this.#changed();
    return task;
  }

  /** Goes on with what was cut off, or gives up what is left of what is not wanted any more. Harmless when repeated. */
  resume(): void {
    const { store, mayCommit } = this.#options;
    if (this.#isRunning || !mayCommit()) return;
    if (store.wanted() === undefined) this.#giveUpReplacements();
    else this.#start();
  }

  /** Something has changed that it may be waiting for. */
  wake(): void {
    this.#wake();
  }

  #start(): Task {
    const { tasks, store, mayCommit } = this.#options;
    return tasks.start({
      kind: "re-encrypt",
      step: working,
      cancellable: true,
      work: async (progress) => {
        const result = await this.#run(progress);
        store.forget();
        this.#changed();
        return result;
      },
      cancelled: () => {
        store.forget();
        if (mayCommit()) this.#giveUpReplacements();
        this.#changed();
      },
    });
  }

  /** Copies of large files that were under way; those it could not remove go at the next start. */
  #giveUpReplacements(): void {
    const engine = this.#options.engine();
    for (;;) {
      const ids = engine.replacements(replacementsAtOnce);
      for (const id of ids) engine.removeVersion(id);
      if (ids.length < replacementsAtOnce) return;
    }
  }

  #hindrance(): Hindrance | undefined {
    const { isUnlocked, mayCommit, isRekeying, room } = this.#options;
    if (!isUnlocked()) return "locked";
    if (!mayCommit()) return "backup";
    if (isRekeying()) return "re-key";
    return hasRoom(room) ? undefined : "room";
  }

  async #run(progress: TaskProgress): Promise<Record<string, unknown>> {
    const { metadata, epoch } = this.#options;
    const pass = new Pass(this.#options, progress, () => this.#hindrance());
    let pauseMs = firstPauseMs;
    for (;;) {
      progress.signal.throwIfAborted();
      const doneBefore = pass.done;
      const stopped = this.#hindrance() ?? (await pass.run());
      const left = metadata.countBefore(epoch()).versions;
      const next = stopped ?? decideAfterPass({ left, lost: pass.lost, later: pass.later });
      if (next === "end") return { versions: pass.done, unreadable: pass.lost };
      if (pass.done > doneBefore) pauseMs = firstPauseMs;
      if (next === "again") continue;
      pass.report(waiting[next]);
      await this.#pause(pauseMs, progress.signal);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    const woken = new AbortController();
    this.#wake = () => woken.abort(new Error("woken"));
    try {
      // A network in which much changes wakes it often: each try counts what is left, so there is some time between two.
      await world.sleep(firstPauseMs, signal);
      if (ms > firstPauseMs) await world.sleep(ms - firstPauseMs, AbortSignal.any([signal, woken.signal]));
    } catch {
      signal.throwIfAborted();
    } finally {
      this.#wake = () => undefined;
    }
  }
}

/** Goes through all versions whose keys are of an earlier epoch; again and again, since some may have to wait. */
class Pass {
  readonly #options: ReencryptionOptions;
  readonly #progress: TaskProgress;
  readonly #hindrance: () => Hindrance | undefined;
  readonly #lost = new Set<string>();
  #doneBytes = 0;
  #reportedMs = 0;
  done = 0;
  later = 0;

  constructor(options: ReencryptionOptions, progress: TaskProgress, hindrance: () => Hindrance | undefined) {
    this.#options = options;
    this.#progress = progress;
    this.#hindrance = hindrance;
  }

  /** Versions that will never be read again; they keep the key they have. */
  get lost(): number {
    return this.#lost.size;
  }

  report(step: string): void {
    this.#reportedMs = this.#options.world.monotonicMs();
    this.#progress.report(step, this.#doneBytes, this.#options.store.wanted()?.plainBytes ?? 0);
  }

  /** What stopped it, or undefined once each version was tried. */
  async run(): Promise<Hindrance | undefined> {
    const { metadata, epoch, flush, store } = this.#options;
    const total = store.wanted()?.plainBytes ?? 0;
    this.#doneBytes = Math.max(0, total - metadata.countBefore(epoch()).plainBytes);
    this.later = 0;
    this.report(working);
    let after: Uint8Array = new Uint8Array(0);
    for (;;) {
      const page = metadata.versionsBefore(epoch(), after, pageVersions);
      const last = page.at(-1);
      if (last === undefined) {
        this.report(working);
        return undefined;
      }
      after = last.versionId;
      const stopped = await this.#sealAll(page);
      if (stopped !== undefined) return stopped;
      // Holders free what is dead only once the witnesses know, so it must not run ahead of them.
      if (!(await flush()).witnessed) return this.#hindrance() ?? "witnesses";
    }
  }

  async #sealAll(page: ReturnType<Metadata["versionsBefore"]>): Promise<Hindrance | undefined> {
    const left = page.filter(({ versionId }) => !this.#lost.has(toHex(versionId)));
    let stopped: Hindrance | undefined;
    const lane = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined && stopped === undefined; next = left.shift()) {
        this.#progress.signal.throwIfAborted();
        const outcome = this.#hindrance() ?? (await this.#seal(next.versionId));
        if (outcome === "done") {
          this.done++;
          this.#doneBytes += next.plainBytes ?? 0;
          // Everybody who looks is told of each report.
          if (this.#options.world.monotonicMs() - this.#reportedMs >= reportEachMs) this.report(working);
        } else if (outcome === "lost") this.#lost.add(toHex(next.versionId));
        else if (outcome === "later") this.later++;
        else stopped = outcome;
      }
    };
    // Every lane has ended before this does, so that nothing is under way any more when the task is over.
    const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
    return stopped;
  }

  async #seal(versionId: Uint8Array): Promise<SealOutcome> {
    const { engine, report, room } = this.#options;
    try {
      // A large version takes hours, in which others may take the room.
      await engine().sealAnew(versionId, this.#progress.signal, () => assertRoom(room));
      return "done";
    } catch (error) {
      this.#progress.signal.throwIfAborted();
      if (!isFault(error)) throw error;
      const outcome = decideFailure(error);
      if (outcome === "lost") report("version-not-sealed-anew", { version: toHex(versionId), code: error.code });
      return outcome;
    }
  }
}
