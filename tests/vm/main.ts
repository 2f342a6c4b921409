/** `npm run test:vm [-- --set core|full] [--only NAME] [--list] [--json FILE]`: boots the built image in emulated machines. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { scenarios } from "./catalogue.ts";
import { Laboratory } from "./laboratory.ts";
import { type Figure, type Scenario, ScenarioContext } from "./scenario.ts";

interface Result {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly checks: number;
  readonly figures: readonly Figure[];
  readonly error: string | undefined;
}

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    set: { type: "string", default: "core" },
    only: { type: "string", multiple: true },
    list: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

const startedMs = performance.now();
const say = (line: string): void => {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0).padStart(5);
  process.stdout.write(`${seconds} s  ${line}\n`);
};

async function runScenario(scenario: Scenario, laboratory: Laboratory): Promise<Result> {
  const folder = join(laboratory.folder, "machines", scenario.name);
  mkdirSync(folder, { recursive: true });
  const context = new ScenarioContext(laboratory, folder, say);
  const beganMs = performance.now();
  let error: string | undefined;
  say(`${scenario.name}: ${scenario.summary}`);
  try {
    await scenario.run(context);
    if (context.checks === 0) error = "it checked nothing";
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  await context.close();
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  if (error === undefined) {
    rmSync(folder, { recursive: true });
    say(`passed  ${scenario.name}  checks=${context.checks} ${seconds} s`);
  } else {
    say(`FAILED  ${scenario.name}: ${error}`);
    say(`  what it left: ${folder}`);
  }
  return {
    name: scenario.name,
    passed: error === undefined,
    seconds,
    checks: context.checks,
    figures: context.figures,
    error,
  };
}

async function run(): Promise<number> {
  if (values.list) {
    for (const { name, set, summary } of scenarios)
      process.stdout.write(`${name.padEnd(24)} ${set.padEnd(5)} ${summary}\n`);
    return 0;
  }
  const only = values.only;
  const chosen = scenarios.filter(({ name, set }) =>
    only === undefined ? set === "core" || values.set === "full" : only.includes(name),
  );
  if (
    chosen.length === 0 ||
    !["core", "full"].includes(values.set) ||
    (only?.length ?? chosen.length) !== chosen.length
  ) {
    process.stdout.write("failed: name a set, core or full, or a scenario of --list\n");
    return 1;
  }
  const laboratory = await Laboratory.open(say);
  const results: Result[] = [];
  for (const scenario of chosen) results.push(await runScenario(scenario, laboratory));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ set: values.set, results }, null, 2)}\n`);
  const failed = results.filter(({ passed }) => !passed);
  say(
    failed.length === 0 ? `passed ${results.length} scenarios` : `failed: ${failed.map(({ name }) => name).join(", ")}`,
  );
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await run();
