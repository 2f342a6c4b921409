import { createHash } from "node:crypto";
import {
  type BootChoice,
  type BootControl,
  bootControlFaults,
  type BootEntry,
  bootEntryPattern,
  type BootImages,
  entryInUse,
  type NewBootImage,
  unknownEntry,
} from "../src/system/boot-control.ts";

interface Kept extends BootEntry {
  readonly content: Uint8Array;
  readonly prediction: Uint8Array | undefined;
}

/** A boot loader in memory. `start` stands for switching the machine on. */
export class MemoryBoot implements BootControl, BootImages {
  readonly #entries = new Map<string, Kept>();
  readonly #roomBytes: number;
  booted: string | undefined;
  #preferred: string | undefined;
  #next: string | undefined;

  constructor(roomBytes = 1 << 30) {
    this.#roomBytes = roomBytes;
  }

  #sorted(): Kept[] {
    return [...this.#entries.values()].sort((a, b) => b.id.localeCompare(a.id, "en", { numeric: true }));
  }

  #get(id: string): Kept {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw unknownEntry(id);
    return entry;
  }

  /** What the boot loader does: chooses, counts, and starts. */
  start(): string | undefined {
    const usable = this.#sorted().filter(({ state }) => state !== "bad");
    const wanted = [this.#next, this.#preferred].find((id) => id !== undefined && this.#entries.has(id));
    const chosen = wanted ?? usable[0]?.id;
    this.#next = undefined;
    this.booted = chosen;
    const entry = chosen === undefined ? undefined : this.#entries.get(chosen);
    if (entry?.tries !== undefined && entry.tries.left > 0) {
      const tries = { left: entry.tries.left - 1, done: entry.tries.done + 1 };
      this.#entries.set(entry.id, { ...entry, tries, state: tries.left === 0 ? "bad" : "trying" });
    }
    return chosen;
  }

  async choice(): Promise<BootChoice> {
    const entries = this.#sorted().map(({ id, state, tries }) => ({ id, state, tries }));
    return { entries, booted: this.booted, preferred: this.#preferred, next: this.#next };
  }

  async bless(id: string): Promise<void> {
    this.#entries.set(id, { ...this.#get(id), state: "good", tries: undefined });
  }

  async prefer(id: string | undefined): Promise<void> {
    this.#preferred = id === undefined ? undefined : this.#get(id).id;
  }

  async once(id: string): Promise<void> {
    this.#next = this.#get(id).id;
  }

  async install({ id, content, tries, prediction }: NewBootImage): Promise<void> {
    if (!bootEntryPattern.test(id)) throw unknownEntry(id);
    if (this.booted === id) throw entryInUse(id, "it started the running system");
    const used = [...this.#entries.values()].reduce((sum, entry) => sum + entry.content.length, 0);
    if (used + content.length > this.#roomBytes) {
      throw bootControlFaults.fault(
        "boot-partition-full",
        "the boot partition has no room: remove an older image first",
      );
    }
    this.#entries.set(id, { id, content, prediction, state: "trying", tries: { left: tries, done: 0 } });
  }

  async remove(id: string): Promise<void> {
    if (this.booted === id) throw entryInUse(id, "it started the running system");
    const good = [...this.#entries.values()].filter(({ state }) => state === "good");
    if (good.length === 1 && good[0]?.id === id) throw entryInUse(id, "it is the only one known to work");
    this.#entries.delete(id);
    if (this.#preferred === id) this.#preferred = undefined;
    if (this.#next === id) this.#next = undefined;
  }

  async digestOf(id: string): Promise<string> {
    return createHash("sha256").update(this.#get(id).content).digest("hex");
  }

  async predictions(): Promise<readonly Uint8Array[]> {
    return this.#sorted().flatMap(({ prediction }) => prediction ?? []);
  }
}
