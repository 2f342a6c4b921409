/** What went wrong, as the portal shows it. */
import { DeviceRefusal } from "@piccolo/device-api/client";
import type { Problem } from "@piccolo/device-api";

export interface Trouble {
  readonly code: string;
  /** One sentence that says what to do next. */
  readonly detail: string;
  /** Whether the same may succeed later. */
  readonly retry: boolean;
  readonly status: number;
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof DeviceRefusal) {
    const { code, detail, retry, status } = error.problem;
    return { code, detail, retry, status };
  }
  return {
    code: "portal-failed",
    detail: "Something went wrong in this page. Reload it and try again.",
    retry: true,
    status: 0,
  };
}

/** The problem of a reply that did not come through the typed client, such as an upload's. */
export function problemOfText(status: number, text: string): Problem {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "code" in value && "detail" in value) return value as Problem;
  } catch {
    // What is no JSON did not come from the device.
  }
  if (status === 401)
    return {
      type: "about:blank",
      title: "Sign in required",
      status,
      code: "sign-in-required",
      detail: "You are signed out. Sign in, then go on.",
      retry: false,
    };
  if (status === 423)
    return {
      type: "about:blank",
      title: "Locked",
      status,
      code: "locked",
      detail: "The device is locked. Enter the password, and it goes on.",
      retry: true,
    };
  return {
    type: "about:blank",
    title: "Unexpected reply",
    status,
    code: status === 0 ? "device-unreachable" : "unexpected-reply",
    detail:
      status === 0
        ? "The device does not answer. Check that it is switched on and that you are in its network."
        : `The device answered with status ${status}. Try again in a moment.`,
    retry: status === 0 || status >= 500,
  };
}

/** Milliseconds to wait before the next attempt, where a refusal names them. */
export function waitOf(error: unknown): number {
  if (!(error instanceof DeviceRefusal)) return 0;
  const details = error.problem.details ?? {};
  const milliseconds = [details["retryAfterMs"], details["waitMs"]].find((value) => typeof value === "number");
  if (typeof milliseconds === "number") return Math.max(0, milliseconds);
  const seconds = details["retryAfterSeconds"];
  return typeof seconds === "number" ? Math.max(0, seconds * 1000) : 0;
}

/** Refusals after which the whole page has to change: it shows another state of the device or its session than the true one. */
const turningAway = new Set(["sign-in-required", "locked", "closed", "already-claimed", "not-claimed"]);

/** The token is of another session than the cookie. Nothing was done. */
export const isOtherSession = (error: unknown): boolean =>
  error instanceof DeviceRefusal && error.problem.code === "csrf";

/** A wrong password has the status of a missing session, so only the code tells. */
export const isTurnedAway = (error: unknown): boolean =>
  error instanceof DeviceRefusal && turningAway.has(error.problem.code);
