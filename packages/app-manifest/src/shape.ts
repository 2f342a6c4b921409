/**
 * Shapes: what may stand at one place of a manifest. Each both reads a node, noting problems, and says itself as JSON
 * Schema, so that the published schema cannot allow what the check refuses by shape, or the other way round.
 */
import { directionControls, lineSeparators, visibleCharacter } from "@piccolo/bytes";
import type { Entry, Node } from "./document.ts";
import { below, type ProblemCode, type Problems, shown } from "./problems.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Shape<T> {
  /** What was read, or undefined with a problem noted. */
  readonly read: (node: Node, path: string, problems: Problems) => T | undefined;
  readonly schema: JsonSchema;
}

export function typeName(node: Node): string {
  if (node.kind !== "scalar") return `a ${node.kind}`;
  return node.value === null ? "nothing" : `a ${typeof node.value}`;
}

function wrongType(node: Node, path: string, problems: Problems, wanted: string): undefined {
  problems.add(
    "wrong-type",
    path,
    node.place,
    `Here stands ${typeName(node)}, where ${wanted} belongs.`,
    `Write ${wanted}.`,
  );
  return undefined;
}

export interface TextRules {
  readonly lengthMax: number;
  readonly lengthMin?: number;
  readonly pattern?: RegExp;
  /** What a text of the pattern is called, with its article. */
  readonly called?: string;
  readonly code?: ProblemCode;
  readonly lines?: boolean;
  /** Shown to people as the name or the words of something: nothing but spaces and marks is not enough. */
  readonly isRead?: boolean;
}

interface Remark {
  readonly reason: string;
  readonly advice: string;
}

function refusedCharacters(value: string, lines: boolean, isRead: boolean): Remark | undefined {
  const isControl = lines ? /[^\P{Cc}\n\t]/u : /\p{Cc}/u;
  if (!value.isWellFormed() || isControl.test(value) || (!lines && lineSeparators.test(value))) {
    return { reason: "The text has control characters.", advice: "Remove them." };
  }
  if (directionControls.test(value)) {
    return { reason: "The text has characters that turn the direction of writing.", advice: "Remove them." };
  }
  if (isRead && !visibleCharacter.test(value)) {
    return { reason: "Nobody could see the text.", advice: "Write a text with a visible character." };
  }
  return undefined;
}

/** Text; numbers and switches are taken as they are written, as Compose does. */
export function text(rules: TextRules): Shape<string> {
  const { lengthMax, lengthMin = 1, pattern, called = "a text", code = "wrong-value" } = rules;
  const { lines = false, isRead = false } = rules;
  return {
    read: (node, path, problems) => {
      if (node.kind !== "scalar" || node.value === null) return wrongType(node, path, problems, called);
      const value = typeof node.value === "string" ? node.value : node.source;
      if (value.length < lengthMin || value.length > lengthMax) {
        const bounds = `${lengthMin} to ${lengthMax} characters`;
        problems.add("out-of-bounds", path, node.place, `The text has ${value.length} characters.`, `Write ${bounds}.`);
        return undefined;
      }
      const refused = refusedCharacters(value, lines, isRead);
      if (refused !== undefined) {
        problems.add("wrong-value", path, node.place, refused.reason, refused.advice);
        return undefined;
      }
      if (pattern !== undefined && !pattern.test(value)) {
        problems.add(code, path, node.place, `${shown(value)} is not ${called}.`, `Write ${called}.`);
        return undefined;
      }
      return value;
    },
    schema: {
      type: ["string", "number", "boolean"],
      minLength: lengthMin,
      maxLength: lengthMax,
      ...(pattern === undefined ? {} : { pattern: pattern.source }),
    },
  };
}

export function whole(minimum: number, maximum: number): Shape<number> {
  return {
    read: (node, path, problems) => {
      const value = node.kind === "scalar" && typeof node.value === "string" ? digits(node.value) : scalarNumber(node);
      if (value === undefined || !Number.isSafeInteger(value)) {
        return wrongType(node, path, problems, "a whole number");
      }
      if (value < minimum || value > maximum) {
        const reason = `${value} is not from ${minimum} to ${maximum}.`;
        problems.add("out-of-bounds", path, node.place, reason, `Write a number from ${minimum} to ${maximum}.`);
        return undefined;
      }
      return value;
    },
    schema: {
      anyOf: [
        { type: "integer", minimum, maximum },
        { type: "string", pattern: "^[0-9]{1,15}$" },
      ],
    },
  };
}

