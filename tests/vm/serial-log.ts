/** What a machine writes on a serial line, watched while it grows. */
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const lookEveryMs = 200;
// Colours, cursor movements, and the progress bars that overwrite themselves.
// oxlint-disable-next-line no-control-regex
const controls = /\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\r|\x1bM/g;

export class SerialLog {
  readonly path: string;
  #read = 0;
  #text = "";

  constructor(path: string) {
    this.path = path;
  }

  /** All that was written so far, without what only moves a cursor. */
  get text(): string {
    if (!existsSync(this.path)) return this.#text;
    const file = openSync(this.path, "r");
    try {
      const buffer = Buffer.alloc(1 << 16);
      for (;;) {
        const length = readSync(file, buffer, 0, buffer.length, this.#read);
        if (length === 0) break;
        this.#read += length;
        this.#text += buffer.toString("latin1", 0, length).replaceAll(controls, "");
      }
    } finally {
      closeSync(file);
    }
    return this.#text;
  }

  /** Resolves with the first match in what is written from `from` on; rejects when `signal` aborts. */
  async match(pattern: RegExp, signal: AbortSignal, from = 0): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text.slice(from));
      if (found !== null) return found;
      await delay(lookEveryMs, undefined, { signal });
    }
  }

  get tail(): string {
    return this.text.split("\n").slice(-12).join("\n");
  }
}
