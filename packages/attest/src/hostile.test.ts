import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@piccolo/fault";
import fc from "fast-check";
import { recordedBoot } from "../test-support/boot-logs.ts";
import { writePe } from "../test-support/pe-writer.ts";
import {
  authenticodeDigest,
  confirmedSecureBootEvents,
  decodeSignatureLists,
  decodeVariable,
  explainBoot,
  openSignedPrediction,
  parseEventLog,
  readSecureBoot,
  sectionsOfImage,
} from "./index.ts";

const recorded = recordedBoot("secure-boot");

/** Runs a decoder on bytes from outside: it answers, or it refuses with a fault. */
function decodes(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    assert.ok(isFault(error), String(error));
  }
}

const decoders: readonly ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => explainBoot({ log: parseEventLog(bytes), pcrs: recorded.pcrs }),
  (bytes) => confirmedSecureBootEvents(bytes, recorded.pcrs.get(7) ?? new Uint8Array(32)),
  authenticodeDigest,
  sectionsOfImage,
  decodeVariable,
  decodeSignatureLists,
  (bytes) => openSignedPrediction(bytes, []),
];

test("bytes of any kind are read or refused with a fault", () => {
  for (const decode of decoders) {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => decodes(decode, bytes)));
  }
});

test("a log cut off anywhere is refused, or is a log of fewer events", () => {
  const whole = parseEventLog(recorded.log).events.length;
  for (let length = 0; length < recorded.log.length; length += 7) {
    decodes((bytes) => assert.ok(parseEventLog(bytes).events.length < whole), recorded.log.subarray(0, length));
  }
});

test("no change of a byte of a log is believed: it is refused, does not fit the chip, or lies where nothing is measured", () => {
  const told = JSON.stringify(explainBoot({ log: parseEventLog(recorded.log), pcrs: recorded.pcrs }).steps);
  fc.assert(
    fc.property(fc.nat(recorded.log.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = new Uint8Array(recorded.log);
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      decodes((changed) => {
        const report = explainBoot({ log: parseEventLog(changed), pcrs: recorded.pcrs });
        assert.ok(report.verdict === "differs" || JSON.stringify(report.steps) === told);
      }, bytes);
    }),
    { numRuns: 400 },
  );
});

test("no change of a byte tells other keys of PCR 7 than the chip confirms", () => {
  const pcr7 = recorded.pcrs.get(7) ?? new Uint8Array(32);
  const toldBy = (log: Uint8Array): string | undefined => {
    const events = confirmedSecureBootEvents(log, pcr7);
    return events === undefined ? undefined : JSON.stringify(readSecureBoot(events));
  };
  const told = toldBy(recorded.log);
  assert.ok(told !== undefined);
  fc.assert(
    fc.property(fc.nat(recorded.log.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = new Uint8Array(recorded.log);
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      decodes((changed) => assert.ok([undefined, told].includes(toldBy(changed))), bytes);
    }),
    { numRuns: 400 },
  );
});

test("a program with any byte of its header changed is read or refused with a fault", () => {
  const file = writePe([{ name: ".linux", content: new Uint8Array(700) }]);
  fc.assert(
    fc.property(fc.nat(511), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = new Uint8Array(file);
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      decodes(authenticodeDigest, bytes);
      decodes(sectionsOfImage, bytes);
    }),
  );
});
