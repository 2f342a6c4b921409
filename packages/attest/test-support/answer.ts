import { fromHex, toHex, toUtf8 } from "@piccolo/bytes";
import {
  afterPhases,
  authenticodeDigest,
  bootPhases,
  confirmedSecureBootEvents,
  decodePrediction,
  explainBoot,
  openSignedPrediction,
  parseEventLog,
  pcr11Of,
  predictPcr15,
  readSecureBoot,
  replay,
  sectionsOfImage,
  volumeMeasurement,
} from "../src/index.ts";
import { recordedBoot } from "./boot-logs.ts";
import { applySplice } from "./log-writer.ts";
import type { LogInput, Operation } from "./vector.ts";

function logOf({ log, splice }: LogInput): Uint8Array {
  const recorded = recordedBoot(log).log;
  return splice === undefined ? recorded : applySplice(recorded, splice);
}

/** What this implementation answers to a vector, in the form of its `expect`. */
export function answer(vector: Operation): unknown {
  switch (vector.operation) {
    case "replay": {
      const log = parseEventLog(logOf(vector.input));
      const pcrs = Object.fromEntries([...replay(log, "sha256")].map(([pcr, value]) => [pcr, toHex(value)]));
      return { locality: log.startupLocality, pcrs };
    }
    case "explain": {
      const { log: name, pcrs: changed = {}, predicted, volume, pcr7 } = vector.input;
      const recorded = recordedBoot(name);
      const pcrs = new Map(recorded.pcrs);
      for (const [pcr, value] of Object.entries(changed)) pcrs.set(Number(pcr), fromHex(value));
      const prediction = predicted
        ? decodePrediction(
            toUtf8(JSON.stringify(pcr7 === undefined ? recorded.prediction : { ...recorded.prediction, pcr7 })),
          )
        : undefined;
      const report = explainBoot(
        { log: parseEventLog(logOf(vector.input)), pcrs },
        prediction,
        volume === undefined ? undefined : fromHex(volume),
      );
      return {
        verdict: report.verdict,
        secureBoot: report.secureBoot.enabled,
        signers: report.secureBoot.authorities.map(({ fingerprint }) => fingerprint ?? null),
        unexpected: {
          steps: report.steps
            .filter(({ finding }) => finding === "unexpected")
            .map(({ code, title }) => `${code}: ${title}`),
          pcrs: report.pcrs.filter(({ finding }) => finding === "unexpected").map(({ pcr }) => pcr),
        },
      };
    }
    case "secure-boot": {
      const { log: name, pcr7 } = vector.input;
      const value = pcr7 === undefined ? recordedBoot(name).pcrs.get(7) : fromHex(pcr7);
      const events = confirmedSecureBootEvents(logOf(vector.input), value ?? new Uint8Array(0));
      if (events === undefined) return { confirmed: false };
      const { enabled, weakened, authorities } = readSecureBoot(events);
      const signers = authorities.map(({ fingerprint }) => fingerprint ?? null);
      return { confirmed: true, enabled, weakened, signers };
    }
    case "image": {
      const file = fromHex(vector.input.file);
      const sections = sectionsOfImage(file);
      const value = pcr11Of(sections);
      const phases = [0, 1, 2, 3, 4].map((count) => bootPhases.slice(0, count));
      return {
        authenticode: toHex(authenticodeDigest(file)),
        sections: sections.map(({ name }) => name),
        pcr11: Object.fromEntries(phases.map((path) => [path.join(":"), toHex(afterPhases(value, path))])),
      };
    }
    case "volume": {
      const { identity: hex } = vector.input;
      const identity = hex === undefined ? undefined : fromHex(hex);
      return { measurement: toHex(volumeMeasurement(identity)), pcr15: predictPcr15(identity).map(toHex) };
    }
    case "program":
      return { authenticode: toHex(authenticodeDigest(fromHex(vector.input.file))) };
    case "prediction": {
      const { version, number } = openSignedPrediction(fromHex(vector.input.file), vector.input.trusted);
      return { version, number };
    }
    default:
      throw new Error("a vector of an unknown operation");
  }
}
