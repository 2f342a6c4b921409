/** The manifest an importer builds up: secrets and settings as they turn up, volumes by the paths they stand for. */
import { directionControls } from "@piccolo/bytes";
import { stringify } from "yaml";
import { checkManifest, volumesMax } from "../check.ts";
import { documentBytesMax } from "../document.ts";
import { filledTextMax } from "../filled-text.ts";
import { serviceName, variableName } from "../names.ts";
import { type ProblemCode, Problems, shown } from "../problems.ts";
import type { Dialect, Meaning } from "./dialect.ts";
import { type Plain, textOf } from "./plain.ts";
import type { ImportNote, ImportOptions, ImportResult, NoteCode } from "./types.ts";
import { replaceVariables } from "./variables.ts";

const turning = new RegExp(directionControls, "gu");

/** Texts with a place for a person's eyes in them get the length the manifest allows, and no characters that it refuses. */
export function clipped(text: string, length: number): string {
  const plain = text
    .replaceAll(/[^\P{Cc}\n\t]/gu, "")
    .replaceAll(turning, "")
    .trim();
  return plain.length <= length ? plain : `${plain.slice(0, length - 3).trimEnd()}...`;
}

/** A name of the manifest's form from any text; empty where nothing of it is left. */
export function nameFrom(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^[^a-z]+|-+$/g, "")
    .slice(0, 32)
    .replace(/-+$/, "");
  return serviceName.pattern.test(name) ? name : "";
}

/** The tag of an image's name, which is mostly the version of what is in it. */
export function imageTag(image: string | undefined): string | undefined {
  const [name = ""] = (image ?? "").split("@");
  return /:([A-Za-z0-9][A-Za-z0-9._-]*)$/.exec(name)?.[1];
}

/** What is mounted: two of them are two volumes, and one that services share is one. */
export interface MountSource {
  readonly kind: "own" | "shared" | "named" | "unnamed";
  /** Where the rest lies; the same rest elsewhere is another source. */
  readonly folder: string;
  readonly rest: string;
  readonly written: string;
}

export interface MountingService {
  readonly name: string;
  readonly isDatabase: boolean;
}

/** Secrets and settings together; more than a manifest may have, since those that nothing uses are left out in the end. */
export const definedMax = 256;

export class Draft {
  readonly problems = new Problems();
  readonly notes: ImportNote[] = [];
  readonly #dialect: Dialect;
  readonly #options: ImportOptions;
  readonly #secrets = new Map<string, Record<string, unknown>>();
  readonly #settings = new Map<string, Record<string, unknown>>();
  /** By the literal that stood in the definition, so that two services which shared a password share the new one. */
  readonly #secretOfLiteral = new Map<string, string>();
  readonly #volumeOfSource = new Map<string, string>();
  /** Those of the sources that may lie within each other, as they are written. */
  readonly #folders = new Map<string, string>();
  readonly #undigested = new Set<string>();
  readonly #snapshots = new Map<string, "stop" | "pause">();
  readonly #refusedOnce = new Set<string>();
  #filledLength = 0;

  constructor(dialect: Dialect, options: ImportOptions) {
    this.#dialect = dialect;
    this.#options = options;
  }

  get dialect(): Dialect {
    return this.#dialect;
  }

  note(code: NoteCode, path: string, text: string): void {
    if (this.notes.length < 200) this.notes.push({ code, path, text });
  }

  refuse(code: ProblemCode, path: string, reason: string, advice: string): void {
    this.problems.add(code, path, undefined, reason, advice);
  }

  /** Of a problem that would be the same each time. */
  #refuseOnce(code: ProblemCode, path: string, reason: string): void {
    if (!this.#refusedOnce.has(reason)) this.refuse(code, path, reason, "Such an app cannot run here.");
    this.#refusedOnce.add(reason);
  }

  /** Whether there may be another secret or setting; each is looked for among the others. */
  #mayDefine(): boolean {
    if (this.#secrets.size + this.#settings.size < definedMax) return true;
    this.#refuseOnce("out-of-bounds", "/services", `There are more than ${definedMax} secrets and settings.`);
    return false;
  }

