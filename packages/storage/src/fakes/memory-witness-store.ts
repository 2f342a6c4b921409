import { toHex } from "@piccolo/bytes";
import type { KeptSlot, WitnessedEntry, WitnessedLog, WitnessStore } from "../ports/index.ts";

interface Kept {
  readonly entries: readonly WitnessedEntry[];
  readonly deviceEpoch: number;
}

const nothing: Kept = { entries: [], deviceEpoch: 0 };

/** A witness's entries in memory. What was not durable yet is lost by `crash`. */
export class MemoryWitnessStore implements WitnessStore {
  readonly #logs = new Map<string, Kept>();
  readonly #slots = new Map<string, KeptSlot>();
  #power = 0;

  /** Changes under way come to nothing, and whoever waits for them is told so. */
  crash(): void {
    this.#power++;
  }

  async #durably(change: () => void): Promise<void> {
    const power = this.#power;
    await Promise.resolve();
    if (power !== this.#power) throw new Error("the power was cut");
    change();
  }

  #kept(account: Uint8Array): Kept {
    return this.#logs.get(toHex(account)) ?? nothing;
  }

  log(account: Uint8Array): WitnessedLog {
    const { entries, deviceEpoch } = this.#kept(account);
    return {
      newest: entries.at(-1)?.head,
      first: entries[0]?.sequence ?? 1,
      deviceEpoch,
      usedBytes: entries.reduce((sum, { head, sealed }) => sum + head.length + sealed.length, 0),
    };
  }

  hashAt(account: Uint8Array, sequence: number): Uint8Array | undefined {
    return this.#kept(account).entries.find((entry) => entry.sequence === sequence)?.hash;
  }

  entries(account: Uint8Array, from: number, limit: number, limitBytes: number): readonly WitnessedEntry[] {
    const taken: WitnessedEntry[] = [];
    let bytes = 0;
    for (const entry of this.#kept(account).entries) {
      if (entry.sequence < from) continue;
      bytes += entry.sealed.length;
      if (taken.length === limit || (taken.length > 0 && bytes > limitBytes)) break;
      taken.push(entry);
    }
    return taken;
  }

  append(
    account: Uint8Array,
    entry: WitnessedEntry,
    change: { readonly dropBefore: number; readonly dropFrom: number; readonly deviceEpoch: number },
  ): Promise<void> {
    return this.#durably(() => {
      const kept = this.#kept(account);
      const stay = kept.entries.filter(
        ({ sequence }) => sequence >= change.dropBefore && sequence < change.dropFrom && sequence !== entry.sequence,
      );
      this.#logs.set(toHex(account), {
        entries: [...stay, entry],
        deviceEpoch: Math.max(kept.deviceEpoch, change.deviceEpoch),
      });
    });
  }

  raiseDeviceEpoch(account: Uint8Array, deviceEpoch: number): Promise<void> {
    return this.#durably(() => {
      const kept = this.#kept(account);
      this.#logs.set(toHex(account), { ...kept, deviceEpoch: Math.max(kept.deviceEpoch, deviceEpoch) });
    });
  }

  slotsOf(account: Uint8Array, locator: Uint8Array): readonly KeptSlot[] {
    const [own, place] = [toHex(account), toHex(locator)];
    return [...this.#slots.values()].filter((slot) => toHex(slot.account) === own || toHex(slot.locator) === place);
  }

  slot(locator: Uint8Array): KeptSlot | undefined {
    return this.#slots.get(toHex(locator));
  }

  keepSlot(slot: KeptSlot, forget: readonly Uint8Array[]): Promise<void> {
    return this.#durably(() => {
      for (const locator of forget) this.#slots.delete(toHex(locator));
      this.#slots.set(toHex(slot.locator), slot);
    });
  }
}
