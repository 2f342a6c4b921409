import { z } from "zod";
import { fromUtf8, toUtf8 } from "@piccolo/bytes";
import type { DurableFolder } from "../adapters/state-folder.ts";
import type { Staleness } from "./types.ts";

const fileName = "recovery-stale";
const StalenessFile = z.strictObject({
  format: z.literal(1),
  answered: z.int().min(0),
  needed: z.int().min(0),
  newestAtMs: z.number().nullable(),
});

/** Whether what was recovered may be stale, over restarts; it lies on the volume. */
export class StalenessStore {
  readonly #folder: DurableFolder;

  constructor(folder: DurableFolder) {
    this.#folder = folder;
  }

  /** A file that cannot be read says that something is not settled, and no more. */
  read(): Staleness | undefined {
    const bytes = this.#folder.read(fileName);
    if (bytes === undefined) return undefined;
    try {
      const { answered, needed, newestAtMs } = StalenessFile.parse(JSON.parse(fromUtf8(bytes)));
      return { answered, needed, newestAtMs };
    } catch {
      return { answered: 0, needed: 1, newestAtMs: null };
    }
  }

  write(staleness: Staleness | undefined): void {
    if (staleness === undefined) {
      this.#folder.remove(fileName);
      return;
    }
    const file: z.input<typeof StalenessFile> = { format: 1, ...staleness };
    this.#folder.write(fileName, toUtf8(`${JSON.stringify(file)}\n`));
  }
}
