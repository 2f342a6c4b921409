/** The attached screens: what stands there can be read and not answered. */
import { closeSync, constants, openSync, writeSync } from "node:fs";

/** Clears the screen and writes the lines; a screen that is not there is none. */
export function showOnScreens(paths: readonly string[], lines: readonly string[]): void {
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
