/** How this device was started: asked anew each time, since the chip goes on measuring. */
import type { BootView } from "@piccolo/device-api";
import { isFault } from "@piccolo/fault";
import type { ReleaseFacts } from "../config.ts";
import type { SecurityChip } from "../security/security-chip.ts";
import type { BootState } from "./boot-state.ts";
import { decideBootView } from "./decide.ts";
import type { TrustedKeys } from "./trusted-keys.ts";

export interface MeasuredBootOptions {
  readonly bootState: BootState;
  readonly chip: Pick<SecurityChip, "pcrs">;
  readonly release: ReleaseFacts | undefined;
  /** The signed predictions that lie beside the boot images. */
  readonly predictions: () => Promise<readonly Uint8Array[]>;
  readonly trustedKeys: TrustedKeys;
  /** The identity of the volume that is open; undefined while none is. */
  readonly volume: () => Uint8Array | undefined;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export class MeasuredBoot {
  readonly #options: MeasuredBootOptions;
  /** The running release stays the same; the boot partition is mounted to be looked at, so it is looked at once. */
  #found: readonly Uint8Array[] | undefined;

  constructor(options: MeasuredBootOptions) {
    this.#options = options;
  }

  /** Throws what the chip throws. What cannot be read of the machine is part of the answer. */
  async view(): Promise<BootView> {
    const { bootState, chip, release, trustedKeys } = this.#options;
    const pcrs = await chip.pcrs();
    try {
      const found = await bootState.read();
      const volume = this.#options.volume();
      return decideBootView({ found, pcrs, release, predictions: await this.#predictions(), trustedKeys, volume });
    } catch (error) {
      if (!isFault(error, "boot-state-unreadable")) throw error;
      return {
        state: "unreadable",
        detail: `${error.message}; restart the device.`,
        secureBoot: "unknown",
        keys: { trust: "unknown", measured: [] },
        steps: [],
        pcrs: [],
      };
    }
  }

  /** A boot partition that cannot be read is no reason to say nothing of the boot. */
  async #predictions(): Promise<readonly Uint8Array[]> {
    try {
      this.#found ??= await this.#options.predictions();
      return this.#found;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#options.report("predictions-unreadable", { code: error.code });
      return [];
    }
  }
}
