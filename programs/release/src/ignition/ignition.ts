/** `npm run release -- ignition`: the configuration that puts piccolod onto a Fedora CoreOS (phase 1). */
import { hash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { hashClaimCode, isEasyClaimCode, newClaimCode } from "@piccolo/envelope";
import { realWorld } from "@piccolo/world/real";
import { parseCentral, settingsWith } from "../build/central.ts";
import { readVersion } from "../build/facts.ts";
import { repositoryRoot, UsageError } from "../config.ts";
import { releaseFaults } from "../faults.ts";
import { execute } from "../process.ts";
import { runTool } from "../tool.ts";
import { type Json, normalized, translateButane } from "./butane.ts";

const usage = `npm run release -- ignition --out FILE [--url URL] [--files FOLDER] [--central URL] [--claim-code FILE]
    [--butane FILE] [--unchecked]
  --out FILE          the Ignition configuration
  --url URL           where the machine fetches the files from, without a slash at the end; without it an address that is nobody's
  --files FOLDER      the same files here: piccolod, blake-hash.node, libatomic.so.1; without it dist, as npm run build makes it
  --central URL       the origin of the central its device speaks to; without it it has none
  --claim-code FILE   the device's claim code; without it one is made and printed
  --butane FILE       writes the filled-in Butane source, too
  --unchecked         also where ignition-validate is not installed
`;

/** The programs that the machine fetches, and how they are made where they are not there yet. */
export interface Programs {
  readonly folder: string;
  build(): Promise<void>;
}

const ownPrograms: Programs = {
  folder: join(repositoryRoot, "dist"),
  build: async () => {
    process.stdout.write("npm run build\n");
    await execute(process.execPath, [join(repositoryRoot, "tools/build.ts")], { cwd: repositoryRoot });
  },
};

/** A name that never exists (RFC 6761): the configuration is whole, and fetches nothing until its address is replaced. */
const nobodysUrl = (): string => `https://releases.invalid/${readVersion()}`;

const sourceFolder = join(repositoryRoot, "os");
const readSource = (): string => readFileSync(join(sourceFolder, "butane/piccolo.bu"), "utf8");
const digestPlace = /@SHA512:([\w.-]+)@/g;
/** Names of the files that the machine fetches. */
const fetched = (): readonly string[] => [...readSource().matchAll(digestPlace)].map(([, name = ""]) => name);

export interface IgnitionOptions {
  readonly url: string;
  /** Folder of the files that are fetched. */
  readonly files: string;
  readonly claimCodeHash: string;
  /** Origin of the central its device speaks to, as `parseCentral` gives it; undefined = none. */
  readonly central: string | undefined;
}

/** The Butane source with everything filled in. Throws `input-missing`, `butane-unfit`. */
export function fillIn({ url, files, claimCodeHash, central }: IgnitionOptions): string {
  if (!/^https?:\/\/[\w.:[\]-]+(?:\/[\w./~-]*[\w~-])?$/.test(url)) {
    throw releaseFaults.fault("butane-unfit", `${url} is no http or https address without a slash at its end`);
  }
  const sha512 = (name: string): string => {
    const path = join(files, name);
    if (!existsSync(path)) throw releaseFaults.fault("input-missing", `${path} is missing: npm run build makes it`);
    return hash("sha512", readFileSync(path), "hex");
  };
  const settings = settingsWith(central, readFileSync(join(sourceFolder, "butane/piccolod.json"), "utf8"));
  const text = readSource()
    .replaceAll("@URL@", url)
    .replaceAll("@CLAIM_CODE_HASH@", () => claimCodeHash)
    .replaceAll(digestPlace, (_, name: string) => sha512(name))
    // A JSON string is a quoted scalar of YAML, too.
    .replaceAll("@SETTINGS@", () => JSON.stringify(settings));
  const open = /@[A-Z][A-Z0-9_]*(?::[\w.-]+)?@/.exec(text);
  if (open !== null) throw releaseFaults.fault("butane-unfit", `nothing is known to fill ${open[0]} with`);
  return text;
}

/** As the real `butane` translates, or undefined where it is not installed. */
async function translateByButane(text: string): Promise<Json | undefined> {
  try {
    const output = await runTool("butane", ["--strict", "--files-dir", sourceFolder], {
      from: "butane",
      input: Buffer.from(text),
    });
    return JSON.parse(output.toString()) as Json;
  } catch (error) {
    if (releaseFaults.owns(error) && error.code === "tool-missing") return undefined;
    throw error;
  }
}

/** Throws `translations-differ` where the real program is installed and has another result. */
export async function makeIgnition(
  text: string,
): Promise<{ readonly ignition: Json; readonly checkedBy: readonly string[] }> {
  const ignition = translateButane(text, (name) => readFileSync(join(sourceFolder, name)));
  const theirs = await translateByButane(text);
  if (theirs === undefined) return { ignition, checkedBy: [] };
  if (!isDeepStrictEqual(normalized(theirs), normalized(ignition))) {
    throw releaseFaults.fault("translations-differ", "butane translates the source otherwise than this program does");
  }
  return { ignition, checkedBy: ["butane"] };
}

/**
 * Whether `ignition-validate` took it; false where it is not installed and `isDispensable`. Throws `tool-failed` with its reasons,
 * `tool-missing`.
 */
async function isValidated(path: string, isDispensable: boolean): Promise<boolean> {
  try {
    await runTool("ignition-validate", [path], { from: "ignition" });
    return true;
  } catch (error) {
    if (isDispensable && releaseFaults.owns(error) && error.code === "tool-missing") return false;
    throw error;
  }
}

/** Puts the configuration at `out` once it was found good, and gives who found it so. */
async function writeChecked(ignition: Json, out: string, isUnchecked: boolean): Promise<readonly string[]> {
  const unchecked = `${out}.unchecked`;
  try {
    writeFileSync(unchecked, `${JSON.stringify(ignition, null, 2)}\n`);
    const checkedBy = (await isValidated(unchecked, isUnchecked)) ? ["ignition-validate"] : [];
    renameSync(unchecked, out);
    return checkedBy;
  } finally {
    rmSync(unchecked, { force: true });
  }
}

export async function run(args: readonly string[], programs: Programs = ownPrograms): Promise<number> {
  const text = { type: "string" } as const;
  const unchecked = { type: "boolean", default: false } as const;
  const options = { url: text, files: text, out: text, central: text, "claim-code": text, butane: text, unchecked };
  const { values } = parseArgs({ args: [...args], options });
  const { url, out, butane } = values;
  if (out === undefined) throw new UsageError(`ignition takes --out\n${usage}`);
  const given = values["claim-code"];
  const code = given === undefined ? newClaimCode(realWorld) : readFileSync(resolve(given), "utf8").trim();
  if (code.length < 8) throw new UsageError("a claim code has at least 8 characters");
  if (given !== undefined && isEasyClaimCode(code)) {
    throw new UsageError(
      "this claim code is easy to guess: take 8 letters and digits or more by chance, or leave it out",
    );
  }
  const central = values.central === undefined ? undefined : parseCentral(values.central);
  const isBuilt = fetched().every((name) => existsSync(join(programs.folder, name)));
  if (values.files === undefined && !isBuilt) await programs.build();
  const files = values.files === undefined ? programs.folder : resolve(values.files);
  const source = fillIn({ url: url ?? nobodysUrl(), files, claimCodeHash: hashClaimCode(code, realWorld), central });
  const { ignition, checkedBy } = await makeIgnition(source);
  const checks = [...checkedBy, ...(await writeChecked(ignition, resolve(out), values.unchecked))];
  if (butane !== undefined) writeFileSync(resolve(butane), source);
  process.stdout.write(
    `${out}: ${checks.length === 0 ? "not checked by another program" : `checked by ${checks.join(" and ")}`}\n`,
  );
  if (url === undefined) {
    process.stdout.write(
      `no --url: it names ${nobodysUrl()}, which is nobody's; a machine needs one with the address its files are at\n`,
    );
  }
  if (central === undefined) {
    process.stdout.write("no --central: the device founds and joins no network, and its files lie on it alone\n");
  }
  // The one secret that may be printed: it is needed once, by the person who reads it here.
  if (given === undefined) process.stdout.write(`claim code: ${code}\n`);
  return 0;
}
