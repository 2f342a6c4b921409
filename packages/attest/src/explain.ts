/** A boot told step by step: what was measured, and whether it is what the release says. */
import { equalConstantTime, toHex } from "@piccolo/bytes";
import { type LogEvent, textOf } from "./event-log.ts";
import { judgeEnrolledKeys } from "./enrolled-keys.ts";
import type { MeasuredBoot } from "./evidence.ts";
import { fromUtf16 } from "./little-endian.ts";
import { predictPcr15, volumePcr } from "./opened-volume.ts";
import type { BootPrediction } from "./prediction.ts";
import { replay } from "./replay.ts";
import { readSecureBoot, type SecureBoot } from "./secure-boot.ts";
import { predictPcr4, startedPrograms } from "./started-programs.ts";
import { bootPhases, type MeasuredSection, pcr11Of, phasesBetween, sectionsOfLog } from "./system-image.ts";

/** `expected`: what the release says. `unexpected`: something else. `unknown`: the release says nothing of it. */
export type Finding = "expected" | "unexpected" | "unknown";

export type StepCode =
  | "firmware"
  | "secure-boot"
  | "weakened"
  | "signer"
  | "boot-loader"
  | "system-image"
  | "section"
  | "additions"
  | "phases";

export interface BootStep {
  readonly code: StepCode;
  readonly pcr: number;
  readonly title: string;
  /** One sentence for the owner. */
  readonly detail: string;
  /** Hexadecimal; a fingerprint for `signer`. */
  readonly digest?: string;
  readonly finding: Finding;
}

export interface PcrFinding {
  readonly pcr: number;
  readonly use: string;
  readonly measured: string;
  /** What the log leads to; undefined where no log of ours speaks of it. */
  readonly fromLog: string | undefined;
  readonly predicted: string | undefined;
  readonly finding: Finding;
}

export interface BootReport {
  /** `not-predicted`: the log fits the chip, and there is no prediction to hold it against. */
  readonly verdict: "as-released" | "differs" | "not-predicted";
  readonly secureBoot: SecureBoot;
  readonly steps: readonly BootStep[];
  readonly pcrs: readonly PcrFinding[];
}

const uses: Readonly<Record<number, string>> = {
  0: "firmware",
  1: "firmware settings",
  2: "firmware of extension cards",
  3: "settings of extension cards",
  4: "programs started by the firmware",
  5: "partition table and boot settings",
  6: "notes of the maker",
  7: "Secure Boot",
  8: "commands of the boot loader",
  9: "what the kernel was given",
  10: "the kernel's own list",
  11: "system image and steps of the boot",
  12: "settings added to the system image",
  13: "extensions added to the system image",
  14: "keys added to the boot loader",
  15: "the sealed volume",
};

const sectionNames: Readonly<Record<string, string>> = {
  ".linux": "Kernel",
  ".osrel": "Name and version of the system",
  ".cmdline": "Settings of the kernel, with the system's commit",
  ".initrd": "First programs of the system",
  ".ucode": "Corrections for the processor",
  ".splash": "Start picture",
  ".dtb": "Description of the hardware",
  ".uname": "Version of the kernel",
  ".sbat": "Generation of the boot code",
  ".pcrpkey": "Key that seals the volume",
};

const findingOf = (isExpected: boolean | undefined): Finding =>
  isExpected === undefined ? "unknown" : isExpected ? "expected" : "unexpected";

function firmwareStep(events: readonly LogEvent[]): BootStep {
  const version = events.find(({ pcr, type }) => pcr === 0 && type === "crtmVersion");
  const name = version === undefined ? "" : versionText(version.data);
  return {
    code: "firmware",
    pcr: 0,
    title: "The firmware started",
    detail: name === "" ? "It does not say its version." : `It calls itself ${name}.`,
    finding: "unknown",
  };
}

/** Makers write it in UTF-16 or plain; what is neither is shown as nothing. */
function versionText(data: Uint8Array): string {
  const isWide = data.length % 2 === 0 && data.length > 0 && data[1] === 0;
  try {
    const end = data.at(-1) === 0 && data.at(-2) === 0 ? data.length - 2 : data.length;
    const text = isWide ? fromUtf16(data.subarray(0, end)) : textOf(data);
    return /^[ -~]{1,80}$/.test(text) ? text.trim() : "";
  } catch {
    return "";
  }
}

