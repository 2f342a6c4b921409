/** The only reader of the command's arguments: which verb, and what it was given. */
import { parseArgs } from "node:util";
import type { DefinitionFacts } from "@piccolo/app-manifest";

/** Arguments that cannot be used; the message is one line for the person who typed them. */
export class UsageError extends Error {}

export interface Call {
  /** Such as `app check`. */
  readonly verb: string;
  /** What follows the verb. */
  readonly args: readonly string[];
}

/** Undefined: the person asked for help. */
export function readCall(verbs: readonly string[], args: readonly string[] = process.argv.slice(2)): Call | undefined {
  if (args.length === 0 || args[0] === "help" || args[0] === "--help" || args[0] === "-h") return undefined;
  const verb = verbs.find((name) => name.split(" ").every((word, at) => args[at] === word));
  if (verb === undefined) {
    const asked = args.slice(0, 2).join(" ");
    throw new UsageError(`there is no verb ${JSON.stringify(asked.slice(0, 40))}; piccolo help lists them`);
  }
  return { verb, args: args.slice(verb.split(" ").length) };
}

export interface CheckArguments {
  /** A path, or `-` for the standard input. */
  readonly file: string;
  readonly json: boolean;
}

/** What Node says of arguments is several sentences; the first is what is wrong. */
function parsedOrRefused<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError((error instanceof Error ? error.message : String(error)).split(/\.\s|\n/)[0] ?? "");
  }
}

export function readCheckArguments(args: readonly string[]): CheckArguments {
  const parsed = parsedOrRefused(() =>
    parseArgs({ args: [...args], options: { json: { type: "boolean" } }, allowPositionals: true }),
  );
  const [file, more] = parsed.positionals;
  if (file === undefined || more !== undefined) throw new UsageError("app check takes one FILE, or - for its input");
  return { file, json: parsed.values.json ?? false };
}

export interface ImportArguments {
  /** One or two paths, at most one of them `-` for the standard input. */
  readonly files: readonly string[];
  readonly facts: DefinitionFacts;
  /** By the image's name as the definition writes it. */
  readonly digests: ReadonlyMap<string, string>;
  /** Where the manifest goes; undefined: to the standard output. */
  readonly out: string | undefined;
  readonly json: boolean;
}

const text = { type: "string" } as const;

function readWeb(web: string): NonNullable<DefinitionFacts["web"]> {
  const [, service, port] = /^([^:\s]{1,100}):([0-9]{1,5})$/.exec(web) ?? [];
  if (service === undefined || port === undefined) throw new UsageError("--web takes SERVICE:PORT, such as web:8080");
  return { service, port: Number(port) };
}

function readDigest(pair: string): readonly [string, string] {
  const at = pair.lastIndexOf("=");
  if (at < 1) throw new UsageError("--digest takes IMAGE=DIGEST, such as nginx:1.29=sha256:...");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

export function readImportArguments(args: readonly string[]): ImportArguments {
  const { values, positionals } = parsedOrRefused(() =>
    parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean" },
        out: text,
        id: text,
        name: text,
        version: text,
        web: text,
        digest: { type: "string", multiple: true },
      },
      allowPositionals: true,
    }),
  );
  const { id, name, version, web, digest = [], out, json = false } = values;
  const inputs = positionals.filter((file) => file === "-").length;
  if (positionals.length < 1 || positionals.length > 2 || inputs > 1)
    throw new UsageError("app import takes one FILE or two, and - for its input once");
  return {
    files: positionals,
    facts: {
      ...(id === undefined ? {} : { id }),
      ...(name === undefined ? {} : { name }),
      ...(version === undefined ? {} : { version }),
      ...(web === undefined ? {} : { web: readWeb(web) }),
    },
    digests: new Map(digest.map(readDigest)),
    out,
    json,
  };
}
