/** From arguments and the file they name to values by name: each has its type, what it means is decided in `config.ts`. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";

/** Arguments that cannot be used; the message is one line for the person who typed them. */
export class UsageError extends Error {}

export const options = {
  config: { type: "string" },
  state: { type: "string" },
  listen: { type: "string" },
  redirect: { type: "string" },
  https: { type: "boolean" },
  host: { type: "string" },
  "peer-listen": { type: "string" },
  "peer-bulk-port": { type: "string" },
  mdns: { type: "boolean" },
  central: { type: "string" },
  "device-name": { type: "string" },
  domain: { type: "string" },
  portal: { type: "string" },
  "claim-code-file": { type: "string" },
  "invitation-file": { type: "string" },
  "first-boot": { type: "string" },
  screen: { type: "string", multiple: true },
  release: { type: "string" },
  "signed-boots": { type: "string" },
  "boot-loader": { type: "string" },
  policy: { type: "string" },
  "spool-limit-bytes": { type: "string" },
  "holder-quota-bytes": { type: "string" },
  "podman-socket": { type: "string" },
  "podman-unit": { type: "string" },
  "bundled-images": { type: "string" },
  catalog: { type: "string", multiple: true },
  tpm: { type: "string" },
  volume: { type: "string" },
  "mount-unit": { type: "string" },
  "password-cost": { type: "string" },
  "insecure-no-tpm": { type: "boolean" },
  "insecure-no-volume": { type: "boolean" },
  "insecure-cheap-slots": { type: "boolean" },
  "insecure-registry": { type: "string", multiple: true },
  "insecure-drills": { type: "boolean" },
  "crash-at": { type: "string" },
  "app-health-ms": { type: "string" },
} as const;

export type Values = { [Name in keyof typeof options]?: string | boolean | readonly string[] };

const fileBytesMax = 64 * 1024;

/** Arguments win over the file that `--config` names. Throws `UsageError`. */
export function parseValues(args: readonly string[]): Values {
  const given = parseGiven(args);
  if (given.config === undefined) return given;
  return { ...parseFile(String(given.config)), ...given };
}

function parseGiven(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    // Node explains at length; the first sentence is what matters.
    throw new UsageError((error instanceof Error ? error.message : String(error)).split(/\.\s|\n/)[0] ?? "");
  }
}

/** One JSON object whose members are named like the arguments, so that there is one list of what can be said. */
function parseFile(path: string): Values {
  const values: Record<string, string | boolean | readonly string[]> = {};
  for (const [name, value] of Object.entries(readJsonFile("config", path, z.record(z.string(), z.unknown())))) {
    const option: { type: string; multiple?: boolean } | undefined =
      name in options && name !== "config" ? options[name as keyof typeof options] : undefined;
    if (option === undefined) throw new UsageError(`${path} has the unknown member ${JSON.stringify(name)}`);
    const isRight =
      option.multiple === true
        ? Array.isArray(value) && value.every((each) => typeof each === "string")
        : typeof value === option.type;
    if (!isRight) throw new UsageError(`${path} has a ${JSON.stringify(name)} of another type than --${name} takes`);
    values[name] = value as string | boolean | readonly string[];
  }
  return values;
}

/** Throws `UsageError`, which names the argument that named the file. */
export function readJsonFile<T>(argument: keyof Values, path: string, schema: z.ZodType<T>): T {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new UsageError(`--${argument} names ${path}, which cannot be read (${code})`);
  }
  if (text.length > fileBytesMax) throw new UsageError(`--${argument} names ${path}, which is too large`);
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new UsageError(`--${argument} names ${path}, which is not the JSON it takes`);
  }
}

export function matching(values: Values, name: keyof Values, pattern: RegExp, expected: string): string {
  const value = values[name];
  if (typeof value !== "string") throw new UsageError(`--${name} is missing: it takes ${expected}`);
  if (!pattern.test(value)) throw new UsageError(`--${name} takes ${expected}, not ${JSON.stringify(value)}`);
  return value;
}

export function optional(values: Values, name: keyof Values, pattern: RegExp, expected: string): string | undefined {
  return values[name] === undefined ? undefined : matching(values, name, pattern, expected);
}
