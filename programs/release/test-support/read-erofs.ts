/** Reads an EROFS image the way the kernel does, so far as the writer's images need it. */
import assert from "node:assert/strict";

export interface ReadNode {
  readonly kind: "directory" | "link" | "file";
  readonly mode: number;
  readonly links: number;
  readonly sizeBytes: number;
  readonly content: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly entries: ReadonlyMap<string, ReadNode>;
}

const kinds: Readonly<Record<number, ReadNode["kind"]>> = { 4: "directory", 10: "link", 8: "file" };
const prefixes: Readonly<Record<number, string>> = { 1: "user.", 4: "trusted.", 6: "security." };

function readAttributes(image: Buffer, at: number, count: number): Record<string, string> {
  const found: Record<string, string> = {};
  const end = at + (count === 0 ? 0 : 12 + (count - 1) * 4);
  for (let next = at + 12; next < end;) {
    const [nameBytes, index, valueBytes] = [
      image.readUInt8(next),
      image.readUInt8(next + 1),
      image.readUInt16LE(next + 2),
    ];
    const name = image.toString("utf8", next + 4, next + 4 + nameBytes);
    const value = image.subarray(next + 4 + nameBytes, next + 4 + nameBytes + valueBytes);
    found[`${prefixes[index] ?? "?"}${name}`] = value.toString("hex");
    next += Math.ceil((4 + nameBytes + valueBytes) / 4) * 4;
  }
  return found;
}

function readNames(block: Buffer): [name: string, nid: number][] {
  const count = block.readUInt16LE(8) / 12;
  return Array.from({ length: count }, (_, at) => {
    const start = block.readUInt16LE(at * 12 + 8);
    const end = at + 1 < count ? block.readUInt16LE((at + 1) * 12 + 8) : block.length;
    return [block.toString("utf8", start, end).replace(/\0+$/, ""), Number(block.readBigUInt64LE(at * 12))];
  });
}

function readInode(image: Buffer, nid: number, parent: number): ReadNode {
  const at = nid * 32;
  const layout = image.readUInt16LE(at) >> 1;
  const count = image.readUInt16LE(at + 2);
  const mode = image.readUInt16LE(at + 4);
  const sizeBytes = Number(image.readBigUInt64LE(at + 8));
  const tail = at + 64 + (count === 0 ? 0 : 12 + (count - 1) * 4);
  const kind = kinds[mode >> 12];
  assert.ok(kind !== undefined, `kind of ${mode}`);
  const base = { kind, mode: mode & 0o7777, links: image.readUInt32LE(at + 44), sizeBytes };
  const attributes = readAttributes(image, at + 64, count);
  if (layout === 4) {
    assert.equal(image.readUInt32LE(tail), 0xffff_ffff, "a chunk is a hole");
    assert.ok(sizeBytes <= 4096 * 2 ** image.readUInt16LE(at + 16), "one chunk holds all");
    return { ...base, attributes, content: undefined, entries: new Map() };
  }
  if (layout === 2)
    assert.ok(Math.floor(tail / 4096) === Math.floor((tail + sizeBytes - 1) / 4096), "no block is crossed");
  const start = layout === 2 ? tail : image.readUInt32LE(at + 16) * 4096;
  const data = image.subarray(start, start + sizeBytes);
  if (kind !== "directory") return { ...base, attributes, content: data.toString("utf8"), entries: new Map() };
  const entries = new Map<string, ReadNode>();
  const names: string[] = [];
  for (let block = 0; block < sizeBytes; block += 4096) {
    for (const [name, child] of readNames(data.subarray(block, block + 4096))) {
      names.push(name);
      if (name === ".") assert.equal(child, nid);
      else if (name === "..") assert.equal(child, parent);
      else entries.set(name, readInode(image, child, nid));
    }
  }
  const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(names, sorted, "names are in the order of their bytes over all blocks");
  return { ...base, attributes, content: undefined, entries };
}

export function readErofs(bytes: Uint8Array): ReadNode {
  const image = Buffer.from(bytes);
  assert.equal(image.readUInt32LE(1024), 0xe0f5_e1e2);
  assert.equal(image.readUInt32LE(1024 + 36) * 4096, image.length);
  const root = image.readUInt16LE(1024 + 14);
  return readInode(image, root, root);
}
