import { fromBase64Url, fromUtf8, toBase64Url, toUtf8 } from "@piccolo/bytes";
import { filesFaults } from "./types.ts";

/** Where a listing goes on: the sort values of the last entry that was given. */
export type CursorValues = readonly (string | number)[];

/** `kind` names the listing and its order: a cursor of another one is refused. */
export function encodeCursor(kind: string, values: CursorValues): string {
  return toBase64Url(toUtf8(JSON.stringify([kind, ...values])));
}

/** Throws `invalid-cursor`. `shape` gives the types of the values in order. */
export function decodeCursor(
  kind: string,
  shape: readonly ("string" | "number")[],
  text: string | undefined,
): CursorValues | undefined {
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(fromUtf8(fromBase64Url(text)));
    if (Array.isArray(parsed) && parsed.length === shape.length + 1 && parsed[0] === kind) {
      const values: unknown[] = parsed.slice(1);
      if (values.every((value, at) => typeof value === shape[at])) return values as (string | number)[];
    }
  } catch {
    // Whatever is wrong with it, the answer is the same.
  }
  throw filesFaults.fault("invalid-cursor", "this is not a cursor of this listing; begin again without one");
}
