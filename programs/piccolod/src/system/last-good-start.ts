/** How the last start of a release that was found good ended: what a release on probation is held against. */
import { fromUtf8, toUtf8 } from "@piccolo/bytes";
import { z } from "zod";
import type { DurableFolder } from "../adapters/state-folder.ts";
import type { StartOutcome } from "./probation.ts";

export const lastGoodStartFile = "last-good-start";
const bytesMax = 4_096;

/** Absent in what earlier releases left. */
const hadWayOut = z.boolean().optional();

const Kept = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("open"), hadWayOut }),
  z.strictObject({
    state: z.literal("closed"),
    codes: z.array(z.string().regex(/^[a-z0-9-]{1,64}$/)).max(8),
    hadWayOut,
  }),
]);

/**
 * Lies outside the volume, where it is there in a start that cannot open it. Nobody proves it: whoever changes it may have a release
 * blessed or given up that the other would befall, and gets no further than by taking the power away.
 */
export class LastGoodStart {
  readonly #folder: DurableFolder;

  constructor(folder: DurableFolder) {
    this.#folder = folder;
  }

  read(): StartOutcome | undefined {
    try {
      const content = this.#folder.read(lastGoodStartFile, bytesMax);
      return content === undefined ? undefined : Kept.parse(JSON.parse(fromUtf8(content)));
    } catch {
      return undefined;
    }
  }

  /** Written where it says something new only. */
  write(outcome: StartOutcome): void {
    const text = JSON.stringify(outcome);
    if (JSON.stringify(this.read()) !== text) this.#folder.write(lastGoodStartFile, toUtf8(text));
  }
}
