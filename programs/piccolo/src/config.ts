/** The only reader of the command's arguments: which verb, and what it was given. */
import { parseArgs } from "node:util";

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

export function readCheckArguments(args: readonly string[]): CheckArguments {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options: { json: { type: "boolean" } }, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error instanceof Error ? error.message : String(error)).split(/\.\s|\n/)[0] ?? "");
  }
  const [file, more] = parsed.positionals;
  if (file === undefined || more !== undefined) throw new UsageError("app check takes one FILE, or - for its input");
  return { file, json: parsed.values.json ?? false };
}
