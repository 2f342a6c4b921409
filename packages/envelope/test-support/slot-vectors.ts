import { listCases, lockedFekCases, metadataCases, proofCases, rotationCases, wrapCases } from "./epoch-cases.ts";
import { keepingCases, passwordSlotCases, phraseCases, phraseSlotCases } from "./slot-cases.ts";
import type { AddCase, SlotVector } from "./slot-vector.ts";

async function build(): Promise<Record<string, SlotVector>> {
  const vectors: Record<string, SlotVector> = {};
  const add: AddCase = (name, rule, about, operation) => {
    vectors[name] = { spec: "slots/1", rule, about, ...operation };
  };
  phraseCases(add);
  await passwordSlotCases(add);
  phraseSlotCases(add);
  keepingCases(add);
  listCases(add);
  wrapCases(add);
  rotationCases(add);
  lockedFekCases(add);
  metadataCases(add);
  proofCases(add);
  return vectors;
}

/** The vectors of vectors/slots by file name. */
export const slotVectors = await build();