function secureBootSteps(state: SecureBoot, prediction: BootPrediction | undefined): BootStep[] {
  return [
    {
      code: "secure-boot",
      pcr: 7,
      title: state.enabled ? "Secure Boot is on" : "Secure Boot is off",
      detail: state.enabled
        ? "The firmware starts only programs that are signed by a key it knows."
        : "The firmware starts any program, whoever made it. Switch Secure Boot on in the firmware set-up.",
      finding: findingOf(state.enabled),
    },
    ...state.weakened.map((text): BootStep => ({
      code: "weakened",
      pcr: 7,
      title: "The firmware runs with a protection switched off",
      detail: `It says: ${text}.`,
      finding: "unexpected",
    })),
    ...state.authorities.map(({ list, fingerprint }): BootStep => {
      const isReleased = fingerprint !== undefined && prediction?.signers.includes(fingerprint);
      return {
        code: "signer",
        pcr: 7,
        title: "A key vouched for what started",
        detail: fingerprint === undefined ? `It is named in ${list} and is no certificate.` : `It is named in ${list}.`,
        ...(fingerprint === undefined ? {} : { digest: fingerprint }),
        finding: prediction === undefined ? "unknown" : findingOf(isReleased),
      };
    }),
  ];
}

const keyListTitles = {
  "as-enrolled": "The firmware's lists of keys are the release's",
  "own-events": "The firmware has the release's keys, and settings of its own",
  others: "The firmware has other keys than the release",
} as const;
const keyListDetails = {
  "as-enrolled": "They are what the release's installer enrols, and nothing else.",
  "own-events": "What this firmware measures besides the keys, nobody can predict.",
  others:
    "They are not what the release's installer enrols: somebody changed them, or they were enrolled in another way.",
} as const;

/** Nothing where the release does not say which values PCR 7 has. */
function keyListSteps(lists: keyof typeof keyListTitles | undefined): BootStep[] {
  if (lists === undefined) return [];
  const finding = findingOf(lists === "own-events" ? undefined : lists === "as-enrolled");
  return [{ code: "secure-boot", pcr: 7, title: keyListTitles[lists], detail: keyListDetails[lists], finding }];
}

function programSteps(
  programs: readonly Uint8Array[],
  prediction: BootPrediction | undefined,
): { readonly steps: readonly BootStep[]; readonly areReleased: boolean | undefined } {
  const expected = prediction === undefined ? [] : [...prediction.programs, prediction.kernel];
  const titles = ["The boot loader was started", "The system image was started", "The kernel was started"];
  const steps = programs.map((digest, at): BootStep => {
    const isReleased =
      prediction === undefined ? undefined : at < 3 && equalConstantTime(digest, expected[at] ?? new Uint8Array(32));
    return {
      code: at === 0 ? "boot-loader" : "system-image",
      pcr: 4,
      title: titles[at] ?? "Another program was started",
      detail:
        isReleased === undefined
          ? "There is no prediction to hold it against."
          : isReleased
            ? "It is the release's."
            : "It is not the release's: something else was started.",
      digest: toHex(digest),
      finding: findingOf(isReleased),
    };
  });
  // One that is missing is as wrong as one too many.
  const areReleased =
    prediction === undefined ? undefined : programs.length >= 2 && steps.every(({ finding }) => finding === "expected");
  return { steps, areReleased };
}

function sectionSteps(sections: readonly MeasuredSection[], prediction: BootPrediction | undefined): BootStep[] {
  const released = new Map(prediction?.sections.map(({ name, digest }) => [name, digest]));
  const steps = sections.map(({ name, digest }): BootStep => {
    const expected = released.get(name);
    released.delete(name);
    const isReleased =
      prediction === undefined ? undefined : expected !== undefined && equalConstantTime(digest, expected);
    return {
      code: "section",
      pcr: 11,
      title: sectionNames[name] ?? name,
      detail:
        isReleased === undefined
          ? `Part ${name} of the system image.`
          : isReleased
            ? `Part ${name} of the system image is the release's.`
            : `Part ${name} of the system image is not the release's.`,
      digest: toHex(digest),
      finding: findingOf(isReleased),
    };
  });
  const missing = [...released.keys()].map((name): BootStep => ({
    code: "section",
    pcr: 11,
    title: sectionNames[name] ?? name,
    detail: `Part ${name} of the release's system image was not measured.`,
    finding: "unexpected",
  }));
  return [...steps, ...missing];
}

const isZero = (value: Uint8Array | undefined): boolean => value?.every((byte) => byte === 0) ?? false;

function additionsStep(pcrs: ReadonlyMap<number, Uint8Array>): BootStep {
  const added = [12, 13].filter((pcr) => !isZero(pcrs.get(pcr)));
  return {
    code: "additions",
    pcr: added[0] ?? 12,
    title: added.length === 0 ? "Nothing was added to the system image" : "Something was added to the system image",
    detail:
      added.length === 0
        ? "No settings and no extensions came from the unprotected boot partition."
        : `Settings or extensions from the unprotected boot partition were used (PCR ${added.join(", ")}).`,
    finding: findingOf(added.length === 0),
  };
}

