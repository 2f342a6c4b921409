/** `npm run release -- keys`: the folder of keys a release is signed with, made to be thrown away or given. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../config.ts";
import { releaseFaults } from "../faults.ts";
import { makeDevelopmentKeys } from "./development.ts";
import { isDevelopmentSet, takeGivenKeys } from "./given.ts";
import { fingerprintOf, publicKeyOf } from "./read-key.ts";
import { type Fingerprints, fingerprintsOf, type Role, roles } from "./roles.ts";

const usage = `npm run release -- keys [--out FOLDER] [--given FOLDER]
  --out FOLDER     where the keys go (keys); must not exist, or be empty
  --given FOLDER   keys to take over (files, or PKCS#11 URIs); without it a throw-away set is made
`;

/** The fingerprints of a whole set. Throws `keys-not-separate` where two roles have one key. */
export function fingerprintsOfSet(folder: string): Readonly<Record<Role, string>> {
  const entries = roles.map((role) => [role, fingerprintOf(publicKeyOf(folder, role))] as const);
  for (const [at, [role, fingerprint]] of entries.entries()) {
    const twin = entries.slice(0, at).find(([, other]) => other === fingerprint);
    if (twin !== undefined) throw releaseFaults.fault("keys-not-separate", `${twin[0]} and ${role} are one key`);
  }
  return Object.fromEntries(entries) as Record<Role, string>;
}

/** Makes or takes over a set of keys, whole or not at all. `out` is absent or empty before. */
export async function makeKeySet(out: string, given: string | undefined): Promise<Fingerprints> {
  if (existsSync(out) && readdirSync(out).length > 0) {
    throw releaseFaults.fault("output-exists", `${out} is not empty; keys are never written over`);
  }
  mkdirSync(dirname(out), { recursive: true });
  const making = mkdtempSync(join(dirname(out), `.${basename(out)}-`));
  try {
    await (given === undefined ? makeDevelopmentKeys(making) : takeGivenKeys(given, making));
    const isDevelopment = given === undefined || isDevelopmentSet(given);
    const fingerprints: Fingerprints = {
      ...fingerprintsOfSet(making),
      ...(isDevelopment ? { development: true as const } : {}),
    };
    writeFileSync(fingerprintsOf(making), `${JSON.stringify(fingerprints, null, 2)}\n`);
    if (existsSync(out)) rmdirSync(out);
    renameSync(making, out);
    return fingerprints;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { out: { type: "string", default: "keys" }, given: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help) throw new UsageError(usage);
  const given = values.given === undefined ? undefined : resolve(values.given);
  const fingerprints = await makeKeySet(resolve(values.out), given);
  process.stdout.write(`${values.out}: whoever has it can make systems that devices of these keys start\n`);
  for (const role of roles) process.stdout.write(`${role.padEnd(10)} ${fingerprints[role]}\n`);
  if (fingerprints.development) {
    process.stdout.write("These keys are for development: what they sign is shown as untrusted.\n");
  }
  return 0;
}
