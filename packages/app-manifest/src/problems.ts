/** What is wrong with a manifest or a definition to import: collected, so that an author sees all of it at once. */

/** Where in the text: line and column count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Stable codes, the interface of a refusal; the texts beside them may change. docs/spec/app-manifest.md lists them. */
export const problemCodes = [
  "too-large",
  "not-yaml",
  "not-json",
  "too-deep",
  "too-many-nodes",
  "duplicate-key",
  "key-not-text",
  "tag-refused",
  "wrong-type",
  "wrong-value",
  "out-of-bounds",
  "missing-key",
  "unknown-key",
  "key-outside-subset",
  "name-refused",
  "name-reserved",
  "image-not-by-digest",
  "digest-unknown",
  "image-built",
  "host-port",
  "host-path",
  "host-namespace",
  "container-socket",
  "privileged",
  "capability-refused",
  "device-refused",
  "literal-secret",
  "secret-in-arguments",
  "variable-unknown",
  "variable-form",
  "variable-here",
  "service-unknown",
  "health-check-missing",
  "dependency-cycle",
  "volume-unknown",
  "volume-unused",
  "secret-unknown",
  "secret-unused",
  "target-refused",
  "target-taken",
  "not-importable",
  "not-said",
] as const;

export type ProblemCode = (typeof problemCodes)[number];

export interface Problem {
  readonly code: ProblemCode;
  /** JSON Pointer (RFC 6901) into the document; empty for all of it. */
  readonly path: string;
  readonly place: Place | undefined;
  /** A sentence: what is wrong. */
  readonly reason: string;
  /** A sentence: what to do. */
  readonly advice: string;
}

export const problemsMax = 100;

/** One step further down; a name is escaped, since names from outside may hold `/` and `~`. */
export function below(path: string, step: string | number): string {
  return `${path}/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** At most `problemsMax` are kept: nobody mends more at once, and a hostile file must not make megabytes of answer. */
export class Problems {
  readonly #found: Problem[] = [];

  get found(): readonly Problem[] {
    return this.#found;
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  add(code: ProblemCode, path: string, place: Place | undefined, reason: string, advice: string): void {
    if (this.#found.length < problemsMax) this.#found.push({ code, path: path.slice(0, 500), place, reason, advice });
  }
}

/** A text from the document as it may stand in a message: short, and without characters that move a cursor. */
export function shown(text: string): string {
  const plain = text.replaceAll(/\p{C}/gu, "?");
  return plain.length > 60 ? `"${plain.slice(0, 57)}..."` : `"${plain}"`;
}
