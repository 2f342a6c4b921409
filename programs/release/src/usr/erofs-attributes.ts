/** Extended attributes as an EROFS inode carries them, and the two by which overlayfs finds and checks a file's content. */
import assert from "node:assert/strict";

const headerBytes = 12;
const prefixes: readonly (readonly [prefix: string, index: number])[] = [
  ["user.", 1],
  ["trusted.", 4],
  ["security.", 6],
];

/** `path` is relative to the data layer; overlayfs compares the content's fs-verity digest with `digest` (SHA-256). */
export function overlayAttributes(path: string, digest: Uint8Array): Record<string, Uint8Array> {
  // struct ovl_metacopy: version 0, length, flags, hash algorithm 1 (SHA-256), digest.
  const metacopy = Uint8Array.of(0, 4 + digest.length, 0, 1, ...digest);
  return {
    "trusted.overlay.metacopy": metacopy,
    "trusted.overlay.redirect": Buffer.from(`/${path}`, "utf8"),
  };
}

/** Empty for no attributes. */
export function encodeAttributes(attributes: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return new Uint8Array();
  const parts: Uint8Array[] = [new Uint8Array(headerBytes)];
  for (const name of names) {
    const [prefix, index] = prefixes.find(([prefix]) => name.startsWith(prefix)) ?? [];
    assert.ok(prefix !== undefined && index !== undefined, `attribute ${name} has a known prefix`);
    const suffix = Buffer.from(name.slice(prefix.length), "utf8");
    const value = attributes[name] ?? new Uint8Array();
    const entry = Buffer.alloc(Math.ceil((4 + suffix.length + value.length) / 4) * 4);
    entry.writeUInt8(suffix.length, 0);
    entry.writeUInt8(index, 1);
    entry.writeUInt16LE(value.length, 2);
    suffix.copy(entry, 4);
    entry.set(value, 4 + suffix.length);
    parts.push(entry);
  }
  return Buffer.concat(parts);
}
