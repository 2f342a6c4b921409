/** Runs scenarios, a few at once, until they are done, the time is over, or somebody interrupts. */
import { countsOf, findEarlier, type Outcome, type Progress, type Result, withResult } from "./progress.ts";

export interface Performed {
  readonly checks: number;
  readonly figures: Result["figures"];
  readonly firmwareHangs: number;
}

export interface Performance {
  /** Resolves when the scenario is through; rejects with what was wrong. */
  readonly done: Promise<void>;
  /** What it has shown so far. */
  readonly shown: () => Performed;
  /** Ends what still runs of it. `passed`: nothing of it has to be kept. */
  readonly end: (passed: boolean) => Promise<void>;
}

export interface SetOptions<Each extends { readonly name: string }> {
  readonly scenarios: readonly Each[];
  /** Names image and scenario. */
  readonly keyOf: (scenario: Each) => string;
  readonly perform: (scenario: Each) => Performance;
  readonly progress: Progress;
  readonly resume: boolean;
  /** So many run at once; begun they are in their order. */
  readonly atOnce: number;
  /** Aborted by whoever interrupts, or when the time is over; the reason says which, in words. */
  readonly stop: AbortSignal;
  readonly nowMs: () => number;
  /** When all of it began, with what was made before the first scenario. */
  readonly beganMs: number;
  /** What all of it should at most take; undefined: somebody chose scenarios. */
  readonly goalSeconds: number | undefined;
  readonly say: (line: string) => void;
  /** Called after each scenario, so that nothing is lost whatever ends this process. */
  readonly keep: (progress: Progress, results: readonly Result[], isWhole: boolean) => void;
}

const notShown: Performed = { checks: 0, figures: [], firmwareHangs: 0 };

export async function runSet<Each extends { readonly name: string }>(
  options: SetOptions<Each>,
): Promise<readonly Result[]> {
  const { scenarios, say, keep, stop, nowMs, beganMs, goalSeconds, resume, atOnce } = options;
  const ended: (Result | undefined)[] = scenarios.map(() => undefined);
  const results = (): readonly Result[] => ended.filter((result) => result !== undefined);
  let { progress } = options;
  keep(progress, [], false);
  const waiting = scenarios.entries();
  const work = async (): Promise<void> => {
    for (const [at, scenario] of waiting) {
      const key = options.keyOf(scenario);
      const earlier = findEarlier(progress, key, resume);
      const result = earlier ?? (await runOne(scenario, options));
      ended[at] = result;
      if (earlier === undefined && result.outcome !== "not-run") progress = withResult(progress, key, result);
      say(lineOf(result));
      keep(progress, results(), false);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  keep(progress, results(), !stop.aborted);
  for (const line of countsOf(results(), (nowMs() - beganMs) / 1000, goalSeconds)) say(line);
  return results();
}

async function runOne<Each extends { readonly name: string }>(
  scenario: Each,
  { perform, stop, nowMs }: SetOptions<Each>,
): Promise<Result> {
  const { name } = scenario;
  const result = (outcome: Outcome, seconds: number, shown: Performed, error?: string): Result => ({
    name,
    outcome,
    seconds,
    checks: shown.checks,
    figures: shown.figures,
    firmwareHangs: shown.firmwareHangs,
    ...(error === undefined ? {} : { error }),
    earlier: false,
  });
  if (stop.aborted) return result("not-run", 0, notShown, wordsOf(stop.reason));
  const beganMs = nowMs();
  const performance = perform(scenario);
  let outcome: Outcome = "passed";
  let error: string | undefined;
  try {
    await Promise.race([performance.done, untilAborted(stop)]);
    if (performance.shown().checks === 0) [outcome, error] = ["failed", "it checked nothing"];
  } catch (thrown) {
    // Machines go off when somebody interrupts, so whatever a scenario says then is said of that.
    outcome = stop.aborted ? "interrupted" : "failed";
    error = wordsOf(stop.aborted ? stop.reason : thrown);
  }
  performance.done.catch(() => undefined);
  try {
    await performance.end(outcome === "passed");
  } catch (thrown) {
    if (outcome === "passed") [outcome, error] = ["failed", wordsOf(thrown)];
  }
  return result(outcome, Math.round((nowMs() - beganMs) / 1000), performance.shown(), error);
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(new Error(wordsOf(signal.reason)));
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}

function lineOf({ name, outcome, earlier, checks, seconds, firmwareHangs, error }: Result): string {
  const hangs = firmwareHangs === 0 ? "" : `, firmware hung and was started again: ${firmwareHangs}`;
  if (outcome === "passed")
    return `passed  ${name}  checks=${checks} ${seconds} s${hangs}${earlier ? ", earlier" : ""}`;
  return `${outcome === "not-run" ? "not run" : outcome.toUpperCase()}  ${name}: ${error ?? ""}${hangs}`;
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
