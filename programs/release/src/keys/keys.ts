/** `npm run release -- keys`: the folder of keys a release is signed with, made to be thrown away or given. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../config.ts";
import { releaseFaults } from "../faults.ts";
import { makeDevelopmentKeys } from "./development.ts";
import { isDevelopmentSet, takeGivenKey, takeGivenKeys } from "./given.ts";
import { fingerprintOf, publicKeyOf } from "./read-key.ts";
import { type Fingerprints, fingerprintsOf, firmwareRoles, type Role, roles, secureBootRoles } from "./roles.ts";

const usage = `npm run release -- keys [--out FOLDER] [--given FOLDER | --keep-firmware-keys FOLDER]
  --out FOLDER     where the keys go (keys); must not exist, or be empty
  --given FOLDER   keys to take over (files, or PKCS#11 URIs); without it a throw-away set is made
  --keep-firmware-keys FOLDER   a set that the made one is to replace: PK and KEK are those of it, since what devices have in
                   their firmware is changed by these alone
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

/**
 * Makes or takes over a set of keys, whole or not at all. `out` is absent or empty before. `replaced` is the set whose firmware keys
 * a made one keeps.
 */
export async function makeKeySet(out: string, given: string | undefined, replaced?: string): Promise<Fingerprints> {
  if (existsSync(out) && readdirSync(out).length > 0) {
    throw releaseFaults.fault("output-exists", `${out} is not empty; keys are never written over`);
  }
  mkdirSync(dirname(out), { recursive: true });
  const making = mkdtempSync(join(dirname(out), `.${basename(out)}-`));
  try {
    if (given !== undefined) await takeGivenKeys(given, making);
    else if (replaced === undefined) await makeDevelopmentKeys(making, secureBootRoles);
    else {
      for (const role of firmwareRoles) await takeGivenKey(replaced, making, role);
      await makeDevelopmentKeys(making, ["db"]);
    }
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
    options: {
      out: { type: "string", default: "keys" },
      given: { type: "string" },
      "keep-firmware-keys": { type: "string" },
    },
  });
  const { given, "keep-firmware-keys": replaced } = values;
  if (given !== undefined && replaced !== undefined) {
    throw new UsageError(`a given set has its own PK and KEK; give it those of ${replaced}\n${usage}`);
  }
  const place = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path));
  const fingerprints = await makeKeySet(resolve(values.out), place(given), place(replaced));
  process.stdout.write(`${values.out}: whoever has it can make systems that devices of these keys start\n`);
  for (const role of roles) process.stdout.write(`${role.padEnd(10)} ${fingerprints[role]}\n`);
  if (fingerprints.development) {
    process.stdout.write("These keys are for development: what they sign is shown as untrusted.\n");
  }
  return 0;
}
