/** The attached screens: what stands there can be read and not answered. */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import type { World } from "@piccolo/world";
import { hasWayOut } from "./own-addresses.ts";

const lookEveryMs = 2_000;
const noNetwork = [
  "",
  "The device has no network: connect it to your router by a cable.",
  "As soon as it has one, this line goes away by itself.",
];

export interface ScreensOptions {
  readonly paths: readonly string[];
  readonly world: World;
  /** Whether anybody on a network could reach the device. */
  readonly hasNetwork?: () => boolean;
}

/** Shows the lines, and below them what stands in the way of the network, for as long as it does. */
export class Screens {
  readonly #options: ScreensOptions;
  readonly #stop = new AbortController();
  #lines: readonly string[] = [];
  #hadNetwork: boolean | undefined;
  #watching: Promise<void> | undefined;

  constructor(options: ScreensOptions) {
    this.#options = options;
  }

  show(lines: readonly string[]): void {
    this.#lines = lines;
    this.#write();
    this.#watching ??= this.#watch();
  }

  #write(): void {
    this.#hadNetwork = (this.#options.hasNetwork ?? hasWayOut)();
    const lines = this.#hadNetwork ? this.#lines : [...this.#lines, ...noNetwork];
    showOnScreens(this.#options.paths, lines);
  }

  async #watch(): Promise<void> {
    const { world, hasNetwork = hasWayOut } = this.#options;
    for (;;) {
      await world.sleep(lookEveryMs, this.#stop.signal).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      if (hasNetwork() !== this.#hadNetwork) this.#write();
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }
}

/** Clears the screen and writes the lines; a screen that is not there is none. */
function showOnScreens(paths: readonly string[], lines: readonly string[]): void {
  const text = `\u{1b}[2J\u{1b}[H\r\n${lines.map((line) => `  ${line}\r\n`).join("")}\r\n`;
  for (const path of paths) {
    try {
      const screen = openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
      try {
        writeSync(screen, text);
      } finally {
        closeSync(screen);
      }
    } catch {
      // A machine without this screen shows it on another, or on none.
    }
  }
}
