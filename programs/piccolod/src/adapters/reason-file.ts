/** Why this start of the machine keeps its volume closed, for a daemon that is started again in it; gone with the start. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { FirstReason, Reason } from "../security/boot.ts";

const Shape = z.object({ code: z.string().max(64), detail: z.string().max(1_000) });

export class ReasonFile implements FirstReason {
  readonly #path: string;

  /** In memory, where the service manager keeps what belongs to a start. */
  constructor(path: string) {
    this.#path = path;
  }

  read(): Reason | undefined {
    try {
      return Shape.parse(JSON.parse(readFileSync(this.#path, "utf8")));
    } catch {
      // Without it less is said, and nothing else depends on it.
      return undefined;
    }
  }

  keep(reason: Reason): void {
    this.#try(() => writeFileSync(this.#path, JSON.stringify(reason), { mode: 0o600 }));
  }

  forget(): void {
    this.#try(() => rmSync(this.#path, { force: true }));
  }

  #try(work: () => void): void {
    try {
      work();
    } catch {
      // The same.
    }
  }
}
