/**
 * Decides whether the running release keeps its place (docs/spec/probation.md). A release on probation is counted by the boot loader:
 * found good it is counted no more; given up, the machine starts again until the boot loader goes back to the release before.
 */
import type { BootChoice } from "./boot-control.ts";

/** How a start ended for the volume. `codes` are those of the status; the first says what keeps it closed. */
export type VolumeOutcome =
  | { readonly state: "open" }
  | { readonly state: "closed"; readonly codes: readonly string[] };

/** How a start ended. */
export type StartOutcome = VolumeOutcome & {
  /** Whether the device had an address of a network; undefined = not known. */
  readonly hadWayOut?: boolean | undefined;
};

export interface ProbationQuestion {
  readonly choice: BootChoice;
  /** Whether the portal answers a request made like a browser's. */
  readonly answers: boolean;
  readonly volume: VolumeOutcome;
  /** Whether the device has an address of a network now. */
  readonly hasWayOut: boolean;
  /** How the last start of a release that had been found good ended; undefined = not known. */
  readonly before: StartOutcome | undefined;
  /** Since when all that is looked at has been as a working release's, without a break; undefined = it is not. */
  readonly provenMs: number | undefined;
  readonly sinceStartMs: number;
}

export type ProbationPlan =
  /** Nothing is counted: the release has its place. */
  | { readonly do: "rest" }
  | { readonly do: "wait"; readonly why: WaitReason }
  | { readonly do: "bless"; readonly entry: string }
  | { readonly do: "give-up"; readonly why: "portal-silent" | "volume-closed" | "no-network" };

export type WaitReason = "proving" | "not-yet" | "start-not-trusted" | "nothing-to-go-back-to";

/** A daemon that dies soon after its first answer is not found good. */
export const provingMs = 30_000;
/** So long a person may help, by the phrase, before the release before gets its turn. */
export const patienceMs = 180_000;
/** So long the network may take where everything in a house starts at once, after the power was away. */
export const networkPatienceMs = 600_000;

/**
 * Who starts a machine like this is not known, so nothing it shows speaks for or against the release. Each is the firmware's own doing, which
 * comes before any release. That keys are others' or unknown is not among them: a release signed by other keys, or one that does not give out
 * the boot log, looks just like that, and nothing tells them apart.
 */
const distrustCodes: ReadonlySet<string> = new Set(["secure-boot-off", "no-uefi", "start-weakened"]);
/** The owner chose so: the device is as it should be. */
const byChoice: ReadonlySet<string> = new Set(["ask-at-boot"]);

/** That the daemon was started again in the same start of the machine, which says nothing of either. */
export const saysNothingCode = "tpm-window-closed";

export function isDistrusted(volume: VolumeOutcome): boolean {
  return volume.state === "closed" && volume.codes.some((code) => distrustCodes.has(code));
}

/**
 * Whether the release has done what it can with the volume: it is open, or closed as the owner wants it, or for the same reason as
 * under a release that worked before. Every other closed volume may be this release's own doing.
 */
export function isNoFaultOfRelease(volume: VolumeOutcome, before: StartOutcome | undefined): boolean {
  if (volume.state === "open") return true;
  const [code = ""] = volume.codes;
  if (code === saysNothingCode) return false;
  return byChoice.has(code) || (before?.state === "closed" && before.codes[0] === code);
}

type Seen = Pick<ProbationQuestion, "answers" | "volume" | "hasWayOut" | "before">;

/** Whether the release works but for the network, of which nobody knows whether its absence is the release's doing. */
function worksInside({ answers, volume, before }: Seen): boolean {
  return answers && !isDistrusted(volume) && isNoFaultOfRelease(volume, before);
}

/** Whether the release works as far as can be seen at this moment. A device that nobody reaches is lost where it has no screen. */
export function looksGood(seen: Seen): boolean {
  return worksInside(seen) && (seen.hasWayOut || seen.before?.hadWayOut !== true);
}

export function decideProbation(question: ProbationQuestion): ProbationPlan {
  const { choice, answers, volume, provenMs, sinceStartMs } = question;
  const running = choice.entries.find(({ id }) => id === choice.booted);
  if (running === undefined || running.state === "good") return { do: "rest" };
  if (looksGood(question)) {
    return (provenMs ?? 0) >= provingMs ? { do: "bless", entry: running.id } : { do: "wait", why: "proving" };
  }
  if (answers && isDistrusted(volume)) return { do: "wait", why: "start-not-trusted" };
  const canGoBack = choice.entries.some(({ id, state }) => id !== running.id && state === "good");
  if (!canGoBack) return { do: "wait", why: "nothing-to-go-back-to" };
  const lacksNetworkAlone = worksInside(question);
  if (sinceStartMs < (lacksNetworkAlone ? networkPatienceMs : patienceMs)) return { do: "wait", why: "not-yet" };
  if (lacksNetworkAlone) return { do: "give-up", why: "no-network" };
  return { do: "give-up", why: answers ? "volume-closed" : "portal-silent" };
}
