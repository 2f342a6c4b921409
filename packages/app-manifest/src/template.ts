/** Interpolation: `$NAME` and `${NAME}` for what is declared, `$$` for a dollar sign, nothing else of Compose's forms. */
import assert from "node:assert/strict";
import { type Place, type Problems, shown } from "./problems.ts";
import type { FactName, Template, TemplatePart } from "./types.ts";

export const factNames: readonly FactName[] = [
  "PICCOLO_APP_URL",
  "PICCOLO_APP_HOST",
  "PICCOLO_PROXY_ADDRESS",
  "PICCOLO_TIME_ZONE",
  "PICCOLO_LANGUAGE",
];

/** What a template may name; `kindOf` is undefined for a name that is not declared. */
export interface Variables {
  readonly kindOf: (name: string) => TemplatePart["kind"] | undefined;
}

export function variablesOf(secrets: ReadonlySet<string>, settings: ReadonlySet<string>): Variables {
  return {
    kindOf: (name) => {
      if (factNames.some((fact) => fact === name)) return "fact";
      if (secrets.has(name)) return "secret";
      return settings.has(name) ? "setting" : undefined;
    },
  };
}

function partOf(name: string, variables: Variables): TemplatePart | undefined {
  const kind = variables.kindOf(name);
  if (kind === "fact") return { kind, name: name as FactName };
  return kind === "secret" || kind === "setting" ? { kind, name } : undefined;
}

/** A place ends before the next dollar sign: without that, each brace that never ends would be looked for through the whole rest. */
const token = /\$(?:\$|\{([^}$]*)\}|([A-Za-z_][A-Za-z0-9_]*))?/g;

/** Neighbouring texts joined, empty ones left out. */
function joined(parts: readonly TemplatePart[]): Template {
  const result: TemplatePart[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (part.kind !== "text") result.push(part);
    else if (last?.kind === "text") result[result.length - 1] = { kind: "text", text: last.text + part.text };
    else if (part.text !== "") result.push(part);
  }
  return result;
}

/** The template of a text, or undefined with the problems noted. */
export function parseTemplate(
  value: string,
  variables: Variables,
  path: string,
  place: Place,
  problems: Problems,
): Template | undefined {
  const parts: TemplatePart[] = [];
  let from = 0;
  let sound = true;
  for (const match of value.matchAll(token)) {
    parts.push({ kind: "text", text: value.slice(from, match.index) });
    from = match.index + match[0].length;
    if (match[0] === "$$") {
      parts.push({ kind: "text", text: "$" });
      continue;
    }
    const name = match[1] ?? match[2];
    if (name === undefined || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      sound = false;
      problems.add(
        "variable-form",
        path,
        place,
        `${shown(match[0])} is not a variable this device fills.`,
        "Write ${NAME} without defaults or other operators, or $$ for a dollar sign.",
      );
      continue;
    }
    const part = partOf(name, variables);
    if (part === undefined) {
      sound = false;
      problems.add(
        "variable-unknown",
        path,
        place,
        `The variable ${shown(name)} is declared nowhere.`,
        `Declare it under x-piccolo secrets or settings, or use one of ${factNames.join(", ")}.`,
      );
    } else parts.push(part);
  }
  parts.push({ kind: "text", text: value.slice(from) });
  return sound ? joined(parts) : undefined;
}

/** The text where no variable may stand: `$$` becomes `$`, and a variable is a problem. */
export function plainText(value: string, path: string, place: Place, problems: Problems): string | undefined {
  const unescaped = value.replaceAll("$$", "");
  if (!unescaped.includes("$")) return value.replaceAll("$$", "$");
  problems.add(
    "variable-here",
    path,
    place,
    "No variable is filled at this place.",
    "Use variables in environment, command and entrypoint only; write $$ for a dollar sign.",
  );
  return undefined;
}

export interface TemplateValues {
  readonly secret: (name: string) => string;
  readonly setting: (name: string) => string;
  readonly fact: (name: FactName) => string;
}

/** The text with every place filled. What comes out of a template with a secret is one itself. */
export function renderTemplate(template: Template, values: TemplateValues): string {
  return template
    .map((part) => {
      switch (part.kind) {
        case "text":
          return part.text;
        case "secret":
          return values.secret(part.name);
        case "setting":
          return values.setting(part.name);
        case "fact":
          return values.fact(part.name);
        default:
          return assert.fail();
      }
    })
    .join("");
}
