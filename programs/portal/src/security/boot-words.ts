/** How the device was started, in sentences. */
import type { CallOutput } from "@piccolo/device-api/client";
import { momentInWords } from "../wording/time.ts";
import type { Sentence } from "./words.ts";

export type Boot = CallOutput<"GET /security/boot">;
export type BootStep = Boot["steps"][number];
export type FailedRelease = NonNullable<Boot["failedRelease"]>;
export type Finding = BootStep["finding"];

export function secureBootInWords({ secureBoot }: Pick<Boot, "secureBoot">): Sentence {
  switch (secureBoot) {
    case "on":
      return { tone: "good", text: "On. Only signed systems start." };
    case "off":
      return { tone: "warn", text: "Off. Any system starts; switch it on in the firmware set-up." };
    case "set-up":
      return { tone: "warn", text: "Not set up. The firmware takes any keys that are offered to it." };
    default:
      return { tone: "warn", text: "The firmware does not say." };
  }
}

export function measuredInWords({ state }: Pick<Boot, "state">): Sentence {
  switch (state) {
    case "as-released":
      return { tone: "good", text: "As released. The security chip confirms it." };
    case "differs":
      return { tone: "danger", text: "Not as released." };
    case "not-predicted":
      return { tone: "calm", text: "Measured. There is no prediction to hold it against." };
    case "unreadable":
      return { tone: "danger", text: "The boot log cannot be believed." };
    default:
      return { tone: "warn", text: "Boot not measured. Nothing confirms which system runs." };
  }
}

/** Undefined where no key was measured: then nothing can be said of any. */
export function keysInWords({ keys }: Pick<Boot, "keys">): Sentence | undefined {
  if (keys.trust === "trusted") return { tone: "good", text: "Those of Piccolo's releases." };
  if (keys.trust === "development")
    return { tone: "warn", text: "Untrusted development keys. Whoever has them can change this system." };
  return undefined;
}

export function releaseInWords({ release }: Pick<Boot, "release">): string {
  return release === undefined ? "Not a release" : `Version ${release.version}, release ${release.number}`;
}

const whyInWords: Readonly<Record<FailedRelease["why"], string>> = {
  "portal-silent": "the device's pages did not answer.",
  "volume-closed": "it could not open the encrypted disk.",
  "no-network": "it found no network, and the version before had one.",
  unknown: "it did not start, or ended before it was ready. The power may have gone away as well.",
};

/** What was tried and when, what runs now, and what comes next. */
export function failedReleaseInWords(
  failed: FailedRelease,
  { release }: Pick<Boot, "release">,
): readonly [tried: string, now: string, next: string] {
  const { number, version, triedSinceMs, foundAtMs, why } = failed;
  const name = version === undefined ? `Release ${number}` : `Version ${version} (release ${number})`;
  const when =
    triedSinceMs === undefined
      ? `was tried; this was noticed on ${momentInWords(foundAtMs)}.`
      : `was tried on ${momentInWords(triedSinceMs)}.`;
  const now = release === undefined ? "the one before" : `version ${release.version} (release ${release.number})`;
  return [
    `${name} ${when} It did not work: ${whyInWords[why]}`,
    `This device went back to the version before by itself, and now runs ${now}.`,
    "You need not do anything. The version that failed is taken off this device and not tried again; a later one is tried when it comes.",
  ];
}

/** What needs the owner's hand. */
export function bootConcernsOf(boot: Boot | undefined): readonly Sentence[] {
  if (boot === undefined) return [];
  const concerns: Sentence[] = [];
  if (boot.state === "differs" || boot.state === "unreadable") {
    concerns.push({
      tone: "danger",
      text: "This device was not started as its release says. Look at the steps before you enter your phrase anywhere.",
    });
  }
  if (boot.keys.trust === "development") {
    concerns.push({
      tone: "warn",
      text: "This system is signed with untrusted development keys: good for trying out only.",
    });
  }
  return concerns;
}

export function findingInWords(finding: Finding): Sentence {
  if (finding === "expected") return { tone: "good", text: "As released" };
  if (finding === "unexpected") return { tone: "danger", text: "Not as it should be" };
  return { tone: "calm", text: "Not predicted" };
}

/** Enough of a digest to compare two by eye. */
export const shortDigest = (digest: string): string => (digest.length <= 16 ? digest : `${digest.slice(0, 16)}…`);
