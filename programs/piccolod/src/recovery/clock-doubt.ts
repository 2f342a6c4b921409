import { type Fault, isFault } from "@piccolo/fault";
import { entryToleranceMs } from "@piccolo/membership";
import type { World } from "@piccolo/world";
import { recoveryFaults } from "./types.ts";

/** This software is younger: a clock that says less has lost its battery or was never set. */
const earliestMs = Date.UTC(2026, 0, 1);

const certificateHints: Readonly<Record<string, Direction>> = {
  CERT_NOT_YET_VALID: "behind",
  CERT_HAS_EXPIRED: "ahead",
};

/** How a recovery ends where nobody lets the device in, or where members' newest entries are ahead of its clock. */
const explainedCodes: ReadonlySet<string> = new Set(["no-members-reachable", "network-unknown", "members-disagree"]);

type Direction = "ahead" | "behind";

/**
 * What a recovery hears of its own clock while it asks others. A device whose clock is far off is let in by nobody: members
 * refuse its certificate or its entry, central its calls, and what is left looks as if nobody were there.
 */
export class ClockDoubt {
  readonly #world: Pick<World, "nowMs">;
  /** How far the own clock is ahead of others'; each a measurement by one call. */
  readonly #aheadMs: number[] = [];
  readonly #hints: Direction[] = [];
  #closed = false;

  constructor(world: Pick<World, "nowMs">) {
    this.#world = world;
  }

  /** Why somebody could not be asked, or refused. */
  note(error: Fault): void {
    const { code, details, cause } = error;
    if (code === "clock-wrong" && typeof details["aheadMs"] === "number") this.#aheadMs.push(details["aheadMs"]);
    // An entry is never older than the one before it, so only one from the future is refused.
    else if (code === "untimely") this.#hints.push("ahead");
    else if (code === "peer-clock") this.#notePeer(details["offsetMs"]);
    else if (details["closedAtOnce"] === true) this.#closed = true;
    else if (code === "central-unreachable") this.#noteCertificate(cause);
  }

  /** By how much the peer's clock is ahead; where that is not known, its certificate is not valid yet here. */
  #notePeer(offsetMs: unknown): void {
    if (typeof offsetMs === "number") this.#aheadMs.push(-offsetMs);
    else this.#hints.push("behind");
  }

  #noteCertificate(cause: unknown): void {
    for (let at = cause; at instanceof Error; at = at.cause) {
      const hint = "code" in at && typeof at.code === "string" ? certificateHints[at.code] : undefined;
      if (hint !== undefined) this.#hints.push(hint);
    }
  }

  /** The same calls, and what their answers say of the time. */
  watching(fetch: (input: string, init: RequestInit) => Promise<Response>): typeof fetch {
    return async (input, init) => {
      const reply = await fetch(input, init);
      const theirsMs = Date.parse(reply.headers.get("date") ?? "");
      if (Number.isFinite(theirsMs)) this.#aheadMs.push(this.#world.nowMs() - theirsMs);
      return reply;
    };
  }

  /** `clock-wrong` in the place of a failure that a wrong clock explains; every other error as it is. */
  explain(error: unknown): unknown {
    if (!isFault(error) || !explainedCodes.has(error.code)) return error;
    const nowMs = this.#world.nowMs();
    const says = `this device's clock says ${sayable(nowMs)}`;
    const wrong = (what: string, details: Readonly<Record<string, unknown>>): Error =>
      recoveryFaults.fault("clock-wrong", `${says}, ${what}: set it right, then begin again`, {
        cause: error,
        details: { nowMs, ...details },
      });
    if (nowMs < earliestMs) return wrong("which is before this software was made", {});
    const aheadMs = median(this.#aheadMs);
    if (aheadMs !== undefined && Math.abs(aheadMs) > entryToleranceMs) {
      const direction = aheadMs > 0 ? "ahead of" : "behind";
      return wrong(`${spanOf(Math.abs(aheadMs))} ${direction} those of others, and nobody lets it in so`, { aheadMs });
    }
    const [hint] = this.#hints;
    if (hint !== undefined) return wrong(`and others find that it is ${hint}`, { direction: hint });
    // Whoever is there lets a stranger ask, unless the certificate's times are wrong: then the connection is cut off.
    if (this.#closed && aheadMs === undefined) return wrong("and others cut it off at once, as when it is wrong", {});
    return error;
  }
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function sayable(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function spanOf(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
