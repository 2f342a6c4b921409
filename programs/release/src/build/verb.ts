/** `npm run release -- build --keys DIR --out DIR`: everything a release consists of. */
import { mkdirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../config.ts";
import { buildImage } from "./image.ts";
import { readKeyFingerprints, readSourceEpoch, readVersion } from "./facts.ts";
import { openWorkshop } from "./workshop.ts";

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { out: { type: "string" }, keys: { type: "string" }, number: { type: "string", default: "1" } },
  });
  if (values.out === undefined || values.keys === undefined) throw new UsageError("build takes --keys DIR --out DIR");
  const number = Number(values.number);
  if (!Number.isSafeInteger(number) || number < 1) throw new UsageError("--number takes a whole number from 1");
  const [out, keys] = [resolve(values.out), resolve(values.keys)];
  mkdirSync(out, { recursive: true });
  const startedMs = performance.now();
  const say = (line: string): void => {
    process.stdout.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  const epochS = await readSourceEpoch();
  const shop = await openWorkshop({ folders: [out, keys], epochS, say });
  const release = { version: readVersion(), number, keys: readKeyFingerprints(keys) };
  const image = await buildImage(shop, { release, keys }, out);
  say(`commit ${image.commit.checksum}`);
  for (const path of [image.uki, image.disk]) {
    const { size, blocks } = statSync(path);
    say(`${path}: ${(size / 1e6).toFixed(1)} MB, ${((blocks * 512) / 1e6).toFixed(1)} MB on disk`);
  }
  return 0;
}
