/** Decides what is said of a boot from what firmware, kernel, chip and release say. */
import {
  type BootPrediction,
  type BootReport,
  explainBoot,
  type MeasuredSection,
  measuredPolicyKey,
  openSignedPrediction,
  parseEventLog,
  sectionsOfLog,
} from "@piccolo/attest";
import type { BootView } from "@piccolo/device-api";
import { isFault } from "@piccolo/fault";
import type { FoundBoot } from "./boot-state.ts";
import type { TrustedKeys } from "./trusted-keys.ts";

export interface BootQuestion {
  readonly found: FoundBoot;
  /** The chip's, by number; empty where there is no chip. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** The running release, as the authenticated system says; undefined on a system that is no release. */
  readonly release:
    | { readonly version: string; readonly number: number; readonly keys: Readonly<Record<string, string>> }
    | undefined;
  /** Signed predictions as they were found, of any release. */
  readonly predictions: readonly Uint8Array[];
  readonly trustedKeys: TrustedKeys;
  /** The public identity of the volume that is open; undefined while none is. */
  readonly volume: Uint8Array | undefined;
}

type Keys = BootView["keys"];

const sentences: Readonly<Record<Exclude<BootView["state"], "unreadable" | "not-measured">, string>> = {
  "as-released": "The device started exactly what its release says, and the security chip confirms it.",
  differs:
    "The device did not start what its release says, or not in the way it should. The steps in question are marked.",
  "not-predicted":
    "The security chip confirms what was started. No prediction of the running release was found to hold it against.",
};

/** The prediction of the running release. Those of others, and what no key of this release has signed, are left out. */
function predictionOf({ release, predictions }: BootQuestion): BootPrediction | undefined {
  const key = release?.keys["metadata"];
  if (release === undefined || key === undefined) return undefined;
  for (const file of predictions) {
    try {
      const prediction = openSignedPrediction(file, [key]);
      if (prediction.number === release.number && prediction.version === release.version) return prediction;
    } catch (error) {
      if (!isFault(error)) throw error;
    }
  }
  return undefined;
}

/** Keys count as far as the chip confirms the PCR they were measured into. */
function keysOf(question: BootQuestion, report: BootReport, sections: readonly MeasuredSection[]): Keys {
  const isConfirmed = (wanted: number): boolean =>
    report.pcrs.some(({ pcr, measured, fromLog }) => pcr === wanted && measured === fromLog);
  const measured: Keys["measured"] = [];
  const unnamed = isConfirmed(7) && report.secureBoot.authorities.some(({ fingerprint }) => fingerprint === undefined);
  if (isConfirmed(7)) {
    for (const { fingerprint } of report.secureBoot.authorities) {
      if (fingerprint !== undefined) measured.push({ role: "db", fingerprint });
    }
  }
  const { pcrKey: pem } = question.found;
  const pcrKey = isConfirmed(11) && pem !== undefined ? measuredPolicyKey(sections, pem) : undefined;
  if (pcrKey !== undefined) measured.push({ role: "pcr", fingerprint: pcrKey });
  const areKnown = measured.every(({ role, fingerprint }) => question.trustedKeys[role].has(fingerprint));
  // Trust takes a key of each role; a single foreign one is enough to lose it.
  const isWhole = measured.some(({ role }) => role === "db") && pcrKey !== undefined && report.secureBoot.enabled;
  if (!areKnown || unnamed) return { trust: "development", measured };
  return { trust: isWhole ? "trusted" : "unknown", measured };
}

function secureBootOf(found: FoundBoot): BootView["secureBoot"] {
  if (found.setupMode === true) return "set-up";
  if (found.secureBoot === undefined) return found.firmware === "bios" ? "off" : "unknown";
  return found.secureBoot ? "on" : "off";
}

export function decideBootView(question: BootQuestion): BootView {
  const { found, pcrs, release } = question;
  const base = {
    secureBoot: secureBootOf(found),
    ...(release === undefined ? {} : { release: { version: release.version, number: release.number } }),
  };
  const nothing = { ...base, keys: { trust: "unknown" as const, measured: [] }, steps: [], pcrs: [] };
  const notMeasured = (detail: string): BootView => ({ state: "not-measured", detail, ...nothing });
  if (found.log === undefined || found.log.length === 0) {
    const why =
      found.firmware === "bios"
        ? "the system was not started by UEFI firmware"
        : "the firmware kept no log, or has no security chip";
    return notMeasured(`The boot was not measured: ${why}. Nothing confirms which system runs.`);
  }
  if (pcrs.size === 0)
    return notMeasured("The boot was not measured: there is no security chip that would confirm it.");
  try {
    const log = parseEventLog(found.log);
    const sections = sectionsOfLog(log);
    const report = explainBoot({ log, pcrs }, predictionOf(question), question.volume);
    const isConfirmed = report.pcrs.some(({ pcr, measured, fromLog }) => pcr === 7 && measured === fromLog);
    return {
      state: report.verdict,
      detail: sentences[report.verdict],
      ...base,
      ...(isConfirmed
        ? { secureBoot: report.secureBoot.enabled ? "on" : base.secureBoot === "set-up" ? "set-up" : "off" }
        : {}),
      keys: keysOf(question, report, sections),
      steps: report.steps.map((step) => ({ ...step })),
      pcrs: report.pcrs.map(({ fromLog, predicted, ...pcr }) => ({
        ...pcr,
        ...(fromLog === undefined ? {} : { fromLog }),
        ...(predicted === undefined ? {} : { predicted }),
      })),
    };
  } catch (error) {
    if (!isFault(error)) throw error;
    if (error.code === "boot-not-measured") {
      return notMeasured(
        `The boot was not measured as a release's is: ${error.message}. Nothing confirms which system runs.`,
      );
    }
    const detail = `The boot log cannot be believed: ${error.message}.`;
    return { state: "unreadable", detail, ...nothing };
  }
}
