/**
 * The one error class of the project. A `Fault` is an operating failure: something the world did, which a caller can
 * rely on by its code and a person can act on by its message. A bug is never a Fault: it asserts and stops the process.
 */

/** Whether doing the same again may help: `later` after a while, `never` without a change by somebody. */
export type Retry = "later" | "never";

/** What a catalogue says of one code. */
export interface FaultEntry {
  readonly retry: Retry;
  /** One sentence for the documentation: when it happens and what to do next. */
  readonly meaning: string;
}

export interface FaultOptions {
  readonly cause?: unknown;
  /** Facts a program may read (numbers, names). They reach users and logs, so they never hold a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export class Fault<Code extends string = string> extends Error {
  override readonly name = "Fault";
  readonly code: Code;
  readonly retry: Retry;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, retry: Retry, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = retry;
    this.details = options.details ?? {};
  }
}

/** A package's faults: a typed map from code to entry, and `fault`, which makes one. */
export interface Catalogue<Code extends string> {
  readonly entries: Readonly<Record<Code, FaultEntry>>;
  fault(code: Code, message: string, options?: FaultOptions): Fault<Code>;
  /** Narrows an unknown error to a fault of this catalogue. */
  owns(error: unknown): error is Fault<Code>;
}

export function catalogue<const Code extends string>(entries: Readonly<Record<Code, FaultEntry>>): Catalogue<Code> {
  return {
    entries,
    fault: (code, message, options) => new Fault(code, entries[code].retry, message, options),
    owns: (error): error is Fault<Code> => error instanceof Fault && Object.hasOwn(entries, error.code),
  };
}

export function isFault(error: unknown, code?: string): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}
