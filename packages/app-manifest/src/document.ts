/**
 * YAML from outside as a bounded tree. The library only parses; aliases and merge keys are followed here, because only so
 * are the number of nodes and the text in them bounded whatever the file refers to, and every node keeps its place for
 * messages.
 */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseAllDocuments } from "yaml";
import { below, type Place, type Problems, shown } from "./problems.ts";

export const documentBytesMax = 131_072;
export const documentDepthMax = 24;
export const documentNodesMax = 10_000;
/** Of keys and values together, aliases followed; no file without aliases comes near. */
export const documentTextMax = 4 * documentBytesMax;

/** How much a tree holds, aliases followed: what it costs to read and to keep. */
export interface TreeSize {
  nodes: number;
  /** In UTF-16 code units, of keys and values. */
  textLength: number;
}

export interface Entry {
  readonly place: Place;
  readonly value: Node;
}

export type Node = { readonly place: Place } & (
  | { readonly kind: "map"; readonly entries: ReadonlyMap<string, Entry> }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | {
      readonly kind: "scalar";
      readonly value: string | number | boolean | null;
      /** As it is written, for values whose spelling counts (`010`, `1.0`). */
      readonly source: string;
    }
);

function noteTooDeep(problems: Problems, place: Place | undefined): void {
  problems.add(
    "too-deep",
    "",
    place,
    `The document is nested deeper than ${documentDepthMax} levels.`,
    "Write it flatter; an alias must not point at what it stands in.",
  );
}

/** Ends the reading; its problem is already noted. */
class Unreadable extends Error {}

class TreeReader {
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #lines: LineCounter;
  readonly #problems: Problems;
  readonly #size: TreeSize;

  constructor(lines: LineCounter, problems: Problems, size: TreeSize) {
    this.#lines = lines;
    this.#problems = problems;
    this.#size = size;
  }

  place(node: { readonly range?: readonly number[] | null } | null): Place {
    const { line, col } = this.#lines.linePos(node?.range?.[0] ?? 0);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** `expanding`: below an alias, where anchors were noted already and must not be noted again. */
  read(node: ParsedNode | null, path: string, depth: number, expanding: boolean): Node {
    const place = this.place(node);
    this.#size.nodes += 1;
    if (this.#size.nodes > documentNodesMax) {
      this.#problems.add(
        "too-many-nodes",
        "",
        place,
        `The document has more than ${documentNodesMax} values once its aliases are followed.`,
        "Write a smaller manifest; use fewer aliases.",
      );
      throw new Unreadable();
    }
    if (depth > documentDepthMax) {
      noteTooDeep(this.#problems, place);
      throw new Unreadable();
    }
    if (node === null) return { kind: "scalar", value: null, source: "", place };
    if (isAlias(node)) return this.read(this.#target(node, path, place), path, depth + 1, true);
    if (!expanding && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#map(node.items, path, place, depth, expanding);
    if (isSeq(node)) {
      const items = node.items as readonly (ParsedNode | null)[];
      return {
        kind: "list",
        place,
        items: items.map((item, index) => this.read(item, below(path, index), depth + 1, expanding)),
      };
    }
    const { value } = node;
    const source = node.source ?? "";
    this.#countText(source, place);
    if (typeof value === "bigint") return { kind: "scalar", value: Number(value), source, place };
    const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
    return { kind: "scalar", value: plain, source, place };
  }

  #countText(text: string, place: Place): void {
    this.#size.textLength += text.length;
    if (this.#size.textLength <= documentTextMax) return;
    this.#problems.add(
      "too-large",
      "",
      place,
      `The document has more than ${documentTextMax} characters once its aliases are followed.`,
      "Write a smaller manifest; use aliases for short texts.",
    );
    throw new Unreadable();
  }

  #target(alias: Alias, path: string, place: Place): ParsedNode {
    const target = this.#anchors.get(alias.source);
    if (target !== undefined) return target;
    this.#problems.add(
      "not-yaml",
      path,
      place,
      `The alias ${shown(alias.source)} has no anchor before it.`,
      "Write the anchor before its alias.",
    );
    throw new Unreadable();
  }

