/** What a verb is given of the world, so that tests can run it in their own process. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly input: NodeJS.ReadableStream;
}

/** The exit codes, the same for all verbs. */
export const exitCodes = {
  /** Done, and nothing is wrong. */
  fine: 0,
  /** Done, and what was looked at is refused. */
  refused: 1,
  /** The arguments cannot be used. */
  usage: 2,
  /** It could not be done: a file cannot be read, a device cannot be reached. */
  failed: 3,
} as const;

export interface Verb {
  /** One line for the list of verbs. */
  readonly usage: string;
  readonly about: string;
  /** The exit code. */
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}
