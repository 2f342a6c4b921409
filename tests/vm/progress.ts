/** What a run of scenarios has shown, kept in a file: a run that was cut off goes on where it was. */
import { z } from "zod";

const Figure = z.object({ name: z.string(), value: z.number(), unit: z.string(), goal: z.number().optional() });

/** `not-run`: the time of the set was over before its turn came. */
const outcomes = ["passed", "failed", "interrupted", "not-run"] as const;
export type Outcome = (typeof outcomes)[number];

const Result = z.object({
  name: z.string(),
  outcome: z.enum(outcomes),
  seconds: z.number(),
  checks: z.number(),
  figures: z.array(Figure),
  /** Starts that were repeated because the machine hung before the product began (`firmware-watch.ts`). */
  firmwareHangs: z.number(),
  error: z.string().optional(),
  /** Shown by an earlier run on the same image. */
  earlier: z.boolean(),
});
export type Result = Readonly<z.infer<typeof Result>>;

const Progress = z.object({ format: z.literal(1), passed: z.record(z.string(), Result) });
/** By image and scenario, what passed. */
export type Progress = Readonly<z.infer<typeof Progress>>;

export const noProgress: Progress = { format: 1, passed: {} };

/** What cannot be read shows nothing, and all is run. */
export function parseProgress(text: string): Progress {
  try {
    return Progress.parse(JSON.parse(text));
  } catch {
    return noProgress;
  }
}

/** What an earlier run showed of a scenario on this image; undefined where it has to run. */
export function findEarlier(progress: Progress, key: string, resume: boolean): Result | undefined {
  const found = resume ? progress.passed[key] : undefined;
  return found === undefined ? undefined : { ...found, earlier: true };
}

/** Only what passed is kept: anything else is run again. */
export function withResult(progress: Progress, key: string, result: Result): Progress {
  const { [key]: _before, ...others } = progress.passed;
  return { format: 1, passed: result.outcome === "passed" ? { ...others, [key]: result } : others };
}

/** The last lines of a run. `goalSeconds`: what a whole run should at most take; a slow machine is told, and nothing fails. */
export function countsOf(results: readonly Result[], seconds: number, goalSeconds?: number): string[] {
  const count = (outcome: Outcome): number => results.filter((result) => result.outcome === outcome).length;
  const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
  const earlier = results.filter((result) => result.earlier).length;
  const missed = goalSeconds !== undefined && seconds > goalSeconds ? ": missed" : "";
  const goal = goalSeconds === undefined || earlier > 0 ? "" : `, goal at most ${goalSeconds}${missed}`;
  return [
    `scenarios ${results.length}`,
    `passed ${count("passed")}${earlier === 0 ? "" : ` (${earlier} of them in an earlier run)`}`,
    `failed ${count("failed")}`,
    `interrupted ${count("interrupted")}`,
    `not run ${count("not-run")}`,
    `checks ${sum(({ checks }) => checks)}`,
    `firmware hangs ${sum(({ firmwareHangs }) => firmwareHangs)}`,
    `seconds ${Math.round(seconds)}${goal}`,
  ];
}

export const havePassed = (results: readonly Result[]): boolean =>
  results.length > 0 && results.every(({ outcome }) => outcome === "passed");
