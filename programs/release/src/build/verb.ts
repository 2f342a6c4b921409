/** `npm run release -- build --keys DIR --out DIR`: everything a release consists of. */
import { readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../config.ts";
import { checkSuccession } from "../keys/successions.ts";
import { parseCentral } from "./central.ts";
import { readKeyFingerprints, readVersion } from "./facts.ts";
import { readSourceEpoch, readSourceState } from "./sources.ts";
import { buildImage } from "./image.ts";
import { buildInstaller } from "./installer.ts";
import { verifyRelease } from "../verify/verb.ts";
import { publish } from "./publish.ts";
import { type Base, openWorkshop } from "./workshop.ts";

const usage = `npm run release -- build --keys FOLDER --out FOLDER [--number N] [--minimum N] [--former FOLDER]
                           [--enrolled FOLDER...] [--central URL] [--base BASE --root FOLDER]
  --keys FOLDER   the keys the release is signed with (release -- keys)
  --former FOLDER while keys are replaced: those of before, which sign it as well
  --enrolled FOLDER keys that were replaced earlier, the oldest first: older devices have them in their firmware still
  --out FOLDER    where boot image, disk images, repository and papers go; empty, or not there yet
  --number N      the release's number, from 1; only grows
  --minimum N     the oldest release that may still open a device's volume once this one runs there; 1 shuts out none
  --central URL   the origin of the central its devices speak to; without it they have none
  --base BASE     debian, which is the default, or fcos
  --root FOLDER   a root of packages that was made elsewhere (os/fcos/Containerfile); for fcos always
`;

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: "string" },
      keys: { type: "string" },
      former: { type: "string" },
      enrolled: { type: "string", multiple: true, default: [] },
      number: { type: "string", default: "1" },
      minimum: { type: "string", default: "1" },
      central: { type: "string" },
      base: { type: "string", default: "debian" },
      root: { type: "string" },
    },
  });
  if (values.out === undefined || values.keys === undefined) throw new UsageError(`build lacks an option\n${usage}`);
  const [number, minimum] = [Number(values.number), Number(values.minimum)];
  if (!Number.isSafeInteger(number) || number < 1) throw new UsageError("--number takes a whole number from 1");
  if (!Number.isSafeInteger(minimum) || minimum < 1 || minimum > number) {
    throw new UsageError("--minimum takes a whole number from 1 to the release's own");
  }
  const central = values.central === undefined ? {} : { central: parseCentral(values.central) };
  const base = values.base as Base;
  if (base !== "debian" && base !== "fcos") throw new UsageError("--base is debian or fcos");
  if (base === "fcos" && values.root === undefined) throw new UsageError("--base fcos takes its root with --root");
  const root = values.root === undefined ? undefined : { base, path: resolve(values.root) };
  const [out, keys] = [resolve(values.out), resolve(values.keys)];
  const epochS = await readSourceEpoch();
  const former = values.former === undefined ? undefined : { keys: resolve(values.former), epochS };
  const enrolled = values.enrolled.map((folder) => resolve(folder));
  checkSuccession(keys, [...enrolled, ...(former === undefined ? [] : [former.keys])]);
  const startedMs = performance.now();
  const say = (line: string): void => {
    process.stdout.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  // What is made on the way lies beside what is given away, so that nothing of it is given away.
  const work = `${out}.work`;
  const shop = await openWorkshop({
    folders: [dirname(out), ...(former === undefined ? [keys] : [keys, former.keys])],
    ...(root === undefined ? {} : { root }),
    // What is given away has what Debian mended up to the day before.
    rootDaysMax: 1,
    epochS,
    say,
  });
  if (central.central === undefined) {
    say("no --central: a device of this release founds and joins no network, and its files lie on it alone");
  }
  if ((await readSourceState()).changes !== undefined) {
    say("the working tree is no commit's: the provenance says so, and nobody can build this release again");
  }
  const release = { version: readVersion(), number, minimum, ...central, keys: readKeyFingerprints(keys) };
  const parts = { release, keys, enrolled, ...(former === undefined ? {} : { former }) };
  rmSync(work, { recursive: true, force: true });
  const image = await buildImage(shop, parts, work);
  const installer = await buildInstaller(shop, parts, image, work);
  await publish(shop, parts, image, installer, out);
  rmSync(work, { recursive: true });
  await verifyRelease(shop, out, keys, say);
  say(`commit ${image.commit.checksum}`);
  for (const name of readdirSync(out).sort()) {
    const { size, blocks } = statSync(join(out, name));
    say(`${name}: ${(size / 1e6).toFixed(1)} MB, ${((blocks * 512) / 1e6).toFixed(1)} MB on disk`);
  }
  return 0;
}
