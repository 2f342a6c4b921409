/** `npm run bench -- NAME [--json FILE]`, or `--list`. A missed goal is printed and is no error. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchmarks } from "./catalogue.ts";
import { describeMachine, formatReport, reportJson } from "./harness.ts";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { list: { type: "boolean", default: false }, json: { type: "string" } },
});
const benchmark = benchmarks.find(({ name }) => name === positionals[0]);
if (values.list) {
  for (const { name, summary } of benchmarks) process.stdout.write(`${name.padEnd(16)} ${summary}\n`);
} else if (benchmark === undefined || positionals.length !== 1) {
  process.stderr.write(`name one benchmark of ${benchmarks.map(({ name }) => name).join(", ")}\n`);
  process.exitCode = 1;
} else {
  const { name } = benchmark;
  const machine = describeMachine();
  const report = await (await benchmark.load()).run();
  process.stdout.write(`${formatReport(name, report, machine)}\n`);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(reportJson(name, report, machine), null, 2)}\n`);
  }
}
