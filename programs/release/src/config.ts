/** The only reader of the release pipeline's arguments. */
import { resolve } from "node:path";

/** Arguments that cannot be used; the message is one line for the person who typed them. */
export class UsageError extends Error {}

export interface Invocation {
  readonly verb: string | undefined;
  /** What follows the verb. */
  readonly args: readonly string[];
}

export function readInvocation(argv: readonly string[] = process.argv.slice(2)): Invocation {
  const [verb, ...args] = argv;
  return { verb, args };
}

/** The repository this program is part of: images are built from its working tree. */
export const repositoryRoot = resolve(import.meta.dirname, "../../..");
