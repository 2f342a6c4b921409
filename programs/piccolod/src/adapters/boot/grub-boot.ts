import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isFault } from "@piccolo/fault";
import {
  type BootChoice,
  type BootControl,
  bootControlFaults,
  type BootEntry,
  unknownEntry,
} from "../../system/boot-control.ts";
import { decodeGrubEnvironment, encodeGrubEnvironment, environmentBytes } from "./grub-environment.ts";

/** How often a new deployment is started before the boot script goes back; greenboot's own number. */
const triesAtFirst = 3;

/**
 * GRUB with the boot counting of greenboot's script (`boot_counter`, `boot_success`) and the entries OSTree writes, on systems that
 * are installed in phase 1. Held by contract tests against that script as it is written; never run on a Fedora CoreOS yet.
 */
export class GrubBoot implements BootControl {
  readonly #folder: string;
  readonly #commandLine: () => string;

  /** `folder` is `/boot`, with `loader/entries` and `grub2/grubenv`; `commandLine` gives the running kernel's. */
  constructor(folder: string, commandLine: () => string) {
    this.#folder = folder;
    this.#commandLine = commandLine;
  }

  async choice(): Promise<BootChoice> {
    const variables = this.#read();
    const found = this.#entries();
    const left = Number(variables.get("boot_counter") ?? Number.NaN);
    const isCounted = !Number.isNaN(left) && variables.get("boot_success") !== "1";
    const entries = found.map(({ id }, at): BootEntry => {
      if (at > 0 || !isCounted) return { id, state: "good", tries: undefined };
      const tries = { left: Math.max(0, left), done: triesAtFirst - Math.max(0, left) };
      return { id, state: left > 0 ? "trying" : "bad", tries };
    });
    const known = (name: string): string | undefined => found.find(({ id }) => id === variables.get(name))?.id;
    const running = /(?:^|\s)ostree=(\S+)/.exec(this.#commandLine())?.[1];
    const booted = found.find(({ ostree }) => running !== undefined && ostree === running)?.id;
    return { entries, booted, preferred: known("saved_entry"), next: known("next_entry") };
  }

  async bless(id: string): Promise<void> {
    const at = this.#find(id);
    // Only the newest is ever counted.
    if (at > 0) return;
    this.#change((variables) => {
      variables.delete("boot_counter");
      variables.set("boot_success", "1");
    });
  }

  async prefer(id: string | undefined): Promise<void> {
    if (id !== undefined) this.#find(id);
    this.#change((variables) =>
      id === undefined ? variables.delete("saved_entry") : variables.set("saved_entry", id),
    );
  }

  async once(id: string): Promise<void> {
    this.#find(id);
    this.#change((variables) => variables.set("next_entry", id));
  }

  #find(id: string): number {
    const at = this.#entries().findIndex((entry) => entry.id === id);
    if (at < 0) throw unknownEntry(id);
    return at;
  }

  /** Newest first, as their `version` says (Boot Loader Specification, type 1). */
  #entries(): { readonly id: string; readonly version: number; readonly ostree: string | undefined }[] {
    return this.#understood(() => {
      const folder = join(this.#folder, "loader/entries");
      return readdirSync(folder)
        .filter((name) => /^ostree-[\w.-]+\.conf$/.test(name))
        .map((name) => {
          const text = readFileSync(join(folder, name), "utf8");
          const version = Number(/^version\s+(\d+)\s*$/m.exec(text)?.[1] ?? 0);
          const ostree = /^options\s.*?\bostree=(\S+)/m.exec(text)?.[1];
          return { id: name.slice(0, -".conf".length), version, ostree };
        })
        .sort((a, b) => b.version - a.version);
    });
  }

  #read(): Map<string, string> {
    return this.#understood(() => new Map(decodeGrubEnvironment(readFileSync(this.#path))));
  }

  get #path(): string {
    return join(this.#folder, "grub2/grubenv");
  }

  /** In place and in one write: GRUB writes to the blocks it finds the file in, and does so itself at each start. */
  #change(change: (variables: Map<string, string>) => unknown): void {
    const variables = this.#read();
    change(variables);
    this.#understood(() => {
      const block = encodeGrubEnvironment(variables);
      const file = openSync(this.#path, "r+");
      try {
        writeSync(file, block, 0, environmentBytes, 0);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
  }

  #understood<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (cause) {
      const isOurs = isFault(cause, "malformed") || (cause instanceof Error && "errno" in cause);
      if (!isOurs) throw cause;
      const message = "the boot loader's files cannot be read or written: restart the device";
      throw bootControlFaults.fault("boot-partition-unreadable", message, { cause });
    }
  }
}
