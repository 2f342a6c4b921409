/** Lines of an app's log as they come in, of several parts at once. Pure. */
import type { AppLogLine } from "@piccolo/device-api";

export const linesMax = 2_000;

export interface ShownLine extends AppLogLine {
  /** Unlike any other of this page. */
  readonly key: number;
}

/**
 * Each line at its place in time, behind those of the same moment; of too many the oldest go. Parts begin with what they
 * said before, one after the other, so that a line may belong far above the last one.
 */
export function withLines(shown: readonly ShownLine[], coming: readonly ShownLine[]): readonly ShownLine[] {
  const all = [...shown];
  for (const line of coming) {
    let at = all.length;
    while (at > 0 && (all[at - 1]?.atMs ?? 0) > line.atMs) at--;
    all.splice(at, 0, line);
  }
  return all.slice(-linesMax);
}

/** Undefined for what is no line. */
export function parseLine(data: unknown): AppLogLine | undefined {
  try {
    const value: unknown = JSON.parse(String(data));
    if (typeof value !== "object" || value === null) return undefined;
    const { service, atMs, stream, text } = value as Partial<Record<keyof AppLogLine, unknown>>;
    if (typeof service !== "string" || typeof text !== "string" || typeof atMs !== "number") return undefined;
    return { service, atMs, stream: stream === "err" ? "err" : "out", text };
  } catch {
    return undefined;
  }
}
