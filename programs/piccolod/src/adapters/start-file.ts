/** A text that is kept in memory for as long as the machine is on, for a daemon that is started again in the same start of it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Whoever keeps something here goes on without it: what the file refuses is passed over. */
export class StartFile {
  readonly #path: string;

  /** In memory, where the service manager keeps what belongs to a start, and nobody who had the disk before can have put anything. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where there is none. */
  read(): string | undefined {
    return passingOver(() => readFileSync(this.#path, "utf8"));
  }

  write(text: string): void {
    passingOver(() => {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(this.#path, text, { mode: 0o600 });
    });
  }

  forget(): void {
    passingOver(() => rmSync(this.#path, { force: true }));
  }
}

function passingOver<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
