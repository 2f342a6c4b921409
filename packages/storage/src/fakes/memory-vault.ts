import { transportFaults } from "../ports/transport-faults.ts";
import type { StoredEntry, VaultClient } from "../ports/index.ts";

/** Central's copies in memory. */
export class MemoryVault implements VaultClient {
  readonly entries: StoredEntry[] = [];
  readonly slots: Uint8Array[] = [];
  reachable = true;

  #reach(): Promise<void> {
    if (this.reachable) return Promise.resolve();
    return Promise.reject(transportFaults.fault("peer-unreachable", "central is not there"));
  }

  async putEntry(entry: StoredEntry): Promise<void> {
    await this.#reach();
    this.entries.push(entry);
  }

  async putSlot(slot: Uint8Array): Promise<void> {
    await this.#reach();
    this.slots.push(slot);
  }

  async newest(): Promise<number> {
    await this.#reach();
    return this.entries.at(-1)?.sequence ?? 0;
  }
}
