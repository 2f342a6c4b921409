import assert from "node:assert/strict";
import { test } from "node:test";
import { countsOf, havePassed, noProgress, parseProgress, type Progress, type Result } from "./progress.ts";
import { type Performed, runSet, type SetOptions } from "./run-set.ts";

interface Planned {
  readonly name: string;
  readonly run: () => Promise<void>;
  readonly shown?: Partial<Performed>;
}

const passes = (name: string): Planned => ({ name, run: () => Promise.resolve() });
const fails = (name: string): Planned => ({ name, run: () => Promise.reject(new Error("the portal did not answer")) });

class Bench {
  readonly ran: string[] = [];
  readonly ended: [string, boolean][] = [];
  readonly kept: { progress: Progress; results: readonly Result[]; isWhole: boolean }[] = [];
  readonly said: string[] = [];
  readonly stop = new AbortController();
  image = "image-1";
  atOnce = 1;
  goalSeconds: number | undefined;
  #nowMs = 0;

  options(scenarios: readonly Planned[], progress: Progress, resume: boolean): SetOptions<Planned> {
    return {
      scenarios,
      keyOf: ({ name }) => `${name} ${this.image}`,
      perform: ({ name, run, shown }) => {
        this.ran.push(name);
        return {
          done: run(),
          shown: () => ({ checks: 2, figures: [], firmwareHangs: 0, ...shown }),
          end: async (passed) => void this.ended.push([name, passed]),
        };
      },
      progress,
      resume,
      atOnce: this.atOnce,
      stop: this.stop.signal,
      nowMs: () => (this.#nowMs += 1_000),
      beganMs: -20_000,
      goalSeconds: this.goalSeconds,
      say: (line) => this.said.push(line),
      keep: (kept, results, isWhole) => this.kept.push({ progress: kept, results: [...results], isWhole }),
    };
  }

  run(scenarios: readonly Planned[], progress: Progress = noProgress, resume = false): Promise<readonly Result[]> {
    return runSet(this.options(scenarios, progress, resume));
  }

  get progress(): Progress {
    return this.kept.at(-1)?.progress ?? noProgress;
  }
}

const outcomes = (results: readonly Result[]): string[] => results.map(({ name, outcome }) => `${name} ${outcome}`);

test("a failure does not end the set, and it is what is run again", async () => {
  const bench = new Bench();
  const first = await bench.run([passes("a"), fails("b"), passes("c")]);
  assert.deepEqual(outcomes(first), ["a passed", "b failed", "c passed"]);
  assert.equal(first[1]?.error, "the portal did not answer");
  assert.equal(havePassed(first), false);
  assert.deepEqual(bench.ended, [
    ["a", true],
    ["b", false],
    ["c", true],
  ]);
  const second = new Bench();
  const results = await second.run([passes("a"), passes("b"), passes("c")], bench.progress, true);
  assert.deepEqual(second.ran, ["b"]);
  assert.deepEqual(
    results.map(({ earlier }) => earlier),
    [true, false, true],
  );
  assert.equal(havePassed(results), true);
});

test("another image shows nothing of what passed before, nor does a run that is not to be resumed", async () => {
  const bench = new Bench();
  await bench.run([passes("a")]);
  const other = new Bench();
  other.image = "image-2";
  await other.run([passes("a")], bench.progress, true);
  assert.deepEqual(other.ran, ["a"]);
  const anew = new Bench();
  await anew.run([passes("a")], bench.progress, false);
  assert.deepEqual(anew.ran, ["a"]);
});

test("a scenario that passed once and fails now has not passed", async () => {
  const bench = new Bench();
  await bench.run([passes("a")]);
  const again = new Bench();
  await again.run([fails("a")], bench.progress, false);
  assert.deepEqual(again.progress, noProgress);
});

test("a scenario that checked nothing fails", async () => {
  const results = await new Bench().run([{ ...passes("a"), shown: { checks: 0 } }]);
  assert.deepEqual(outcomes(results), ["a failed"]);
});

test("an interruption ends the scenario that runs, and the result says what was shown until then", async () => {
  const bench = new Bench();
  const hangs: Planned = {
    name: "b",
    run: async () => {
      bench.stop.abort(new Error("interrupted (SIGINT)"));
      await new Promise(() => undefined);
    },
    shown: { checks: 1, figures: [{ name: "memory", value: 3, unit: "MiB" }], firmwareHangs: 1 },
  };
  const results = await bench.run([passes("a"), hangs, passes("c")]);
  assert.deepEqual(outcomes(results), ["a passed", "b interrupted", "c not-run"]);
  assert.equal(results[1]?.error, "interrupted (SIGINT)");
  assert.equal(results[1]?.figures.length, 1);
  assert.deepEqual(bench.ran, ["a", "b"]);
  assert.deepEqual(bench.ended.at(-1), ["b", false]);
  const last = bench.kept.at(-1);
  assert.deepEqual([last?.isWhole, last?.results.length], [false, 3]);
  assert.equal(havePassed(results), false);
  assert.deepEqual(Object.keys(bench.progress.passed), ["a image-1"]);
});

test("two run at once, the next begins when either ends, and the results stand in their order", async () => {
  const bench = new Bench();
  bench.atOnce = 2;
  const second = Promise.withResolvers<void>();
  const first: Planned = { name: "a", run: () => second.promise };
  const third: Planned = { name: "c", run: async () => second.resolve() };
  const results = await bench.run([first, passes("b"), third, fails("d")]);
  assert.deepEqual(outcomes(results), ["a passed", "b passed", "c passed", "d failed"]);
  assert.deepEqual(bench.ended[0], ["b", true]);
  assert.equal(bench.kept.at(-1)?.results.length, 4);
});

test("an interruption ends all that run", async () => {
  const bench = new Bench();
  bench.atOnce = 2;
  const hangs: Planned = { name: "a", run: () => new Promise(() => undefined) };
  const stops: Planned = { name: "b", run: async () => bench.stop.abort(new Error("interrupted (SIGINT)")) };
  const results = await bench.run([hangs, { ...stops, shown: { checks: 1 } }, passes("c")]);
  assert.deepEqual(outcomes(results).slice(0, 1), ["a interrupted"]);
  assert.deepEqual(outcomes(results).slice(2), ["c not-run"]);
});

test("what a machine says while it is taken away is not what was wrong", async () => {
  const bench = new Bench();
  const torn: Planned = {
    name: "a",
    run: async () => {
      bench.stop.abort(new Error("the 80 minutes were over"));
      throw new Error("the machine went off");
    },
  };
  const [result] = await bench.run([torn]);
  assert.deepEqual([result?.outcome, result?.error], ["interrupted", "the 80 minutes were over"]);
});

test("the result is kept before the first scenario and after each one", async () => {
  const bench = new Bench();
  await bench.run([passes("a"), passes("b")]);
  assert.deepEqual(
    bench.kept.map(({ results, isWhole }) => [results.length, isWhole]),
    [
      [0, false],
      [1, false],
      [2, false],
      [2, true],
    ],
  );
});

test("starts that were repeated are said where they happened and in the end", async () => {
  const bench = new Bench();
  await bench.run([{ ...passes("a"), shown: { firmwareHangs: 2 } }, passes("b")]);
  assert.ok(bench.said.some((line) => line.includes("firmware hung and was started again: 2")));
  assert.ok(bench.said.includes("firmware hangs 2"));
});

test("the last lines count", () => {
  const one: Result = {
    name: "a",
    outcome: "passed",
    seconds: 3,
    checks: 4,
    figures: [],
    firmwareHangs: 0,
    earlier: true,
  };
  const lines = countsOf([one, { ...one, earlier: false, outcome: "failed", checks: 1 }], 61.4);
  assert.deepEqual(lines, [
    "scenarios 2",
    "passed 1 (1 of them in an earlier run)",
    "failed 1",
    "interrupted 0",
    "not run 0",
    "checks 5",
    "firmware hangs 0",
    "seconds 61",
  ]);
});

test("a run that takes longer than it should says so and fails for no other reason; what went before it counts", async () => {
  const bench = new Bench();
  bench.goalSeconds = 20;
  assert.equal(havePassed(await bench.run([passes("a")])), true);
  const last = bench.said.at(-1) ?? "";
  assert.match(last, /^seconds 2\d, goal at most 20: missed$/);
  const quick = new Bench();
  quick.goalSeconds = 60;
  await quick.run([passes("a")]);
  assert.match(quick.said.at(-1) ?? "", /^seconds 2\d, goal at most 60$/);
});

test("a run that took some of it from an earlier one shows nothing of how long it takes", async () => {
  const bench = new Bench();
  await bench.run([passes("a")]);
  const again = new Bench();
  again.goalSeconds = 20;
  await again.run([passes("a")], bench.progress, true);
  assert.match(again.said.at(-1) ?? "", /^seconds 2\d$/);
});

test("a file of progress that is damaged or of another kind shows nothing", () => {
  for (const text of ["", "{", "[]", '{"format":2,"passed":{}}', '{"format":1,"passed":{"a":{"name":"a"}}}']) {
    assert.deepEqual(parseProgress(text), noProgress);
  }
  assert.deepEqual(parseProgress(JSON.stringify(noProgress)), noProgress);
});
