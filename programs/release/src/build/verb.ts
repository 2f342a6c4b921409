/** `npm run release -- build --keys DIR --out DIR`: everything a release consists of. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../config.ts";
import { billOfMaterials, provenance } from "./bill-of-materials.ts";
import { readKeyFingerprints, readSourceEpoch, readVersion } from "./facts.ts";
import { buildImage } from "./image.ts";
import { buildInstaller } from "./installer.ts";
import { openWorkshop } from "./workshop.ts";

const usage = `npm run release -- build --keys FOLDER --out FOLDER [--number N] [--minimum N]
  --keys FOLDER   the keys the release is signed with (release -- keys)
  --out FOLDER    where boot image, disk images and papers go
  --number N      the release's number, from 1; only grows
  --minimum N     the oldest release that may still open a device's volume once this one runs there; 1 shuts out none
`;

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: "string" },
      keys: { type: "string" },
      number: { type: "string", default: "1" },
      minimum: { type: "string", default: "1" },
    },
  });
  if (values.out === undefined || values.keys === undefined) throw new UsageError(`build lacks an option\n${usage}`);
  const [number, minimum] = [Number(values.number), Number(values.minimum)];
  if (!Number.isSafeInteger(number) || number < 1) throw new UsageError("--number takes a whole number from 1");
  if (!Number.isSafeInteger(minimum) || minimum < 1 || minimum > number) {
    throw new UsageError("--minimum takes a whole number from 1 to the release's own");
  }
  const [out, keys] = [resolve(values.out), resolve(values.keys)];
  mkdirSync(out, { recursive: true });
  const startedMs = performance.now();
  const say = (line: string): void => {
    process.stdout.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  const shop = await openWorkshop({ folders: [out, keys], epochS: await readSourceEpoch(), say });
  const release = { version: readVersion(), number, minimum, keys: readKeyFingerprints(keys) };
  const image = await buildImage(shop, { release, keys }, out);
  const installer = await buildInstaller(shop, { release, keys }, image, out);
  const compact = join(out, "disk.qcow2");
  await shop.tools.run("qemu-img", ["convert", "-c", "-O", "qcow2", image.disk, compact]);
  const bill = billOfMaterials(shop, release, image.commit.checksum);
  writeFileSync(join(out, "sbom.spdx.json"), bill);
  writeFileSync(join(out, "provenance.intoto.json"), await provenance(shop, release, keys, image, bill));
  say(`commit ${image.commit.checksum}`);
  for (const path of [image.uki, image.disk, compact, installer]) {
    const { size, blocks } = statSync(path);
    say(`${path}: ${(size / 1e6).toFixed(1)} MB, ${((blocks * 512) / 1e6).toFixed(1)} MB on disk`);
  }
  return 0;
}
