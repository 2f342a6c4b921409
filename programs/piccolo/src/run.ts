/** The table of verbs, and what every one of them has in common. */
import { appCheck } from "./app/check.ts";
import { appImport } from "./app/import.ts";
import { readCall, UsageError } from "./config.ts";
import { exitCodes, type Terminal, type Verb } from "./verb.ts";

const verbs: ReadonlyMap<string, Verb> = new Map([
  ["app check", appCheck],
  ["app import", appImport],
]);

function help(): string {
  const width = Math.max(...[...verbs.values()].map(({ usage }) => usage.length));
  const lines = [...verbs.values()].map(({ usage, about }) => `  piccolo ${usage.padEnd(width)}  ${about}\n`);
  const codes = "Exit codes: 0 fine, 1 refused, 2 wrong arguments, 3 could not be done.\n";
  return `${lines.join("")}\n${codes}`;
}

/** Runs what `args` (the process's own when left out) ask for; gives the exit code. */
export async function run(terminal: Terminal, args?: readonly string[]): Promise<number> {
  try {
    const call = readCall([...verbs.keys()], args);
    const verb = verbs.get(call?.verb ?? "");
    if (call === undefined || verb === undefined) {
      terminal.out(help());
      return exitCodes.fine;
    }
    return await verb.run(call.args, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.err(`piccolo: ${error.message}\n`);
    return exitCodes.usage;
  }
}