  #map(pairs: readonly ParsedPair[], path: string, place: Place, depth: number, expanding: boolean): Node {
    const entries = new Map<string, Entry>();
    const merged: Node[] = [];
    for (const { key, value } of pairs) {
      const keyPlace = this.place(key);
      if (!isScalar(key) || (typeof key.value !== "string" && typeof key.value !== "number")) {
        this.#problems.add("key-not-text", path, keyPlace, "A key is not plain text.", "Write the key as plain text.");
        continue;
      }
      const name = typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
      this.#countText(name, keyPlace);
      if (key.anchor !== undefined && !expanding) this.#anchors.set(key.anchor, key as ParsedNode);
      const read = this.read(value, below(path, name), depth + 1, expanding);
      if (name === "<<") {
        if (read.kind === "list") merged.push(...read.items);
        else merged.push(read);
      } else if (entries.has(name)) {
        this.#problems.add(
          "duplicate-key",
          below(path, name),
          keyPlace,
          `The key ${shown(name)} stands here twice.`,
          "Keep one of the two.",
        );
      } else entries.set(name, { place: keyPlace, value: read });
    }
    for (const source of merged) {
      if (source.kind !== "map") {
        this.#problems.add(
          "wrong-type",
          below(path, "<<"),
          source.place,
          "A merge key takes a map.",
          "Point it at a map.",
        );
        continue;
      }
      for (const [name, entry] of source.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    return { kind: "map", entries, place };
  }
}

interface ParsedPair {
  readonly key: ParsedNode | null;
  readonly value: ParsedNode | null;
}

const encoder = new TextEncoder();

/**
 * The tree of one YAML 1.2 document (JSON is one too), or undefined with the problems noted. What is read of it, also of
 * one that is refused, is counted in `size`.
 */
export function readDocument(
  text: string,
  problems: Problems,
  size: TreeSize = { nodes: 0, textLength: 0 },
): Node | undefined {
  if (text.length > documentBytesMax || encoder.encode(text).length > documentBytesMax) {
    problems.add(
      "too-large",
      "",
      undefined,
      `The file is larger than ${documentBytesMax} bytes.`,
      "A manifest is text of a few kilobytes; keep data and pictures out of it.",
    );
    return undefined;
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    // Checked in the tree; the library's own check takes the square of the number of keys.
    uniqueKeys: false,
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "silent",
  });
  const [document, second] = [...documents];
  if (document === undefined || second !== undefined) {
    const count = document === undefined ? "no document" : "several documents";
    problems.add("not-yaml", "", undefined, `The file has ${count}.`, "Write exactly one YAML document.");
    return undefined;
  }
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== "1.2") {
    problems.add("not-yaml", "", undefined, "The file asks for an older YAML.", "Remove the %YAML line; 1.2 is read.");
    return undefined;
  }
  const faults = [...document.errors, ...document.warnings];
  // The library composes by recursion and notes the end of its stack like any other error; what follows it means nothing.
  if (faults.some(({ message }) => /call stack/i.test(message))) {
    noteTooDeep(problems, undefined);
    return undefined;
  }
  for (const fault of faults.slice(0, 10)) {
    const { line, col } = lines.linePos(fault.pos[0]);
    const code = fault.code === "TAG_RESOLVE_FAILED" ? "tag-refused" : "not-yaml";
    const reason = fault.message.split("\n")[0] ?? "";
    problems.add(code, "", { line, column: col }, `This is not YAML: ${reason}`, "Correct the text at this place.");
  }
  if (problems.any) return undefined;
  try {
    return new TreeReader(lines, problems, size).read(document.contents, "", 0, false);
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}
