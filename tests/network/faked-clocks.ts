/** Devices whose wall clocks are what a test says; their timers are real. */
import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Device } from "@piccolo/devnet";

const main = resolve(import.meta.dirname, "../../programs/piccolod/src/main.ts");

/** The wall clock of what runs under these settings is off by what the file says, read anew each second; timers are real. */
export function clockSettings(offsetFile: string): Record<string, string> {
  return {
    // The dynamic linker puts the machine's library folder in the place of $LIB.
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1",
    FAKETIME_TIMESTAMP_FILE: offsetFile,
    FAKETIME_CACHE_DURATION: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

/** The clocks of the devices of a network that lies below a folder of the test's. */
export class FakedClocks {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** By how much the device's clock is off, as libfaketime reads it: "+0", "-2h", "+73y". */
  set({ number }: Pick<Device, "number">, offset: string): void {
    writeFileSync(join(this.#folder, `network/device${number}.clock`), `${offset}\n`);
  }

  /** Starts piccolod with the clock of its device; each device finds its own by its state folder, the first argument. */
  executable(): string {
    const path = join(this.#folder, "piccolod-with-clock");
    const settings = Object.entries(clockSettings("$2.clock")).map(([name, value]) =>
      name === "FAKETIME_TIMESTAMP_FILE" ? `export ${name}="${value}"` : `export ${name}='${value}'`,
    );
    writeFileSync(path, ["#!/bin/sh", ...settings, `exec '${process.execPath}' '${main}' "$@"`, ""].join("\n"));
    chmodSync(path, 0o700);
    return path;
  }
}
