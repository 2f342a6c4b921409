/**
 * Writes an EROFS image (Linux fs/erofs/erofs_fs.h): names, attributes and small contents. Files whose content lies in
 * overlayfs's data layer become holes of the right size that name the place and the digest. The same tree gives the same
 * bytes: nothing but the tree and `epochS` goes in.
 */
import assert from "node:assert/strict";
import { encodeAttributes, overlayAttributes } from "./erofs-attributes.ts";
import type { Directory, TreeNode } from "./tree.ts";

const blockBytes = 4096;
const superOffset = 1024;
const superBytes = 128;
const slotBytes = 32;
const inodeBytes = 64;
const direntBytes = 12;
const noBlock = 0xffff_ffff;
const chunkedFile = 0x4;

const layout = { plain: 0, inline: 2, chunked: 4 } as const;
const kinds = {
  directory: { format: 0o040000, dirent: 2 },
  link: { format: 0o120000, dirent: 7 },
  inline: { format: 0o100000, dirent: 1 },
  backed: { format: 0o100000, dirent: 1 },
} as const;

interface Inode {
  readonly node: TreeNode;
  readonly number: number;
  readonly parent: Inode | undefined;
  readonly children: Map<string, Inode>;
  readonly attributes: Uint8Array;
  readonly layout: (typeof layout)[keyof typeof layout];
  /** Of a directory: which names go into which of its blocks. */
  readonly blocks: readonly (readonly string[])[];
  readonly sizeBytes: number;
  /** Bytes behind inode and attributes. */
  readonly tailBytes: number;
  offset: number;
  firstBlock: number;
}

const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
const encodeName = (name: string): Buffer => Buffer.from(name, "utf8");

/** Directory blocks are searched by bisection, so that all names, the two dots too, are in the order of their bytes. */
function directoryBlocks(directory: Directory): string[][] {
  const names = [...directory.entries.keys(), ".", ".."];
  for (const name of names) assert.ok(encodeName(name).length <= 255 && !name.includes("/"), `name ${name}`);
  names.sort((a, b) => Buffer.compare(encodeName(a), encodeName(b)));
  const blocks: string[][] = [[]];
  let used = 0;
  for (const name of names) {
    const bytes = direntBytes + encodeName(name).length;
    if (used + bytes > blockBytes) {
      blocks.push([]);
      used = 0;
    }
    blocks.at(-1)?.push(name);
    used += bytes;
  }
  return blocks;
}

const namesBytes = (names: readonly string[]): number =>
  names.reduce((sum, name) => sum + direntBytes + encodeName(name).length, 0);

function attributesOf(node: TreeNode): Uint8Array {
  const own = node.kind === "backed" ? overlayAttributes(node.path, node.digest) : {};
  return encodeAttributes({ ...node.xattrs, ...own });
}

function createInode(node: TreeNode, number: number, parent: Inode | undefined): Inode {
  const attributes = attributesOf(node);
  const base = { node, number, parent, children: new Map<string, Inode>(), attributes, offset: 0, firstBlock: 0 };
  if (node.kind === "directory") {
    const blocks = directoryBlocks(node);
    const sizeBytes = (blocks.length - 1) * blockBytes + namesBytes(blocks.at(-1) ?? []);
    const fits = blocks.length === 1 && inodeBytes + attributes.length + sizeBytes <= blockBytes;
    if (fits) return { ...base, blocks, layout: layout.inline, sizeBytes, tailBytes: sizeBytes };
    return { ...base, blocks, layout: layout.plain, sizeBytes, tailBytes: 0 };
  }
  if (node.kind === "backed") {
    return { ...base, blocks: [], layout: layout.chunked, sizeBytes: node.sizeBytes, tailBytes: 4 };
  }
  const sizeBytes = contentOf(node).length;
  assert.ok(inodeBytes + attributes.length + sizeBytes <= blockBytes, "content in the image fits beside its inode");
  return {
    ...base,
    blocks: [],
    layout: sizeBytes === 0 ? layout.plain : layout.inline,
    sizeBytes,
    tailBytes: sizeBytes,
  };
}

function contentOf(node: TreeNode): Uint8Array {
  if (node.kind === "link") return encodeName(node.target);
  return node.kind === "inline" ? node.content : new Uint8Array();
}

/** All inodes, a directory before what is in it. */
function collectInodes(root: Directory): Inode[] {
  const inodes: Inode[] = [];
  const add = (node: TreeNode, parent: Inode | undefined): Inode => {
    const inode = createInode(node, inodes.length + 1, parent);
    inodes.push(inode);
    if (node.kind === "directory") {
      const names = [...node.entries.keys()].sort((a, b) => Buffer.compare(encodeName(a), encodeName(b)));
      for (const name of names) inode.children.set(name, add(node.entries.get(name) as TreeNode, inode));
    }
    return inode;
  };
  add(root, undefined);
  return inodes;
}

