import assert from "node:assert/strict";
import { toUtf8 } from "@piccolo/bytes";

/** One entry of an archive; the path is relative, without a slash at either end. */
export type TarEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number; readonly owner?: number }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode: number;
      readonly owner?: number;
      readonly content: Uint8Array;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const blockBytes = 512;
const typeFlags = { file: "0", link: "2", folder: "5" } as const;

/**
 * A POSIX (ustar) archive of the entries in the order given, without times, names of accounts or anything else of the
 * machine it is made on.
 */
export function tarOf(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const parts = entries.flatMap((entry) => {
    const content = entry.kind === "file" ? entry.content : new Uint8Array(0);
    const padding = (blockBytes - (content.length % blockBytes)) % blockBytes;
    return [headerOf(entry, content.length), content, new Uint8Array(padding)];
  });
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 2 * blockBytes));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function headerOf(entry: TarEntry, sizeBytes: number): Uint8Array {
  const header = new Uint8Array(blockBytes);
  const text = (at: number, length: number, value: string): void => {
    const bytes = toUtf8(value);
    assert.ok(bytes.length <= length, `"${value}" is too long for an archive`);
    header.set(bytes, at);
  };
  const octal = (at: number, length: number, value: number): void =>
    text(at, length, value.toString(8).padStart(length - 1, "0"));
  const owner = entry.kind === "link" ? 0 : (entry.owner ?? 0);
  text(0, 100, entry.kind === "folder" ? `${entry.path}/` : entry.path);
  octal(100, 8, entry.kind === "link" ? 0o777 : entry.mode);
  octal(108, 8, owner);
  octal(116, 8, owner);
  octal(124, 12, sizeBytes);
  octal(136, 12, 0);
  text(148, 8, "        ");
  text(156, 1, typeFlags[entry.kind]);
  if (entry.kind === "link") text(157, 100, entry.target);
  text(257, 6, "ustar\0");
  text(263, 2, "00");
  const sum = header.reduce((total, byte) => total + byte, 0);
  text(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}
