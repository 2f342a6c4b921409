import assert from "node:assert/strict";
import { concat, toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import { encodeHeader, fragmentCells, fragmentRoot, merklePath } from "../src/fragment/index.ts";
import { encodePreamble } from "../src/holder/fragment-file.ts";
import { answerOf, bytesOf } from "./fragment-answer.ts";
import type { BytesPart, FragmentCase, FragmentOperation, FragmentVector } from "./fragment-vector.ts";
import { hash } from "./small-network.ts";

const world = new SeededWorld("vectors/fragment");
const account = toHex(world.randomBytes(32));
const maskKey = toHex(world.randomBytes(32));
const segmentId = toHex(world.randomBytes(16));
const otherId = toHex(world.randomBytes(16));
const short = toHex(world.randomBytes(64));

/** Cells that each repeat their own number, the last one as long as said. */
function numbered(cells: number, lastBytes: number): readonly BytesPart[] {
  return Array.from({ length: cells }, (_, cell) => ({
    repeat: cell.toString(16).padStart(2, "0"),
    count: cell === cells - 1 ? lastBytes : 65_536,
  }));
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  return new Uint8Array(bytes).with(at < 0 ? bytes.length + at : at, value);
}

const body = numbered(3, 100);
const bodyBytes = bytesOf(body);
const leaves = fragmentCells(bodyBytes).map(hash);
const root = fragmentRoot(leaves, bodyBytes.length, hash);
const header = encodeHeader({
  key: { account: bytesOf([account]), segmentId: bytesOf([segmentId]), index: 1 },
  k: 2,
  n: 3,
  fragmentBytes: bodyBytes.length,
  roots: [hash(Uint8Array.of(0)), root, hash(Uint8Array.of(2))],
});
const file = encodePreamble(header, leaves);

function negativeCases(): Record<string, FragmentCase> {
  const set: Record<string, FragmentCase> = {};
  const refuseHeader = (name: string, about: string, bytes: Uint8Array): void => {
    const input = { header: [toHex(bytes)] };
    set[`refuse-header-${name}`] = { rule: "F13", about, operation: "decode-header", input };
  };
  refuseHeader("empty", "No bytes at all.", new Uint8Array(0));
  refuseHeader("format-0", "Format 0.", changed(header, 0, 0));
  refuseHeader("format-2", "Format 2.", changed(header, 0, 2));
  refuseHeader("no-data", "k = 0.", changed(header, 50, 0));
  refuseHeader("k-over-n", "A 4-of-3 code.", changed(header, 50, 4));
  refuseHeader("no-fragments", "A 0-of-0 code, and no roots.", changed(changed(header, 50, 0), 51, 0).slice(0, 56));
  refuseHeader("index-past-end", "Fragment 3 of 3.", changed(header, 49, 3));
  refuseHeader(
    "length-0",
    "A fragment of 0 bytes.",
    concat(header.subarray(0, 52), new Uint8Array(4), header.slice(56)),
  );
  refuseHeader("too-long", "A fragment of 8 MiB and more.", changed(header, 53, 0x81));
  refuseHeader("endless", "A fragment of 4 GiB.", changed(header, 52, 0xff));
  refuseHeader("cut", "The last byte is missing.", header.subarray(0, -1));
  refuseHeader("root-missing", "Two roots for three fragments.", header.subarray(0, -32));
  refuseHeader("longer", "One byte is left over.", concat(header, new Uint8Array(1)));

  const refuseBody = (name: string, about: string, changedBody: readonly BytesPart[]): void => {
    const input = { header: [toHex(header)], body: changedBody };
    set[`refuse-body-${name}`] = { rule: "F14", about, operation: "check-body", input };
  };
  refuseBody("empty", "No body.", []);
  refuseBody("cut", "The last byte is missing.", numbered(3, 99));
  refuseBody("longer", "One byte is left over.", numbered(3, 101));
  refuseBody("changed", "The last bit is another one.", [...numbered(3, 99), "03"]);
  refuseBody("swapped", "The first two cells have changed places.", [body[1] ?? "", body[0] ?? "", body[2] ?? ""]);

  const refuseFile = (name: string, about: string, bytes: Uint8Array): void => {
    const input = { file: [toHex(bytes)] };
    set[`refuse-file-${name}`] = { rule: "F16", about, operation: "read-file", input };
  };
  refuseFile("empty", "No bytes at all.", new Uint8Array(0));
  refuseFile("format-2", "Format 2.", changed(file, 0, 2));
  refuseFile("endless-header", "A header of 4 GiB is announced.", changed(file, 1, 0xff));
  refuseFile("long-header", "A header of 10,241 bytes is announced.", changed(changed(file, 3, 0x28), 4, 1));
  refuseFile("short-header", "The header is announced a byte too short.", changed(file, 4, header.length - 1));
  refuseFile("header-cut", "The file ends within the header.", file.subarray(0, 60));
  refuseFile("header-refused", "The header names fragment 3 of 3.", changed(file, 5 + 49, 3));
  refuseFile("leaves-cut", "The last byte of the last leaf is missing.", file.subarray(0, -1));

  const proof = {
    leaf: toHex(leaves[2] ?? new Uint8Array(0)),
    cell: 2,
    path: merklePath(leaves, 2, hash).map(toHex),
    fragmentBytes: bodyBytes.length,
    root: toHex(root),
  };
  const refusePath = (
    name: string,
    about: string,
    input: Extract<FragmentOperation, { operation: "verify-path" }>["input"],
  ): void => {
    set[`refuse-path-${name}`] = { rule: "F10", about, operation: "verify-path", input };
  };
  refusePath("other-leaf", "The leaf of another cell.", { ...proof, leaf: toHex(leaves[1] ?? new Uint8Array(0)) });
  refusePath("other-cell", "The cell before.", { ...proof, cell: 1 });
  refusePath("past-end", "A cell behind the last.", { ...proof, cell: 3 });
  refusePath("far-past-end", "A cell whose number has the same low bits.", { ...proof, cell: 6 });
  refusePath("short", "The path has a node too few.", { ...proof, path: proof.path.slice(1) });
  refusePath("long", "The path has a node too many.", { ...proof, path: [...proof.path, toHex(root)] });
  refusePath("other-length", "The fragment is said to be a byte shorter.", {
    ...proof,
    fragmentBytes: proof.fragmentBytes - 1,
  });
  refusePath("other-shape", "The fragment is said to have two cells.", { ...proof, fragmentBytes: 131_072 });
  refusePath("other-root", "The root of another fragment.", { ...proof, root: toHex(hash(root)) });
  refusePath("top-as-leaf", "An inner node is passed off as the only cell.", {
    ...proof,
    leaf: toHex(hash(concat(leaves[0] ?? root, leaves[1] ?? root))),
    cell: 0,
    path: proof.path.slice(1),
  });
  return set;
}

function positiveCases(): Record<string, FragmentCase> {
  const set: Record<string, FragmentCase> = {};
  const length = (name: string, about: string, sealedBytes: number, k: number): void => {
    set[`length-${name}`] = { rule: "F2", about, operation: "fragment-length", input: { sealedBytes, k } };
  };
  length("least", "A single byte: the least fragment.", 1, 1);
  length("least-shared", "300 bytes over 6 fragments: the least fragment.", 300, 6);
  length("over-least", "65 bytes: the next class.", 65, 1);
  length("cell", "A cell is a class.", 65_536, 1);
  length("over-cell", "A cell and a byte.", 65_537, 1);
  length("uneven", "A million bytes over 3 fragments.", 1_000_000, 3);
  length("longest", "The longest segment as copies.", 8_388_608, 1);
  length("almost-longest", "A byte less is in the same class.", 8_388_607, 1);
  length("longest-shared", "The longest segment over 6 fragments.", 8_388_608, 6);

  const padding = { maskKey, segmentId, lengthBytes: 40 };
  set["padding"] = { rule: "F6", about: "Two blocks and a half.", operation: "padding", input: padding };
  const otherPadding = { ...padding, segmentId: otherId };
  set["padding-other-segment"] = { rule: "F6", about: "Another segment.", operation: "padding", input: otherPadding };
  const mask = (name: string, about: string, index: number, cell: number): void => {
    const input = { maskKey, segmentId, index, cell, bytes: short };
    set[`mask-${name}`] = { rule: "F7", about, operation: "mask-cell", input };
  };
  mask("first", "The first cell of copy 0.", 0, 0);
  mask("other-copy", "The same cell of copy 1.", 1, 0);
  mask("second-cell", "The second cell of copy 0, from block 4,096 on.", 0, 1);
  mask("last", "The last cell there can be, of copy 254.", 254, 127);

  for (const [cells, lastBytes] of [
    [1, 64],
    [1, 65_536],
    [2, 1],
    [3, 100],
    [5, 65_536],
    [8, 65_535],
    [13, 7],
    [128, 65_536],
  ] as const) {
    const name = `${cells}-cells-${lastBytes}`;
    const about = `${cells} cells, the last of ${lastBytes} bytes.`;
    const fragment = numbered(cells, lastBytes);
    set[`root-${name}`] = { rule: "F9", about, operation: "fragment-root", input: { fragment } };
  }
  for (const [cells, cell] of [
    [1, 0],
    [2, 1],
    [3, 2],
    [5, 4],
    [13, 6],
  ] as const) {
    const fragment = numbered(cells, 100);
    const about = `Cell ${cell} of ${cells}.`;
    set[`path-${cell}-of-${cells}`] = { rule: "F10", about, operation: "merkle-path", input: { fragment, cell } };
    const all = fragmentCells(bytesOf(fragment)).map(hash);
    const fragmentBytes = (cells - 1) * 65_536 + 100;
    const input = {
      leaf: toHex(all[cell] ?? root),
      cell,
      path: merklePath(all, cell, hash).map(toHex),
      fragmentBytes,
      root: toHex(fragmentRoot(all, fragmentBytes, hash)),
    };
    set[`verify-path-${cell}-of-${cells}`] = { rule: "F10", about, operation: "verify-path", input };
  }
  const segment = (
    name: string,
    rule: string,
    about: string,
    k: number,
    n: number,
    sealed: readonly BytesPart[],
  ): void => {
    const input = { account, maskKey, segmentId, k, n, sealed };
    set[`segment-${name}`] = { rule, about, operation: "encode-segment", input };
  };
  segment("one-copy", "F7", "A single copy is masked too.", 1, 1, [short]);
  segment("three-copies", "F7", "Three copies of two cells.", 1, 3, numbered(2, 65_536));
  segment("2-of-3", "F5", "One short stripe, padded.", 2, 3, [short, short, "00"]);
  segment("3-of-9", "F4", "Four stripes, the last one short, and padding.", 3, 9, numbered(10, 7_000));
  segment("6-of-9", "F4", "Two whole stripes and no padding.", 6, 9, numbered(12, 65_536));
  segment("3-of-3", "F5", "No parity.", 3, 3, numbered(4, 65_536));

  set["header"] = {
    rule: "F12",
    about: "Fragment 1 of a 2-of-3 code.",
    operation: "decode-header",
    input: { header: [toHex(header)] },
  };
  set["header-longest"] = {
    rule: "F12",
    about: "The last of 255 fragments, as long as can be.",
    operation: "decode-header",
    input: { header: ["01", account, segmentId, "feffff", "00800000", { repeat: toHex(root), count: 255 }] },
  };
  set["body"] = {
    rule: "F14",
    about: "The body gives the root.",
    operation: "check-body",
    input: { header: [toHex(header)], body },
  };
  set["file"] = { rule: "F15", about: "A file.", operation: "read-file", input: { file: [toHex(file), ...body] } };
  return set;
}

/** The vectors by file name without its ending; the negative ones have to be refused. */
export function fragmentCases(): Record<string, FragmentVector> {
  const vectors: Record<string, FragmentVector> = {};
  for (const [name, { rule, about, ...operation }] of Object.entries({ ...negativeCases(), ...positiveCases() })) {
    const expect = answerOf(operation);
    const isRefused = expect["fault"] === "malformed" || expect["proven"] === false || expect["valid"] === false;
    assert.equal(isRefused, name.startsWith("refuse-"), name);
    vectors[name] = { spec: "fragment/1", rule, about, ...operation, expect };
  }
  return vectors;
}