/** Gives each inode its place; the kernel takes no inline data that crosses a block. Returns the image's size. */
function place(inodes: readonly Inode[]): number {
  let at = superOffset + superBytes;
  for (const inode of inodes) {
    at = alignUp(at, slotBytes);
    const head = inodeBytes + inode.attributes.length;
    if (inode.layout === layout.inline) {
      const tail = at + head;
      if (Math.floor(tail / blockBytes) !== Math.floor((tail + inode.tailBytes - 1) / blockBytes)) {
        at = Math.max(at, alignUp(alignUp(tail, blockBytes) - head, slotBytes));
      }
    }
    inode.offset = at;
    at += head + inode.tailBytes;
  }
  at = alignUp(at, blockBytes);
  for (const inode of inodes) {
    if (inode.layout !== layout.plain || inode.sizeBytes === 0) continue;
    inode.firstBlock = at / blockBytes;
    at += alignUp(inode.sizeBytes, blockBytes);
  }
  return at;
}

function encodeDirectoryBlock(inode: Inode, names: readonly string[]): Uint8Array {
  const block = Buffer.alloc(namesBytes(names));
  let nameAt = names.length * direntBytes;
  for (const [at, name] of names.entries()) {
    const child = name === "." ? inode : name === ".." ? (inode.parent ?? inode) : inode.children.get(name);
    assert.ok(child !== undefined);
    block.writeBigUInt64LE(BigInt(child.offset / slotBytes), at * direntBytes);
    block.writeUInt16LE(nameAt, at * direntBytes + 8);
    block.writeUInt8(kinds[child.node.kind].dirent, at * direntBytes + 10);
    nameAt += encodeName(name).copy(block, nameAt);
  }
  return block;
}

function linkCount(inode: Inode): number {
  if (inode.node.kind !== "directory") return 1;
  return 2 + [...inode.children.values()].filter((child) => child.node.kind === "directory").length;
}

function writeInode(image: Buffer, inode: Inode): void {
  const { node, offset, attributes } = inode;
  image.writeUInt16LE(1 | (inode.layout << 1), offset);
  // An empty list is no list; otherwise the count is in words behind a header of twelve bytes.
  image.writeUInt16LE(attributes.length === 0 ? 0 : (attributes.length - 12) / 4 + 1, offset + 2);
  image.writeUInt16LE(kinds[node.kind].format | node.mode, offset + 4);
  image.writeBigUInt64LE(BigInt(inode.sizeBytes), offset + 8);
  image.writeUInt32LE(inode.number, offset + 20);
  image.writeUInt32LE(node.uid, offset + 24);
  image.writeUInt32LE(node.gid, offset + 28);
  image.writeUInt32LE(linkCount(inode), offset + 44);
  image.set(attributes, offset + inodeBytes);
  const tail = offset + inodeBytes + attributes.length;
  if (inode.layout === layout.chunked) {
    // One chunk, as large as the file, that is a hole.
    const bits = Math.max(0, Math.ceil(Math.log2(inode.sizeBytes / blockBytes)));
    image.writeUInt16LE(bits, offset + 16);
    image.writeUInt32LE(noBlock, tail);
    return;
  }
  image.writeUInt32LE(inode.firstBlock, offset + 16);
  if (node.kind !== "directory") {
    image.set(contentOf(node), tail);
    return;
  }
  for (const [at, names] of inode.blocks.entries()) {
    const target = inode.layout === layout.inline ? tail : (inode.firstBlock + at) * blockBytes;
    image.set(encodeDirectoryBlock(inode, names), target);
  }
}

export function encodeErofs(root: Directory, epochS: number): Uint8Array {
  const inodes = collectInodes(root);
  const image = Buffer.alloc(place(inodes));
  const rootNid = (inodes[0]?.offset ?? 0) / slotBytes;
  image.writeUInt32LE(0xe0f5_e1e2, superOffset);
  image.writeUInt8(Math.log2(blockBytes), superOffset + 12);
  image.writeUInt16LE(rootNid, superOffset + 14);
  image.writeBigUInt64LE(BigInt(inodes.length), superOffset + 16);
  image.writeBigUInt64LE(BigInt(epochS), superOffset + 24);
  image.writeUInt32LE(image.length / blockBytes, superOffset + 36);
  image.writeUInt32LE(chunkedFile, superOffset + 80);
  for (const inode of inodes) writeInode(image, inode);
  return image;
}
