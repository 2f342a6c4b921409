/** Why this start of the machine keeps its volume closed, for a daemon that is started again in it. */
import { z } from "zod";
import type { FirstReason, Reason } from "../security/boot.ts";
import { StartFile } from "./start-file.ts";

const Shape = z.object({ code: z.string().max(64), detail: z.string().max(1_000) });

export class ReasonFile implements FirstReason {
  readonly #file: StartFile;

  constructor(path: string) {
    this.#file = new StartFile(path);
  }

  read(): Reason | undefined {
    const text = this.#file.read();
    if (text === undefined) return undefined;
    try {
      return Shape.parse(JSON.parse(text));
    } catch {
      // Without it less is said, and nothing else depends on it.
      return undefined;
    }
  }

  keep(reason: Reason): void {
    this.#file.write(JSON.stringify(reason));
  }

  forget(): void {
    this.#file.forget();
  }
}
