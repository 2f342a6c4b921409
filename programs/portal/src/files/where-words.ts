/** Where a file lives, in the order a person wants to know it. */
import type { Placement } from "../api/queries.ts";
import { bytesInWords } from "../wording/bytes.ts";
import { devicesInWords, lossesInWords } from "../wording/durability.ts";

export interface WhereInWords {
  readonly tone: "calm" | "warn" | "danger";
  readonly lead: string;
  /** A second sentence, or nothing. */
  readonly more: string | undefined;
}

export const holdersOf = (placement: Placement): Placement["holders"] =>
  placement.holders.filter(({ fragments }) => fragments > 0);

export function whereInWords(placement: Placement, reason: string): WhereInWords {
  const holders = holdersOf(placement).length;
  if (placement.sizeBytes === 0)
    return { tone: "calm", lead: "This file is empty, so there is nothing to store.", more: undefined };
  if (!placement.readableNow) {
    const missing = Math.max(1, placement.missingNow);
    return {
      tone: "danger",
      lead: `It cannot be opened right now: ${devicesInWords(missing)} must come back online first.`,
      more: `It is not lost. It is stored on ${devicesInWords(holders)}.`,
    };
  }
  if (placement.pendingBytes > 0) {
    const whole = placement.pendingBytes >= placement.sizeBytes || holders === 0;
    const later = `${whole ? "It is" : "They are"} handed on as soon as enough devices take ${whole ? "it" : "them"}.`;
    return {
      tone: "warn",
      lead: whole
        ? "Only on this device so far."
        : `${bytesInWords(placement.pendingBytes)} of it are only on this device so far.`,
      more: reason === "" ? later : `${reason} ${later}`,
    };
  }
  if (placement.survives <= 0)
    return {
      tone: "warn",
      lead: `Stored on ${devicesInWords(holders)}.`,
      more: `${lossesInWords(placement.survives)} Missing copies are made again when devices come back.`,
    };
  return {
    tone: "calm",
    lead: `Stored on ${devicesInWords(holders)}. ${lossesInWords(placement.survives).replace(" of them", "")}`,
    more: undefined,
  };
}
