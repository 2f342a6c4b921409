/** Finds secrets in bytes, in whatever common form they were written down. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { unlessGone } from "./unless-gone.ts";

/** A secret in one written form. */
export interface Finding {
  readonly secret: string;
  readonly form: string;
}

export interface PlacedFinding extends Finding {
  /** File, and the offset in it. */
  readonly place: string;
}

interface Pattern extends Finding {
  readonly bytes: Buffer;
}

/** What base64 makes of bytes that stand at this alignment within longer ones: the characters that depend on them alone. */
function withinBase64(bytes: Buffer, alignment: number, encoding: "base64" | "base64url"): Buffer {
  const text = Buffer.concat([Buffer.alloc(alignment), bytes]).toString(encoding);
  const first = Math.ceil((alignment * 8) / 6);
  const end = Math.floor(((alignment + bytes.length) * 8) / 6);
  return Buffer.from(text.slice(first, end), "ascii");
}

function formsOf(bytes: Buffer): Map<string, Buffer> {
  const forms = new Map<string, Buffer>([["raw", bytes]]);
  for (const alignment of [0, 1, 2]) {
    forms.set(`base64 at ${alignment}`, withinBase64(bytes, alignment, "base64"));
    forms.set(`base64url at ${alignment}`, withinBase64(bytes, alignment, "base64url"));
  }
  const hex = bytes.toString("hex");
  forms.set("hex", Buffer.from(hex, "ascii"));
  forms.set("upper-case hex", Buffer.from(hex.toUpperCase(), "ascii"));
  const littleEndian = Buffer.from(bytes.toString("latin1"), "utf16le");
  forms.set("UTF-16LE", littleEndian);
  forms.set("UTF-16BE", Buffer.from(littleEndian).swap16());
  return forms;
}

export class LeakOracle {
  /** Patterns by their first two bytes, so that one pass over the bytes looks for all of them. */
  readonly #byStart = new Map<number, Pattern[]>();
  readonly #starts = new Uint8Array(65_536);

  /** Text is looked for in ASCII; a secret shorter than 12 bytes would be found by chance. */
  add(secret: string, value: string | Uint8Array): void {
    const bytes = typeof value === "string" ? Buffer.from(value, "ascii") : Buffer.from(value);
    if (bytes.length < 12) throw new Error(`${secret} is too short to be looked for`);
    const known = new Set<string>();
    for (const [form, pattern] of formsOf(bytes)) {
      // The two base64 alphabets often agree.
      if (known.has(pattern.toString("latin1"))) continue;
      known.add(pattern.toString("latin1"));
      const start = pattern.readUInt16LE(0);
      this.#starts[start] = 1;
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), { secret, form, bytes: pattern }]);
    }
  }

  /** Every secret and form that stands in the bytes, each once, with its first offset. */
  search(bytes: Uint8Array): readonly (Finding & { readonly offset: number })[] {
    const found = new Map<Pattern, number>();
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = bytes[0] ?? 0;
    for (let at = 1; at < bytes.length; at++) {
      const next = bytes[at] ?? 0;
      start |= next << 8;
      if (this.#starts[start] === 1) {
        for (const pattern of this.#byStart.get(start) ?? []) {
          if (found.has(pattern)) continue;
          if (pattern.bytes.equals(buffer.subarray(at - 1, at - 1 + pattern.bytes.length))) found.set(pattern, at - 1);
        }
      }
      start = next;
    }
    return [...found].map(([{ secret, form }, offset]) => ({ secret, form, offset }));
  }

  /** The same over a file, or all files below a folder but for those below another one, their names included. */
  searchPath(path: string, except?: string): readonly PlacedFinding[] {
    const files = statSync(path).isDirectory() ? filesBelow(path, except) : [path];
    return files.flatMap((file) => {
      const found = [...this.search(Buffer.from(relative(path, file))), ...this.search(contentOf(file))];
      return found.map(({ secret, form, offset }) => ({ secret, form, place: `${file} at ${offset}` }));
    });
  }
}

function filesBelow(folder: string, except: string | undefined): string[] {
  return unlessGone(() => readdirSync(folder, { withFileTypes: true }), []).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return path === except ? [] : filesBelow(path, except);
    return entry.isFile() ? [path] : [];
  });
}

function contentOf(file: string): Uint8Array {
  return unlessGone(() => readFileSync(file), Buffer.alloc(0));
}
