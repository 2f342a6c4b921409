/**
 * Whether a manifest gives away a secret. One out of five public definitions does, and every install then has the same
 * password. Names decide, since a good secret looks like any other text: a value that is only a switch, a path to a secret
 * file, or empty, is none.
 */
import type { Template } from "./types.ts";

const secretName =
  /(?:^|[_.:-])(?:pass|passwd|password|passwort|pwd|passphrase|secrets?|secret[_-]?key(?:[_-]?base)?|token|api[_-]?key|apikey|(?:access|private|encryption|encrypt|master|signing|jwt|app|auth|session)[_-]?key|key[_-]?base|credentials?|salt|pepper)$/i;
const joinedName = /(?:password|passphrase|secret|token|apikey)$/i;
const harmless = /^(?:true|false|yes|no|on|off|none|null|disabled|enabled|auto|optional|required|0|1)?$/i;

/** The part after the scheme of `scheme://user:password@`. */
const urlWithPassword = /:\/\/[^/\s:@]*:([^/\s@]+)@/;
const argumentWithSecret =
  /^--?[a-z0-9_.-]*(?:password|passwd|passphrase|requirepass|secret|token|api-?key)(?:=(.+))?$/i;

/** What a setting is unless the owner says otherwise, empty where it has no default; undefined for a password setting. */
export type UsualSettings = (name: string) => string | undefined;

/** The template with settings as they are unless the owner says otherwise: a default is the same for everyone. */
export function withUsualSettings(template: Template, usual: UsualSettings): Template {
  return template.map((part) => {
    const text = part.kind === "setting" ? usual(part.name) : undefined;
    return text === undefined ? part : { kind: "text", text };
  });
}

/** The text of a template that holds no secret; undefined where one of its parts is a secret or a password setting. */
function literalText(template: Template): string | undefined {
  if (template.some(({ kind }) => kind !== "text" && kind !== "fact")) return undefined;
  return template.map((part) => (part.kind === "text" ? part.text : "")).join("");
}

/** A password in an address is filled in where the part between `:` and `@` holds a secret or a password setting. */
function addressText(template: Template): string {
  return template.map((part) => (part.kind === "text" ? part.text : part.kind === "fact" ? "" : "\u0000")).join("");
}

function hasLiteralPassword(template: Template): boolean {
  const password = urlWithPassword.exec(addressText(template))?.[1];
  return password !== undefined && !password.includes("\u0000");
}

/** The literal password of an address in a text with `${NAME}` variables. */
export function literalPassword(text: string): string | undefined {
  const password = urlWithPassword.exec(text)?.[1];
  return password === undefined || password.includes("${") ? undefined : password;
}

export function isLiteralSecret(name: string, value: Template): boolean {
  if (hasLiteralPassword(value)) return true;
  const text = literalText(value);
  if (text === undefined || harmless.test(text)) return false;
  if (/_FILE$/i.test(name) || text.startsWith("/run/secrets/")) return false;
  return secretName.test(name) || joinedName.test(name);
}

/** Whether one of a command's words is a secret: after `--password`, in `--password=...`, or in an address. */
export function secretArgument(words: readonly Template[]): number | undefined {
  const index = words.findIndex((word, at) => {
    if (hasLiteralPassword(word)) return true;
    const match = argumentWithSecret.exec(addressText(word));
    if (match === null) return false;
    const value = match[1] ?? (words[at + 1] === undefined ? "" : addressText(words[at + 1] ?? []));
    return (
      !harmless.test(value) && !value.startsWith("-") && !value.startsWith("/run/secrets/") && !value.includes("\u0000")
    );
  });
  return index < 0 ? undefined : index;
}

/** Whether a shell's text gives one away: as an argument, in an address, or set before a program. */
export function hasShellSecret(text: string): boolean {
  const words = (text.match(/(?:"[^"]*"|'[^']*'|[^\s"';&|])+/g) ?? []).map((word): Template => {
    const plain = word.replaceAll(/["']/g, "");
    // What the shell fills in comes from the environment.
    return /[$`]/.test(plain) ? [{ kind: "secret", name: "" }] : [{ kind: "text", text: plain }];
  });
  if (secretArgument(words) !== undefined) return true;
  return words.some((word) => {
    const [, name = "", value = ""] = /^([A-Za-z_]\w*)=(.*)$/s.exec(literalText(word) ?? "") ?? [];
    return isLiteralSecret(name, [{ kind: "text", text: value }]);
  });
}
