import type { World } from "@piccolo/world";
import { isFault } from "@piccolo/fault";
import { type Authorizations, type Command, prepare } from "./command.ts";
import { flushContext, type LoadedObject, startAuthSession } from "./commands/objects.ts";
import type { sessionTypes } from "./constants.ts";
import { agreeWith } from "./credential.ts";
import { kdfA } from "./derivation.ts";
import { tpmFaults } from "./faults.ts";
import { nonceBytes, Session } from "./session.ts";

/** Sends one command and resolves to the answer: what a channel to a TPM is to this package. */
export type Transmit = (command: Uint8Array) => Promise<Uint8Array>;

const busyTries = 6;
const firstBusyPauseMs = 10;

/** Runs commands on a TPM, one after the other, and gives back what they hold in it. */
export class Tpm {
  readonly #transmit: Transmit;
  readonly #world: World;

  constructor(transmit: Transmit, world: World) {
    this.#transmit = transmit;
    this.#world = world;
  }

  /** Throws what the TPM answers as a fault. A TPM that is busy with itself is asked again for about half a second. */
  async execute<Result>(command: Command<Result>, authorizations: Authorizations = {}): Promise<Result> {
    const prepared = prepare(command, authorizations, this.#world);
    try {
      for (let tries = 1; ; tries++) {
        try {
          // The TPM changed nothing when it answers that it is busy, its nonce included: the same bytes fit again.
          return prepared.complete(await this.#transmit(prepared.frame));
        } catch (error) {
          if (!isFault(error, "tpm-busy") || tries === busyTries) throw error;
          await this.#world.sleep(firstBusyPauseMs * 2 ** (tries - 1));
        }
      }
    } finally {
      if (command.secret === true) prepared.frame.fill(0);
    }
  }

  /**
   * Runs `use` with a session and ends it afterwards. With `saltKey` both sides prove everything with a key nobody
   * between them knows; without, the session only collects a policy.
   */
  async withSession<Result>(
    options: { readonly type: keyof typeof sessionTypes; readonly saltKey?: LoadedObject },
    use: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    const session = await this.#startSession(options.type, options.saltKey);
    try {
      return await use(session);
    } finally {
      session.erase();
      await this.flush(session.handle);
    }
  }

  async #startSession(type: keyof typeof sessionTypes, saltKey: LoadedObject | undefined): Promise<Session> {
    const nonceCaller = this.#world.randomBytes(nonceBytes);
    if (saltKey === undefined) {
      const { handle, nonce } = await this.execute(startAuthSession({ type, nonceCaller }));
      return new Session(handle, type, new Uint8Array(0), { tpm: nonce, caller: nonceCaller });
    }
    const { publicArea } = saltKey;
    if (publicArea.type !== "ecc") throw tpmFaults.fault("tpm-refused", "a session is salted to an ECC key only");
    const salt = agreeWith(publicArea, "SECRET", this.#world);
    try {
      const start = { type, nonceCaller, salt: { key: saltKey, encrypted: salt.encrypted } };
      const { handle, nonce } = await this.execute(startAuthSession(start));
      // Session key (Part 1, 17.6.8) of a session that is salted and not bound.
      const key = kdfA(salt.secret, "ATH", nonce, nonceCaller, 256);
      return new Session(handle, type, key, { tpm: nonce, caller: nonceCaller });
    } finally {
      salt.secret.fill(0);
    }
  }

  /** Makes or loads an object, runs `use` with it and removes it from the TPM afterwards. */
  async withObject<Made extends { readonly handle: number }, Result>(
    command: Command<Made>,
    use: (made: Made) => Promise<Result>,
    authorizations: Authorizations = {},
  ): Promise<Result> {
    const made = await this.execute(command, authorizations);
    try {
      return await use(made);
    } finally {
      await this.flush(made.handle);
    }
  }

  /**
   * Flushing is clean-up behind a result or a fault, and neither is to be replaced by a failure of it: a channel that
   * broke is closed as a whole, and what is left behind is flushed when the TPM is opened again.
   */
  async flush(handle: number): Promise<void> {
    try {
      await this.execute(flushContext(handle));
    } catch (error) {
      if (!isFault(error)) throw error;
    }
  }
}
