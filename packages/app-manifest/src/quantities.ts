/** Durations and sizes as Compose writes them. */
import { parsed, type Shape } from "./shape.ts";

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** In milliseconds: `1m30s`, `500ms`; a bare number is seconds. */
export function duration(minimumMs: number, maximumMs: number): Shape<number> {
  const called = `a duration from ${minimumMs} ms to ${maximumMs / 1000} s, such as 1m30s`;
  return parsed(called, /^(?:[0-9]{1,9}|(?:[0-9]{1,9}(?:ms|s|m|h)){1,4})$/, (value) => {
    const bare = /^[0-9]+$/.test(value) ? Number(value) * 1000 : undefined;
    const parts = [...value.matchAll(/([0-9]+)(ms|s|m|h)/g)];
    const total =
      bare ?? parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (durationUnits[unit] ?? 0), 0);
    return total >= minimumMs && total <= maximumMs ? total : undefined;
  });
}

const sizeUnits: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** In bytes: `512m`, `1gb`, `1073741824`; units are powers of 1,024. */
export function size(minimumBytes: number, maximumBytes: number): Shape<number> {
  const called = `a size from ${minimumBytes} to ${maximumBytes} bytes, such as 512m`;
  return parsed(called, /^[0-9]{1,15}(?:[bBkKmMgGtT][bB]?|[bB])?$/, (value) => {
    const [, count, unit = "b"] = /^([0-9]+)([bkmgt])?/.exec(value.toLowerCase()) ?? [];
    const bytes = Number(count) * (sizeUnits[unit] ?? 1);
    return Number.isSafeInteger(bytes) && bytes >= minimumBytes && bytes <= maximumBytes ? bytes : undefined;
  });
}

/** In thousandths: `0.5`, `2`. */
export function processors(minimum: number, maximum: number): Shape<number> {
  const called = `a number of processors from ${minimum} to ${maximum}, such as 0.5`;
  return parsed(called, /^[0-9]{1,3}(?:\.[0-9]{1,3})?$/, (value) => {
    const count = Number(value);
    return count >= minimum && count <= maximum ? Math.round(count * 1000) : undefined;
  });
}
