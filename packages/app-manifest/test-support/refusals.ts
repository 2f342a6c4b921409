/** Cases that are refused: a text, or one of the usual ones with a place changed, and the problems it has. */
import assert from "node:assert/strict";
import { digestA, fullText, smallText } from "./texts.ts";
import type { Vector } from "./vector.ts";

/** The order of problems is for people and no part of the format. */
export function sorted<P extends { readonly code: string; readonly path: string }>(
  problems: readonly P[],
): readonly P[] {
  return problems.toSorted((a, b) => (`${a.path} ${a.code}` < `${b.path} ${b.code}` ? -1 : 1));
}

export type Expected = readonly (readonly [code: string, path: string])[];

export const whole = (text: string): Vector["input"] => ({ parts: [{ text, times: 1 }] });

export function refused(about: string, input: Vector["input"], expected: Expected): Vector {
  return {
    about,
    operation: "check",
    input,
    expect: { problems: sorted(expected.map(([code, path]) => ({ code, path }))) },
  };
}

/** The base with one place changed; the place must be there, or the case would test nothing. */
export function changed(base: string, from: string, to: string): string {
  assert.equal(base.split(from).length, 2, from);
  return base.replace(from, () => to);
}

export function small(about: string, from: string, to: string, ...expected: Expected): Vector {
  return refused(about, whole(changed(smallText, from, to)), expected);
}

export function full(about: string, from: string, to: string, ...expected: Expected): Vector {
  return refused(about, whole(changed(fullText, from, to)), expected);
}

export const image = `    image: registry.example/notes:1.0@${digestA}\n`;
export const withKey = (about: string, key: string, code: string, path?: string): Vector =>
  small(about, image, `${image}    ${key}\n`, [code, path ?? `/services/web/${key.split(":")[0] ?? ""}`]);
