/** `npm run release -- verify --release DIR --keys DIR`: whether a release is what its papers and signatures say. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { readSourceEpoch } from "../build/sources.ts";
import { openWorkshop, type Say, type Workshop } from "../build/workshop.ts";
import { UsageError } from "../config.ts";
import { publicKeyOf } from "../keys/read-key.ts";
import { contentChecks } from "./contents.ts";
import { checkPapers } from "./papers.ts";

const usage = `npm run release -- verify --release FOLDER --keys FOLDER
  --release FOLDER   what release -- build wrote
  --keys FOLDER      the keys it has to be signed with; their public halves are enough
`;

/** Throws `release-unfit` at the first thing that is not so. Resolves to the number of checks. */
export async function verifyRelease(shop: Workshop, folder: string, keys: string, say: Say): Promise<number> {
  const papers = await checkPapers(folder, publicKeyOf(keys, "metadata"));
  say(`good: the provenance's signature, and ${papers.files.length} files that are the ones it names`);
  const checks = contentChecks(shop, folder, papers, keys);
  for (const { what, run } of checks) {
    await run();
    say(`good: ${what}`);
  }
  return checks.length + 1;
}

export async function run(args: readonly string[]): Promise<number> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ args: [...args], options: { release: text, keys: text } });
  if (values.release === undefined || values.keys === undefined)
    throw new UsageError(`verify lacks an option\n${usage}`);
  const [folder, keys] = [resolve(values.release), resolve(values.keys)];
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const shop = await openWorkshop({ folders: [folder, keys], epochS: await readSourceEpoch(), say });
  await verifyRelease(shop, folder, keys, say);
  return 0;
}
