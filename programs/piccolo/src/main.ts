/** The command line of Piccolo-OS. */
import { run } from "./run.ts";

process.exitCode = await run({
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  input: process.stdin,
});