/**
 * Tells a boot. Throws `log-unexpected`, `boot-not-measured` and `malformed` where the log tells no boot at all; where it tells one
 * that is not what the chip holds, or not what the release says, the report does. `volume` is the identity of the volume that is open.
 */
export function explainBoot(boot: MeasuredBoot, prediction?: BootPrediction, volume?: Uint8Array): BootReport {
  const { log, pcrs } = boot;
  const fromLog = replay(log, "sha256");
  const secureBoot = readSecureBoot(log);
  const sections = sectionsOfLog(log);
  const stubValue = pcr11Of(sections);
  const programs = programSteps(startedPrograms(log), prediction);
  const phases = phasesBetween(stubValue, pcrs.get(11) ?? new Uint8Array(32));
  const keyLists =
    prediction === undefined || prediction.pcr7.length === 0
      ? undefined
      : judgeEnrolledKeys(log, pcrs.get(7), prediction);
  const told: readonly BootStep[] = [
    firmwareStep(log.events),
    ...secureBootSteps(secureBoot, prediction),
    ...keyListSteps(keyLists),
    ...programs.steps,
    ...sectionSteps(sections, prediction),
    additionsStep(pcrs),
    {
      code: "phases",
      pcr: 11,
      title: phases === undefined ? "The steps of the boot cannot be told" : "The system went on from step to step",
      detail:
        phases === undefined
          ? "What the chip holds does not follow from the system image: something else was measured in between."
          : `Steps measured so far: ${phases.length === 0 ? "none" : phases.join(", ")} (of ${bootPhases.join(", ")}).`,
      finding: findingOf(phases !== undefined),
    },
  ];
  const findings = [...pcrs].sort(([a], [b]) => a - b).map(([pcr, measured]) => judgePcr(pcr, measured));
  const unconfirmed = new Set(findings.filter(({ pcr }) => !isExplained(pcr)).map(({ pcr }) => pcr));
  // What the log tells of a PCR the chip holds otherwise is anybody's word.
  const steps = told.map((step) =>
    unconfirmed.has(step.pcr)
      ? { ...step, detail: `${step.detail} The security chip does not confirm this.`, finding: "unexpected" as const }
      : step,
  );

  function isExplained(pcr: number): boolean {
    const logged = pcr === 11 ? phases !== undefined : fromLog.get(pcr);
    if (typeof logged !== "object") return logged !== false;
    return equalConstantTime(logged, pcrs.get(pcr) ?? new Uint8Array(0));
  }

  function judgePcr(pcr: number, measured: Uint8Array): PcrFinding {
    const logged = pcr === 11 ? (phases === undefined ? stubValue : measured) : fromLog.get(pcr);
    const predicted = predictedOf(pcr, measured);
    const isExpected = !isExplained(pcr)
      ? false
      : predicted === undefined || (pcr === 7 && keyLists === "own-events")
        ? undefined
        : equalConstantTime(predicted, measured);
    return {
      pcr,
      use: uses[pcr] ?? "not used",
      measured: toHex(measured),
      fromLog: logged === undefined ? undefined : toHex(logged),
      predicted: predicted === undefined ? undefined : toHex(predicted),
      finding: findingOf(isExpected),
    };
  }

  function predictedOf(pcr: number, measured: Uint8Array): Uint8Array | undefined {
    if (pcr === 12 || pcr === 13) return new Uint8Array(32);
    if (pcr === volumePcr) {
      if (volume === undefined) return undefined;
      const values = predictPcr15(volume);
      return values.find((value) => equalConstantTime(value, measured)) ?? values[0];
    }
    if (prediction === undefined) return undefined;
    // With Secure Boot off firmware measures the kernel too; that is the same release in a boot nobody should trust.
    if (pcr === 4)
      return predictPcr4(secureBoot.enabled ? prediction.programs : [...prediction.programs, prediction.kernel]);
    if (pcr === 7) return prediction.pcr7.find((value) => equalConstantTime(value, measured)) ?? prediction.pcr7[0];
    if (pcr !== 11) return undefined;
    const released = pcr11Of(prediction.sections);
    return phasesBetween(released, measured) === undefined ? released : measured;
  }

  const needed = [0, 4, 7, 11, 12, 13];
  const isWhole = needed.every((pcr) => pcrs.get(pcr)?.length === 32);
  const isWrong = [...steps, ...findings].some(({ finding }) => finding === "unexpected") || !isWhole;
  const verdict =
    isWrong || programs.areReleased === false ? "differs" : prediction === undefined ? "not-predicted" : "as-released";
  return { verdict, secureBoot, steps, pcrs: findings };
}
