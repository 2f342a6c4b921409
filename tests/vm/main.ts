/** `npm run test:vm [-- OPTIONS]`: boots the built image in emulated machines. `--help` names the options. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { scenarios } from "./catalogue.ts";
import { Laboratory } from "./laboratory.ts";
import { havePassed, noProgress, parseProgress } from "./progress.ts";
import { resumeKey } from "./resume-key.ts";
import { type Performance, runSet } from "./run-set.ts";
import { type Scenario, ScenarioContext } from "./scenario.ts";

const usage = `npm run test:vm -- [--set core|full] [--only NAME]... [--resume] [--at-once N] [--minutes N] [--json FILE] [--cuts N] [--list]
  --set      core (the default) or full
  --only     scenarios by name, instead of a set
  --resume   what passed on the same image, with the same tests, is not run again
  --at-once  so many scenarios run at once (core and --only 1, so that its times are quiet ones; full 2)
  --minutes  the time for all of it; what has not run by then is reported as not run (core 40, full and --only 80);
             a set that takes longer than its goal (core 20, full 80) says so
  --json     where result and figures are written (.piccolo/vm/result.json), after each scenario and at the end
  --cuts     power cuts in uploads-power-offs (20)
  --list     names the scenarios
`;
const minutesOf: Readonly<Record<string, number>> = { core: 40, full: 80 };
/** What a set should at most take on two processors, tools and image included. A slower machine may take its time all the same. */
const goalMinutesOf: Readonly<Record<string, number>> = { core: 20, full: 80 };

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    set: { type: "string", default: "core" },
    only: { type: "string", multiple: true },
    resume: { type: "boolean", default: false },
    "at-once": { type: "string" },
    minutes: { type: "string" },
    list: { type: "boolean", default: false },
    json: { type: "string" },
    cuts: { type: "string", default: "20" },
    help: { type: "boolean", default: false },
  },
});

const startedMs = performance.now();
const say = (line: string): void => {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0).padStart(5);
  process.stdout.write(`${seconds} s  ${line}\n`);
};

function perform(scenario: Scenario, laboratory: Laboratory): Performance {
  const folder = join(laboratory.folder, "machines", scenario.name);
  mkdirSync(folder, { recursive: true });
  // Lines of scenarios that run at once stand among each other.
  const sayOfIt = (line: string): void => say(`${scenario.name}: ${line.trim()}`);
  const context = new ScenarioContext(laboratory, folder, sayOfIt, Number(values.cuts));
  say(`${scenario.name}: ${scenario.summary}`);
  return {
    done: scenario.run(context),
    shown: () => context,
    end: async (passed) => {
      await context.close();
      if (passed) rmSync(folder, { recursive: true });
      else sayOfIt(`what it left: ${folder}`);
    },
  };
}

function writeWhole(path: string, value: unknown): void {
  writeFileSync(`${path}.next`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${path}.next`, path);
}

/** Aborts when somebody interrupts or the time is over. */
function stopSignal(minutes: number): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stop.abort(new Error(`interrupted (${signal})`)));
  }
  const over = setTimeout(() => stop.abort(new Error(`the ${minutes} minutes were over`)), minutes * 60_000);
  over.unref();
  return stop.signal;
}

async function run(): Promise<number> {
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.list) {
    for (const { name, set, summary } of scenarios)
      process.stdout.write(`${name.padEnd(24)} ${set.padEnd(5)} ${summary}\n`);
    return 0;
  }
  const { only, set } = values;
  const chosen = scenarios.filter((scenario) =>
    only === undefined ? scenario.set === "core" || set === "full" : only.includes(scenario.name),
  );
  // One scenario of the full set can take longer than all of the core set.
  const minutes = Number(values.minutes ?? minutesOf[only === undefined ? set : "full"]);
  const goalMinutes = only === undefined ? goalMinutesOf[set] : undefined;
  const goalSeconds = goalMinutes === undefined ? undefined : goalMinutes * 60;
  const atOnce = Math.floor(Number(values["at-once"] ?? (only === undefined && set === "full" ? 2 : 1)));
  const areNamed = only === undefined || new Set(only).size === chosen.length;
  if (
    chosen.length === 0 ||
    !areNamed ||
    !(minutes > 0) ||
    !(Number(values.cuts) >= 1) ||
    !(atOnce >= 1 && atOnce <= 8)
  ) {
    process.stdout.write(`failed: name a set, core or full, or scenarios of --list\n${usage}`);
    return 1;
  }
  const stop = stopSignal(minutes);
  const laboratory = await Laboratory.open(say);
  const progressFile = join(laboratory.folder, "progress.json");
  const resultFile = values.json ?? join(laboratory.folder, "result.json");
  const imageKey = laboratory.sourceKey("product");
  const key = resumeKey(imageKey);
  const results = await runSet({
    scenarios: chosen,
    keyOf: ({ name }) => `${name} ${key}`,
    perform: (scenario) => perform(scenario, laboratory),
    progress: existsSync(progressFile) ? parseProgress(readFileSync(progressFile, "utf8")) : noProgress,
    resume: values.resume,
    atOnce,
    stop,
    nowMs: () => performance.now(),
    beganMs: startedMs,
    goalSeconds,
    say,
    keep: (progress, shown, isWhole) => {
      writeWhole(progressFile, progress);
      const firmwareHangs = shown.reduce((sum, result) => sum + result.firmwareHangs, 0);
      const seconds = Math.round((performance.now() - startedMs) / 1000);
      const scope = only === undefined ? set : "named";
      writeWhole(resultFile, {
        set: scope,
        image: imageKey,
        isWhole,
        seconds,
        goalSeconds,
        firmwareHangs,
        results: shown,
      });
    },
  });
  return havePassed(results) ? 0 : 1;
}

// Whatever a scenario left waiting does not keep a run alive that was stopped.
process.exit(await run());
