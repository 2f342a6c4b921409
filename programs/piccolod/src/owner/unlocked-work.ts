/** What only the owner's keys can do, each time they are there: a re-key to its end, and keys that were sealed meanwhile. */
import type { World } from "@piccolo/world";
import type { Backup } from "../backup/backup.ts";
import { finishRekey } from "../backup/finish-rekey.ts";
import type { SlotKeeper } from "../backup/slot-keeper.ts";
import { isOperatingFailure } from "../operating-failure.ts";
import type { NetworkFeature } from "../network/types.ts";
import type { Identity } from "../security/identity.ts";
import type { Keyring } from "../security/keyring.ts";
import type { Reencryption } from "../security/reencrypt.ts";
import type { OwnerSecurity } from "../security/owner-security.ts";
import { type RekeyCrashPoint, rewrapAll, rewrapLocked, type WrappedKeys } from "../security/rekey.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { Task } from "@piccolo/device-api";
import type { TaskWork } from "../tasks/types.ts";

/** So long a re-key waits for the device to have asked its witnesses; it goes on at the next unlocking. */
const readyWaitMs = 600_000;

export interface UnlockedWorkOptions {
  readonly keyring: Keyring;
  readonly security: OwnerSecurity;
  readonly backup: Backup;
  readonly slots: SlotKeeper;
  readonly network: Pick<NetworkFeature, "enterOwnerKey" | "membershipState">;
  readonly identity: () => Identity;
  readonly wrappedKeys: WrappedKeys;
  readonly reencryption: Pick<Reencryption, "resume">;
  readonly tasks: Tasks;
  readonly world: World;
  readonly crashPoint: (name: RekeyCrashPoint) => void;
}

export class UnlockedWork {
  readonly #options: UnlockedWorkOptions;
  readonly #stopping = new AbortController();
  #tidying: Promise<void> = Promise.resolve();

  constructor(options: UnlockedWorkOptions) {
    this.#options = options;
  }

  /** The part of a re-key that outlasts its request. Not cancellable: it goes on after the next unlocking in any case. */
  startRekey(): Task {
    const work: TaskWork = (progress) => this.#rekey(progress);
    return this.#options.tasks.start({
      kind: "re-key",
      step: "Wrapping the files' keys anew",
      cancellable: false,
      work,
    });
  }

  get isRekeyRunning(): boolean {
    return this.#options.tasks.list().some(({ kind, state }) => kind === "re-key" && state === "running");
  }

  async #rekey(...[progress]: Parameters<TaskWork>): Promise<undefined> {
    const { keyring, security, backup, slots, network, identity, wrappedKeys: rows, world, crashPoint } = this.#options;
    await backup.untilReady(readyWaitMs, progress.signal);
    await rewrapAll({ keys: () => keyring.keys(), rows, crashPoint }, progress);
    const epoch = (): number => identity().epoch;
    const chain = () => keyring.slots().chain;
    const rewrapSealed = (signal: AbortSignal) => rewrapLocked(() => keyring.keys(), rows, signal);
    const { rekey } = security;
    await finishRekey({ rekey, backup, slots, network, rewrapSealed, epoch, chain, world, crashPoint }, progress);
    if (!backup.needsFormerKeys) security.rekey.forgetFormerKeys();
    this.#options.reencryption.resume();
    return undefined;
  }

  /** Begins, where the keys are there and the content may be changed; harmless when repeated. */
  begin(): void {
    const { keyring, security, backup, slots, reencryption } = this.#options;
    if (!keyring.unlocked || !backup.mayCommit) return;
    if (security.rekey.running) {
      // What a restart or a lock cut off goes on; a re-key that has just begun starts its task itself.
      if (!this.isRekeyRunning) this.startRekey();
      return;
    }
    if (!backup.needsFormerKeys) security.rekey.forgetFormerKeys();
    this.#tidying = this.#tidying.then(() => this.#rewrapLocked());
    slots.changed();
    reencryption.resume();
  }

  async #rewrapLocked(): Promise<void> {
    const { keyring, wrappedKeys } = this.#options;
    const { signal } = this.#stopping;
    try {
      if (keyring.unlocked) await rewrapLocked(() => keyring.keys(), wrappedKeys, signal);
    } catch (error) {
      // It was locked again, the device stops, or the disk does not answer: the next unlocking goes on.
      if (!isOperatingFailure(error) && !signal.aborted) throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    await this.#tidying;
  }
}