const digits = (value: string): number | undefined => (/^[0-9]{1,15}$/.test(value) ? Number(value) : undefined);

function scalarNumber(node: Node): number | undefined {
  return node.kind === "scalar" && typeof node.value === "number" ? node.value : undefined;
}

export function flag(): Shape<boolean> {
  return {
    read: (node, path, problems) =>
      node.kind === "scalar" && typeof node.value === "boolean"
        ? node.value
        : wrongType(node, path, problems, "true or false"),
    schema: { type: "boolean" },
  };
}

export function oneOf<const T extends string>(values: readonly T[], code: ProblemCode = "wrong-value"): Shape<T> {
  const listed = values.join(", ");
  return {
    read: (node, path, problems) => {
      if (node.kind !== "scalar" || node.value === null) return wrongType(node, path, problems, `one of ${listed}`);
      const value = typeof node.value === "string" ? node.value : node.source;
      const found = values.find((candidate) => candidate === value);
      if (found === undefined) {
        problems.add(code, path, node.place, `${shown(value)} is not allowed here.`, `Write one of: ${listed}.`);
      }
      return found;
    },
    schema: { enum: values },
  };
}

/** A text that `parse` turns into a value; undefined from it is a problem. */
export function parsed<T>(
  called: string,
  pattern: RegExp,
  parse: (value: string) => T | undefined,
  code: ProblemCode = "wrong-value",
): Shape<T> {
  const inner = text({ lengthMax: 300, pattern, called, code });
  return {
    read: (node, path, problems) => {
      const value = inner.read(node, path, problems);
      if (value === undefined) return undefined;
      const result = parse(value);
      if (result === undefined) {
        problems.add(code, path, node.place, `${shown(value)} is not ${called}.`, `Write ${called}.`);
      }
      return result;
    },
    schema: inner.schema,
  };
}

export function list<T>(items: Shape<T>, lengthMax: number, lengthMin = 0): Shape<readonly T[]> {
  return {
    read: (node, path, problems) => {
      if (node.kind !== "list") return wrongType(node, path, problems, "a list");
      if (node.items.length < lengthMin || node.items.length > lengthMax) {
        const bounds = `${lengthMin} to ${lengthMax}`;
        const reason = `The list has ${node.items.length} entries.`;
        problems.add("out-of-bounds", path, node.place, reason, `Write ${bounds} entries.`);
        return undefined;
      }
      return node.items.flatMap((item, index) => {
        const value = items.read(item, below(path, index), problems);
        return value === undefined ? [] : [value];
      });
    },
    schema: { type: "array", items: items.schema, minItems: lengthMin, maxItems: lengthMax },
  };
}

export interface NameRules {
  readonly pattern: RegExp;
  readonly called: string;
}

/** A map whose keys are names the author chooses. */
export function mapOf<T>(
  names: NameRules,
  values: Shape<T>,
  sizeMax: number,
  sizeMin = 0,
): Shape<ReadonlyMap<string, T>> {
  return {
    read: (node, path, problems) => {
      if (node.kind !== "map") return wrongType(node, path, problems, "a map");
      if (node.entries.size < sizeMin || node.entries.size > sizeMax) {
        const reason = `The map has ${node.entries.size} entries.`;
        problems.add("out-of-bounds", path, node.place, reason, `Write ${sizeMin} to ${sizeMax} entries.`);
        return undefined;
      }
      const result = new Map<string, T>();
      for (const [name, { place, value }] of node.entries) {
        if (!names.pattern.test(name)) {
          const reason = `${shown(name)} is not ${names.called}.`;
          problems.add("name-refused", below(path, name), place, reason, `Choose ${names.called}.`);
          continue;
        }
        const read = values.read(value, below(path, name), problems);
        if (read !== undefined) result.set(name, read);
      }
      return result;
    },
    schema: {
      type: "object",
      minProperties: sizeMin,
      maxProperties: sizeMax,
      propertyNames: { pattern: names.pattern.source },
      additionalProperties: values.schema,
    },
  };
}

/** The first shape whose kind of node it is; the problems of the one that is chosen are noted. */
export function byKind<T>(shapes: { readonly [K in Node["kind"]]?: Shape<T> }, wanted: string): Shape<T> {
  return {
    read: (node, path, problems) => {
      const shape = shapes[node.kind];
      return shape === undefined ? wrongType(node, path, problems, wanted) : shape.read(node, path, problems);
    },
    schema: { anyOf: Object.values(shapes).map(({ schema }) => schema) },
  };
}

