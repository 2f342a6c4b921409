/**
 * The generation of what is sealed, in a counter of the TPM's memory: a blob opens while the counter is not above its
 * own. A counter, because nobody can turn it back: one that is removed and made anew, as whoever owns the TPM can, starts
 * above every earlier value, and then nothing that was sealed before opens (docs/adr/0011-seal-generation.md).
 */
import { type Session, type Tpm } from "@piccolo/tpm2";
import { NumberIndex } from "./number-index.ts";

export const sealGeneration = new NumberIndex({ handle: 0x0180_9c02, kind: "counter", what: "the seals' generation" });

/** Makes the counter where it is absent, and starts it. A power cut in between is caught up. */
export async function ensureSealGeneration(tpm: Tpm, session: Session): Promise<number> {
  const isWritten = await sealGeneration.ensureDefined(tpm, session);
  if (!isWritten) await sealGeneration.increment(tpm, session, true);
  return sealGeneration.read(tpm, session);
}
