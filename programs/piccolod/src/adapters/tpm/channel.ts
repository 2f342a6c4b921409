import type { World } from "@piccolo/world";
import { securityChipFaults } from "../../security/security-chip.ts";

/** A way to one TPM. Commands are answered in the order in which they were given. */
export interface TpmChannel {
  /** Nobody else holds objects or sessions in this TPM, so what is found in it was left behind by a crash. */
  readonly exclusive: boolean;
  /** False once an exchange broke: the place in the conversation is lost, and only a new channel finds it again. */
  readonly usable: boolean;
  transmit(command: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What differs between the channels: one exchange at a time, without an end of its own. */
export interface TpmLink {
  exchange(command: Uint8Array): Promise<Uint8Array>;
  /** Ends an exchange under way as well. */
  close(): Promise<void>;
}

export interface ChannelOptions {
  readonly world: World;
  /** How long one command may take. A slow chip needs seconds to make a key. */
  readonly timeoutMs?: number;
}

export const defaultTimeoutMs = 60_000;

/** One command at a time over a link, each with an end. */
export class SerialChannel implements TpmChannel {
  readonly exclusive: boolean;
  readonly #link: TpmLink;
  readonly #world: World;
  readonly #timeoutMs: number;
  #last: Promise<unknown> = Promise.resolve();
  #broken: Error | undefined;

  constructor(link: TpmLink, exclusive: boolean, { world, timeoutMs = defaultTimeoutMs }: ChannelOptions) {
    this.#link = link;
    this.exclusive = exclusive;
    this.#world = world;
    this.#timeoutMs = timeoutMs;
  }

  get usable(): boolean {
    return this.#broken === undefined;
  }

  transmit(command: Uint8Array): Promise<Uint8Array> {
    const turn = this.#last.then(() => this.#exchange(command));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #exchange(command: Uint8Array): Promise<Uint8Array> {
    if (this.#broken !== undefined) throw this.#broken;
    const stop = new AbortController();
    const timeout = this.#world.sleep(this.#timeoutMs, stop.signal).then((): never => {
      const seconds = Math.ceil(this.#timeoutMs / 1_000);
      throw securityChipFaults.fault("tpm-timeout", `the TPM did not answer in ${seconds} s; restart the device`);
    });
    // Whichever of the two loses the race may still fail, and that is no news any more.
    timeout.catch(() => undefined);
    const answer = this.#link.exchange(command);
    answer.catch(() => undefined);
    try {
      return await Promise.race([answer, timeout]);
    } catch (error) {
      this.#broken = error instanceof Error ? error : new Error(String(error));
      // Nobody waits for the hanging end of a link that is given up.
      void this.#link.close().catch(() => undefined);
      throw error;
    } finally {
      stop.abort();
    }
  }

  async close(): Promise<void> {
    // A link that broke is on its way to its end, which a device that hangs may put off.
    if (this.#broken !== undefined) return;
    this.#broken = securityChipFaults.fault("tpm-missing", "the way to the TPM was closed; restart the device");
    await this.#link.close();
  }
}
