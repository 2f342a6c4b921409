/** `npm run drill -- NAME [--seed S] [--small] [--sabotage]`, or `--list`. */
import { parseArgs } from "node:util";
import { drills } from "./catalogue.ts";
import { exitCodes, runDrill, runHere } from "./drill.ts";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    list: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    small: { type: "boolean", default: false },
    sabotage: { type: "boolean", default: false },
    // Already on the machine it shall run on.
    here: { type: "boolean", default: false },
  },
});
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const drill = drills.find(({ name }) => name === positionals[0]);
const seed = Number(values.seed);
if (values.list) {
  for (const { name, summary } of drills) say(`${name.padEnd(24)} ${summary}`);
} else if (drill === undefined || positionals.length !== 1 || !Number.isSafeInteger(seed)) {
  say(`failed: name one drill of ${drills.map(({ name }) => name).join(", ")}, and a whole number with --seed`);
  process.exitCode = 1;
} else {
  const options = { seed, small: values.small, sabotage: values.sabotage, say };
  if (values.here) process.exitCode = exitCodes[await runHere(drill, options)];
  else process.exitCode = (await runDrill(drill, options)) === "passed" ? 0 : 1;
}