  #meaning(meaning: Meaning): string {
    switch (meaning.kind) {
      case "text":
        return meaning.text.replaceAll("$", "$$$$");
      case "fact":
        return `\${${meaning.name}}`;
      case "secret": {
        const { name, hex = false, length = 32, shownAs } = meaning;
        const secret = {
          length,
          ...(hex ? { alphabet: "hex" } : {}),
          ...(shownAs === undefined ? {} : { "shown-as": shownAs }),
        };
        if (!this.#secrets.has(name) && this.#mayDefine()) this.#secrets.set(name, secret);
        return `\${${name}}`;
      }
      case "setting":
        if (!this.#settings.has(meaning.name) && this.#mayDefine())
          this.#settings.set(meaning.name, { ...meaning.setting });
        return `\${${meaning.name}}`;
      default:
        return "";
    }
  }

  /** A text with its variables in this project's spelling; unknown ones stay and are refused by the check. */
  text(value: string): string {
    return replaceVariables(this.#dialect.rename(value), (written, name, fallback) => {
      if (name === undefined) return written;
      const meaning = this.#dialect.variable(name, fallback);
      return meaning === undefined ? `\${${name}}` : this.#meaning(meaning);
    });
  }

  /** The text with settings as they are unless the owner says otherwise. */
  usualText(text: string, path: string): string {
    return text.replaceAll(/\$\{([A-Z0-9_]+)\}/g, (whole, name: string) => {
      const setting = this.#settings.get(name);
      if (setting === undefined || setting["type"] === "password") return whole;
      const usual = textOf(setting["default"] as Plain | undefined) ?? "";
      this.#filledLength += usual.length;
      if (this.#filledLength <= filledTextMax) return usual;
      const reason = `The defaults of variables are more than ${filledTextMax} characters where they are filled in.`;
      this.#refuseOnce("too-large", path, reason);
      return "";
    });
  }

  /** Where a text is nothing but a setting with a default, that becomes a secret, here and wherever else it stands. */
  settingBecomesSecret(text: string, path: string): boolean {
    const name = /^\$\{([A-Z0-9_]+)\}$/.exec(text)?.[1] ?? "";
    const setting = this.#settings.get(name);
    if (setting === undefined || setting["type"] !== "text") return false;
    this.#settings.delete(name);
    this.#secrets.set(name, { "shown-as": setting["label"] });
    this.note(
      "secret-generated",
      path,
      `The secret that ${shown(name)} has as its default is made anew for each install.`,
    );
    return true;
  }

  /** The variable of a secret in the place of a literal one. */
  secretFor(name: string, literal: string, path: string): string {
    const known = this.#secretOfLiteral.get(literal);
    if (known !== undefined) return `\${${known}}`;
    const upper = name
      .toUpperCase()
      .replaceAll(/[^A-Z0-9]+/g, "_")
      .replaceAll(/^[^A-Z]+|_+$/g, "")
      .slice(0, 50);
    const base = variableName.pattern.test(upper) ? upper : "SECRET";
    if (!this.#mayDefine()) return `\${${base}}`;
    let free = base;
    for (let at = 2; this.#secrets.has(free) || this.#settings.has(free); at += 1) free = `${base}_${at}`;
    const isShown = /admin|root_user|initial|default/i.test(name) && !/root/i.test(name);
    this.#secrets.set(free, isShown ? { "shown-as": clipped(`Password (${name})`, 100) } : {});
    this.#secretOfLiteral.set(literal, free);
    this.note("secret-generated", path, `The secret written into ${shown(name)} is made anew for each install.`);
    return `\${${free}}`;
  }

  /** The named volume that what is mounted becomes. */
  volumeFor(source: MountSource, path: string, service: MountingService): string {
    const { kind, folder, rest, written } = source;
    const parts = (text: string): readonly string[] => text.split("/").filter((part) => part !== "" && part !== ".");
    const key = [kind, ...parts(`${folder}/${rest}`)].join("/");
    const known = this.#volumeOfSource.get(key);
    if (known === undefined && this.#volumeOfSource.size >= volumesMax) {
      this.#refuseOnce("out-of-bounds", path, `There are more than ${volumesMax} volumes.`);
      return "data";
    }
    const name = known ?? this.#freeVolume(parts(rest), service.name);
    this.#volumeOfSource.set(key, name);
    if (kind === "own" || kind === "shared") {
      for (const [other, otherWritten] of this.#folders) {
        if (!other.startsWith(`${key}/`) && !key.startsWith(`${other}/`)) continue;
        this.refuse(
          "not-importable",
          path,
          `The folders ${shown(otherWritten)} and ${shown(written)} lie within each other.`,
          "Give each mount a volume of its own by hand.",
        );
        break;
      }
      this.#folders.set(key, written);
    }
    const { isDatabase } = service;
    if (!this.#snapshots.has(name) || isDatabase) {
      this.#snapshots.set(name, isDatabase ? "pause" : (this.#snapshots.get(name) ?? "stop"));
      this.note("snapshot-guessed", path, `${shown(name)} is ${isDatabase ? "frozen" : "stopped"} while it is copied.`);
    }
    return name;
  }

  /** Named after the path; where another volume has that name already, after the service too. */
  #freeVolume(parts: readonly string[], service: string): string {
    const last = parts.filter((part) => part !== "data").slice(-2);
    const base = nameFrom(last.join("-")) || nameFrom(parts.join("/")) || "data";
    const taken = new Set(this.#volumeOfSource.values());
    if (!taken.has(base)) return base;
    const longer = nameFrom(`${service}-${base}`) || base;
    let free = longer;
    for (let at = 2; taken.has(free); at += 1) free = `${longer.slice(0, 28)}-${at}`;
    return free;
  }

  setting(name: string, setting: Record<string, unknown>): void {
    this.#settings.set(name, setting);
  }

  declareSecret(name: string, secret: Record<string, unknown>): void {
    this.#secrets.set(name, secret);
  }

  /** The name with a digest, from the name or from what was looked up. */
  image(name: string): string {
    if (name.includes("@")) return name;
    const digest = this.#options.digests?.get(name);
    if (digest !== undefined) return `${name}@${digest}`;
    this.#undigested.add(name);
    return name;
  }

  /** The whole, checked like any other manifest: an importer can let nothing through that an author could not. */
  finish(services: Readonly<Record<string, unknown>>, app: Readonly<Record<string, unknown>>): ImportResult {
    const written = JSON.stringify(services);
    const names = new Set([...written.matchAll(/\$\{(\w+)\}|"(\w+)"/g)].map(([, filled, alone]) => filled ?? alone));
    const used = (name: string): boolean => names.has(name);
    const secrets = Object.fromEntries([...this.#secrets].filter(([name]) => used(name)));
    const settings = Object.fromEntries([...this.#settings].filter(([name]) => used(name)));
    const volumes = [...new Set(this.#volumeOfSource.values())];
    const document = {
      services,
      ...(volumes.length === 0 ? {} : { volumes: Object.fromEntries(volumes.map((name) => [name, {}])) }),
      "x-piccolo": {
        ...app,
        ...(volumes.length === 0
          ? {}
          : {
              volumes: Object.fromEntries(
                volumes.map((name) => [name, { snapshot: this.#snapshots.get(name) ?? "stop" }]),
              ),
            }),
        ...(Object.keys(secrets).length === 0 ? {} : { secrets }),
        ...(Object.keys(settings).length === 0 ? {} : { settings }),
        grants: {
          internet: { reason: `As under ${this.#dialect.called}, where apps reach the internet.`, required: false },
        },
      },
    };
    this.note("grant-added", "", "The app asks for the internet, which it reached unasked before.");
    // JSON escapes a character with six at most, and YAML no shorter than with two.
    if (written.length > 3 * documentBytesMax) {
      this.refuse(
        "too-large",
        "",
        "The manifest would be larger than a manifest may be.",
        "Write it by hand, with less in it.",
      );
      return this.#refused();
    }
    const text = stringify(document, { aliasDuplicateObjects: false, lineWidth: 120 });
    const checked = checkManifest(text);
    for (const { code, path, reason, advice } of checked.problems)
      this.problems.add(code, path, undefined, reason, advice);
    if (checked.manifest === undefined || this.problems.any) return this.#refused();
    return { text, manifest: checked.manifest, problems: [], notes: this.notes, undigested: [] };
  }

  #refused(): ImportResult {
    const undigested = [...this.#undigested];
    return { text: undefined, manifest: undefined, problems: this.problems.found, notes: this.notes, undigested };
  }
}

/** Problems of reading a definition, as a result. */
export function unreadable(problems: Problems): ImportResult {
  return { text: undefined, manifest: undefined, problems: problems.found, notes: [], undigested: [] };
}
