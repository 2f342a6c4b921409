import { logBytesMax } from "@piccolo/attest";
import { type BootState, bootStateFaults, type FoundBoot, pcrKeyBytesMax } from "../src/system/boot-state.ts";

/** A machine that shows what it is told. */
export class MemoryBootState implements BootState {
  #found: FoundBoot;

  constructor(found: FoundBoot) {
    this.#found = found;
  }

  show(found: FoundBoot): void {
    this.#found = found;
  }

  async read(): Promise<FoundBoot> {
    const { log, pcrKey } = this.#found;
    if ((log?.length ?? 0) > logBytesMax || (pcrKey?.length ?? 0) > pcrKeyBytesMax) {
      throw bootStateFaults.fault("boot-state-unreadable", "the machine shows more than there can be");
    }
    return structuredClone(this.#found);
  }
}
