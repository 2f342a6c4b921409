/** A vector for each key of Compose that is refused, whatever its value. */
import { refusedServiceKeys, refusedTopKeys } from "../src/refused-keys.ts";
import { smallText } from "./texts.ts";
import type { Vector } from "./vector.ts";

const nameOf = (key: string): string => key.replaceAll("_", "-");

function refusedKey(about: string, before: string, line: string, code: string, path: string): Vector {
  const text = smallText.replace(before, () => `${line}${before}`);
  return {
    about,
    operation: "check",
    input: { parts: [{ text, times: 1 }] },
    expect: { problems: [{ code, path }] },
  };
}

export function keyCases(): Record<string, Vector> {
  const service = Object.entries(refusedServiceKeys).map(([key, { code }]) => [
    `key-of-service-${nameOf(key)}`,
    refusedKey(`a service with ${key}`, "x-piccolo:\n", `    ${key}: {}\n`, code, `/services/web/${key}`),
  ]);
  const top = Object.entries(refusedTopKeys).map(([key, { code }]) => [
    `key-at-top-${nameOf(key)}`,
    refusedKey(`${key} at the top`, "x-piccolo:\n", `${key}: {}\n`, code, `/${key}`),
  ]);
  return Object.fromEntries([...service, ...top]) as Record<string, Vector>;
}
