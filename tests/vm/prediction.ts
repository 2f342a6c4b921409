/** What a boot image will have measured, worked out from its bytes alone. */
import { readFileSync } from "node:fs";
import { afterPhases, bootPhases, pcr11Of, sectionsOfImage } from "@piccolo/attest";
import type { ReleaseImage } from "@piccolo/release";

/** PCR 11 once the system is up, in hexadecimal. */
export function predictedPcr11(image: ReleaseImage): string {
  const atStart = pcr11Of(sectionsOfImage(readFileSync(image.uki)));
  return Buffer.from(afterPhases(atStart, bootPhases)).toString("hex");
}
