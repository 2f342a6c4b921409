/** A machine with a software TPM, and what tests put between it and the chip's adapter. */
import type { TestContext } from "node:test";
import { pcrExtend, sha256, startup, Tpm } from "@piccolo/tpm2";
import { realWorld as world } from "@piccolo/world/real";
import type { TpmChannel } from "../src/adapters/tpm/channel.ts";
import { openSocketChannel } from "../src/adapters/tpm/socket-channel.ts";
import { type SignedBoots, Tpm2Chip } from "../src/adapters/tpm/tpm2-chip.ts";
import type { ChipMachine } from "./security-chip-suite.ts";
import { Swtpm } from "./swtpm.ts";

/** Changes what goes over a channel, as whoever has a clip on the bus can. */
export type Tap = (command: Uint8Array, transmit: TpmChannel["transmit"]) => Promise<Uint8Array>;

function tapped(channel: TpmChannel, tap: Tap): TpmChannel {
  return {
    exclusive: channel.exclusive,
    get usable() {
      return channel.usable;
    },
    transmit: (command) => tap(command, (bytes) => channel.transmit(bytes)),
    close: () => channel.close(),
  };
}

export class TpmMachine implements ChipMachine {
  readonly swtpm: Swtpm;
  readonly #context: TestContext;
  #chip: Tpm2Chip;
  #tap: Tap = (command, transmit) => transmit(command);
  #release = 1;
  /** What the release of the next boot names as the oldest that may open. */
  firstMinimum = 1;
  /** What the system image of the next boot carries. */
  signedBoots: SignedBoots | undefined;

  static async start(context: TestContext): Promise<TpmMachine> {
    return new TpmMachine(context, await Swtpm.start(context));
  }

  private constructor(context: TestContext, swtpm: Swtpm) {
    this.#context = context;
    this.swtpm = swtpm;
    this.#chip = this.#open();
  }

  #open(): Tpm2Chip {
    const connect = async (): Promise<TpmChannel> => {
      const channel = await openSocketChannel(this.swtpm.socketPath, { world, timeoutMs: 20_000 });
      return tapped(channel, (command, transmit) => this.#tap(command, transmit));
    };
    const { firstMinimum, signedBoots } = this;
    const chip = new Tpm2Chip({ connect, world, releaseNumber: this.#release, firstMinimum, signedBoots });
    this.#context.after(() => chip.close());
    return chip;
  }

  chip(): Tpm2Chip {
    return this.#chip;
  }

  tap(tap: Tap): void {
    this.#tap = tap;
  }

  /** The power is cut, and another release may be there when it comes back. */
  async reboot(release = this.#release): Promise<void> {
    this.#release = release;
    await this.#chip.close();
    await this.swtpm.reboot();
    this.#chip = this.#open();
  }

  /** Runs commands of its own while the chip's adapter is away: a software TPM serves one connection at a time. */
  async raw<Result>(use: (tpm: Tpm) => Promise<Result>): Promise<Result> {
    await this.#chip.close();
    const channel = await openSocketChannel(this.swtpm.socketPath, { world, timeoutMs: 20_000 });
    const tpm = new Tpm((command) => channel.transmit(command), world);
    try {
      await tpm.execute(startup("clear")).catch(() => undefined);
      return await use(tpm);
    } finally {
      await channel.close();
      this.#chip = this.#open();
    }
  }

  async measure(pcr: number): Promise<void> {
    await this.raw((tpm) => tpm.execute(pcrExtend(pcr, sha256(Uint8Array.of(pcr)))));
  }

  async other(): Promise<Tpm2Chip> {
    return (await TpmMachine.start(this.#context)).chip();
  }
}
