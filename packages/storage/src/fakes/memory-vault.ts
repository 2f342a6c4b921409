import { toHex } from "@piccolo/bytes";
import { Fault } from "@piccolo/fault";
import { transportFaults } from "../ports/transport-faults.ts";
import type { StoredEntry, VaultClient } from "../ports/index.ts";

/** Central's copies in memory. */
export class MemoryVault implements VaultClient {
  kept: StoredEntry[] = [];
  readonly slots: Uint8Array[] = [];
  /** By segment id in hex. */
  readonly segments = new Map<string, Uint8Array>();
  reachable = true;
  /** How many segments there is room for. */
  segmentsMax = Infinity;

  #reach(): Promise<void> {
    if (this.reachable) return Promise.resolve();
    return Promise.reject(transportFaults.fault("peer-unreachable", "central is not there"));
  }

  async putEntry(entry: StoredEntry): Promise<void> {
    await this.#reach();
    if (entry.kind === "checkpoint") this.kept = [];
    this.kept.push(entry);
  }

  async putSlot(slot: Uint8Array): Promise<void> {
    await this.#reach();
    this.slots.push(slot);
  }

  async newest(): Promise<number> {
    await this.#reach();
    return this.kept.at(-1)?.sequence ?? 0;
  }

  async head(): Promise<Uint8Array | undefined> {
    await this.#reach();
    return this.kept.at(-1)?.head;
  }

  async entries(from: number): Promise<readonly StoredEntry[]> {
    await this.#reach();
    return this.kept.filter(({ sequence }) => sequence >= from);
  }

  async blobs(): Promise<readonly Uint8Array[]> {
    await this.#reach();
    return Array.from(this.segments.keys(), (name) => Uint8Array.fromHex(name));
  }

  async putBlob(segmentId: Uint8Array, bytes: Uint8Array): Promise<void> {
    await this.#reach();
    if (this.segments.size >= this.segmentsMax) throw new Fault("quota-reached", "never", "no room for more segments");
    this.segments.set(toHex(segmentId), bytes.slice());
  }

  async removeBlob(segmentId: Uint8Array): Promise<void> {
    await this.#reach();
    this.segments.delete(toHex(segmentId));
  }

  async blob(segmentId: Uint8Array): Promise<Uint8Array> {
    await this.#reach();
    const bytes = this.segments.get(toHex(segmentId));
    if (bytes === undefined) throw new Fault("unknown-blob", "never", "no such segment is kept");
    return bytes;
  }
}
