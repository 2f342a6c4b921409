/** `npm run release -- build --out DIR`: everything a release consists of. */
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../config.ts";

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { out: { type: "string" } } });
  if (values.out === undefined) throw new UsageError("build takes --out DIR");
  mkdirSync(resolve(values.out), { recursive: true });
  return 0;
}
