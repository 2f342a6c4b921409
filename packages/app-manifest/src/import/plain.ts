/** A document's tree as plain values, which is what a translation works on. */
import type { Node } from "../document.ts";

export type Plain = string | number | boolean | null | readonly Plain[] | PlainMap;
export interface PlainMap {
  readonly [key: string]: Plain;
}

/** Numbers whose spelling counts (`010`, `1.10`) stay text. Maps have no prototype: a key is only a key. */
export function plainOf(node: Node): Plain {
  if (node.kind === "list") return node.items.map(plainOf);
  if (node.kind === "map") {
    const result: Record<string, Plain> = Object.create(null) as Record<string, Plain>;
    for (const [name, { value }] of node.entries) result[name] = plainOf(value);
    return result;
  }
  const { value, source } = node;
  if (typeof value === "number" && String(value) !== source) return source;
  return value;
}

export function isMap(value: Plain | undefined): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function mapAt(value: Plain | undefined, key: string): PlainMap {
  const found = isMap(value) ? value[key] : undefined;
  return isMap(found) ? found : {};
}

export function listAt(value: Plain | undefined, key: string): readonly Plain[] {
  const found = isMap(value) ? value[key] : undefined;
  return Array.isArray(found) ? (found as readonly Plain[]) : [];
}

/** Scalars as they are spelt; undefined for anything else. */
export function textOf(value: Plain | undefined): string | undefined {
  return value === undefined || value === null || typeof value === "object" ? undefined : String(value);
}

export function textAt(value: Plain | undefined, key: string): string | undefined {
  return isMap(value) ? textOf(value[key]) : undefined;
}

/** A list of texts, or one text as a list of one. */
export function textsOf(value: Plain | undefined): readonly string[] {
  if (Array.isArray(value)) return (value as readonly Plain[]).flatMap((item) => textOf(item) ?? []);
  const text = textOf(value);
  return text === undefined ? [] : [text];
}
