/** Finds secrets in bytes, in whatever common form they were written down. */
import { spawnSync } from "node:child_process";
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { unlessGone } from "./unless-gone.ts";

/** Larger ones that have holes are read without these. */
const wholeBytesMax = 256 * 1024 ** 2;
/** Of what the system counts a file's room in. */
const blockBytes = 512;

/** A secret in one written form. */
export interface Finding {
  readonly secret: string;
  readonly form: string;
}

export interface PlacedFinding extends Finding {
  /** File, and the offset in it or in a part of it that lies between holes. */
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

  /** The same over a file, or all that is below a folder but for what is below another one, names and links included. */
  searchPath(path: string, except?: string): readonly PlacedFinding[] {
    return this.#searchBelow(path, (folder) => folder === except);
  }

  /** The same over a folder but for what is mounted in it. */
  searchDisk(folder: string): readonly PlacedFinding[] {
    const { dev } = statSync(folder);
    return this.#searchBelow(folder, (entry) => unlessGone(() => lstatSync(entry).dev, undefined) !== dev);
  }

  #searchBelow(path: string, isLeftOut: (entry: string) => boolean): readonly PlacedFinding[] {
    const entries = statSync(path).isDirectory() ? entriesBelow(path, isLeftOut) : [path];
    return entries.flatMap((entry) => {
      const parts = [Buffer.from(relative(path, entry)), ...contentsOf(entry)];
      const found = parts.flatMap((part) => this.search(part));
      return found.map(({ secret, form, offset }) => ({ secret, form, place: `${entry} at ${offset}` }));
    });
  }
}

function entriesBelow(folder: string, isLeftOut: (entry: string) => boolean): string[] {
  return unlessGone(() => readdirSync(folder, { withFileTypes: true }), []).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (isLeftOut(path)) return [];
    return entry.isDirectory() ? [path, ...entriesBelow(path, isLeftOut)] : [path];
  });
}

/** Of a file, or where a link leads, in pieces that belong together. */
function contentsOf(path: string): readonly Uint8Array[] {
  const entry = unlessGone(() => lstatSync(path), undefined);
  if (entry?.isSymbolicLink() === true) return unlessGone(() => [Buffer.from(readlinkSync(path))], []);
  if (entry?.isFile() !== true) return [];
  const isMostlyHoles = entry.size > wholeBytesMax && entry.blocks * blockBytes < entry.size;
  return unlessGone(() => (isMostlyHoles ? partsOf(path) : [readFileSync(path)]), []);
}

/** What of a file the disk holds: a file system in a file has the size of what it may become. */
function partsOf(path: string): readonly Uint8Array[] {
  const unit = 4_096;
  const { status, stdout, stderr } = spawnSync("filefrag", ["-e", "-s", `-b${unit}`, path], { encoding: "utf8" });
  if (status !== 0) throw new Error(`filefrag ${path}: ${stderr}`);
  const ranges: { from: number; to: number }[] = [];
  for (const [, first, last] of stdout.matchAll(/^\s*\d+:\s*(\d+)\.\.\s*(\d+):/gm)) {
    const [from, to] = [Number(first) * unit, (Number(last) + 1) * unit];
    const before = ranges.at(-1);
    if (before?.to === from) before.to = to;
    else ranges.push({ from, to });
  }
  const file = openSync(path, "r");
  try {
    return ranges.map(({ from, to }) => {
      const bytes = Buffer.alloc(to - from);
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from));
    });
  } finally {
    closeSync(file);
  }
}
