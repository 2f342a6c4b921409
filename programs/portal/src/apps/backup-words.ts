/** Backups in words. Pure. */
import { bytesInWords } from "../wording/bytes.ts";
import { agoInWords, untilInWords } from "../wording/time.ts";
import type { AppBackup, AppBackupsView, AppTrouble, RestoreDrill } from "./queries.ts";

/** How it is with the backups, in one line. */
export function backupsInWords(
  { state, lastAtMs, nextAtMs }: Pick<AppBackupsView, "state" | "lastAtMs" | "nextAtMs">,
  nowMs: number,
): string {
  const last = lastAtMs === undefined ? "No backup yet" : `Last backup ${agoInWords(lastAtMs, nowMs)}`;
  if (state === "saving") return `${last}, one is being made`;
  return nextAtMs === undefined ? last : `${last}, next ${untilInWords(nextAtMs, nowMs)}`;
}

/** Where it is, and how large. */
export function placeInWords({ place, sizeBytes }: Pick<AppBackup, "place" | "sizeBytes">): string {
  if (place === "device") return "only on this device";
  return sizeBytes === undefined || sizeBytes === 0 ? "in the network" : `in the network, ${bytesInWords(sizeBytes)}`;
}

/** What the last restore drill showed. */
export function drillInWords({ atMs, trouble, comparedBytes }: RestoreDrill, nowMs: number): string {
  const when = agoInWords(atMs, nowMs);
  if (trouble?.code === "drill-unproven") return `Tried ${when}. ${trouble.detail}`;
  if (trouble !== undefined) return `Tried ${when}: it did not work. ${trouble.detail}`;
  const what = comparedBytes === 0 ? "" : `, ${bytesInWords(comparedBytes)} compared`;
  return `Tried ${when}: a restored copy started and answered${what}.`;
}

/** Why a drill that is due has not been held. */
export function drillHeldUpInWords({ detail, nextStep }: AppTrouble): string {
  return `The next try by itself waits. ${detail} ${nextStep}`;
}