/** What follows from a value; `turn` notes its own problems. */
export function turned<T, U>(
  shape: Shape<T>,
  turn: (value: T, node: Node, path: string, problems: Problems) => U | undefined,
): Shape<U> {
  return {
    read: (node, path, problems) => {
      const value = shape.read(node, path, problems);
      return value === undefined ? undefined : turn(value, node, path, problems);
    },
    schema: shape.schema,
  };
}

export interface Refusal {
  readonly code: ProblemCode;
  readonly reason: string;
  readonly advice: string;
}

export interface Field<T, Required extends boolean> {
  readonly shape: Shape<T>;
  readonly required: Required;
}

export const needed = <T>(shape: Shape<T>): Field<T, true> => ({ shape, required: true });
export const maybe = <T>(shape: Shape<T>): Field<T, false> => ({ shape, required: false });

type Fields = Readonly<Record<string, Field<unknown, boolean>>>;
type FieldValue<F> = F extends Field<infer T, infer R> ? (R extends true ? T : T | undefined) : never;
export type Read<F extends Fields> = { readonly [K in keyof F]: FieldValue<F[K]> };

export interface ObjectRules {
  /** Keys with a reason of their own for being refused. */
  readonly refused?: Readonly<Record<string, Refusal>>;
  /** Whether keys that begin with `x-` are passed over. */
  readonly extensions?: boolean;
}

/** A map with known keys. Undefined only where a needed value is; a problem of one key does not hide those of others. */
export function object<const F extends Fields>(fields: F, rules: ObjectRules = {}): Shape<Read<F>> {
  const known = Object.keys(fields);
  const noteStranger = (name: string, entry: Entry, path: string, problems: Problems): void => {
    const refusal = Object.hasOwn(rules.refused ?? {}, name) ? rules.refused?.[name] : undefined;
    if (refusal !== undefined) {
      problems.add(refusal.code, below(path, name), entry.place, refusal.reason, refusal.advice);
    } else if (!(rules.extensions === true && name.startsWith("x-"))) {
      problems.add(
        "unknown-key",
        below(path, name),
        entry.place,
        `The key ${shown(name)} is not known here.`,
        `Remove it, or write one of: ${known.join(", ")}.`,
      );
    }
  };
  return {
    read: (node, path, problems) => {
      if (node.kind !== "map") return wrongType(node, path, problems, "a map");
      const result: Record<string, unknown> = {};
      let whole = true;
      for (const [name, entry] of node.entries) {
        if (!Object.hasOwn(fields, name)) noteStranger(name, entry, path, problems);
      }
      for (const [name, { shape, required }] of Object.entries(fields)) {
        const entry = node.entries.get(name);
        const value = entry === undefined ? undefined : shape.read(entry.value, below(path, name), problems);
        if (entry === undefined && required) {
          problems.add("missing-key", path, node.place, `The key ${shown(name)} is missing.`, `Add ${shown(name)}.`);
        }
        if (value === undefined && required) whole = false;
        result[name] = value;
      }
      return whole ? (result as Read<F>) : undefined;
    },
    schema: {
      type: "object",
      properties: Object.fromEntries(Object.entries(fields).map(([name, { shape }]) => [name, shape.schema])),
      required: Object.entries(fields).flatMap(([name, field]) => (field.required ? [name] : [])),
      ...(rules.extensions === true ? { patternProperties: { "^x-": {} } } : {}),
      additionalProperties: false,
    },
  };
}

/** Takes whatever of the shape stands there and forgets it. */
export function passedOver(shape: Shape<unknown>): Shape<true> {
  return turned(shape, () => true as const);
}

/** Nothing, or an empty map: the body of a named volume. */
export const nothing: Shape<true> = {
  read: (node, path, problems) => {
    if (node.kind === "scalar" && node.value === null) return true;
    if (node.kind !== "map") return wrongType(node, path, problems, "nothing");
    for (const [name, { place }] of node.entries) {
      problems.add(
        "key-outside-subset",
        below(path, name),
        place,
        `The key ${shown(name)} of a volume is outside the subset.`,
        "Leave the volume empty; the device keeps all volumes in one way.",
      );
    }
    return true;
  },
  schema: { anyOf: [{ type: "null" }, { type: "object", maxProperties: 0 }] },
};
