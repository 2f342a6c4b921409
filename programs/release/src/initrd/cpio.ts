/** A cpio archive in the form the kernel unpacks (newc). Several such archives one behind the other make one initrd. */
import assert from "node:assert/strict";

export interface CpioFile {
  /** Relative, without a leading slash. */
  readonly path: string;
  readonly content: Uint8Array;
}

function entry(inode: number, mode: number, path: string, content: Uint8Array): Buffer {
  const name = Buffer.from(`${path}\0`, "utf8");
  // ino, mode, uid, gid, nlink, mtime, size, device numbers, name length, checksum
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`, "ascii");
  const pad = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4);
  return Buffer.concat([header, name, pad(header.length + name.length), content, pad(content.length)]);
}

/** Folders on the way come before what is in them. */
export function encodeCpio(files: readonly CpioFile[]): Uint8Array {
  const parts: Buffer[] = [];
  const folders = new Set<string>();
  let inode = 1;
  for (const { path, content } of files) {
    assert.ok(!path.startsWith("/"), `${path} is relative`);
    const names = path.split("/");
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join("/");
      if (folders.has(folder)) continue;
      folders.add(folder);
      parts.push(entry(inode++, 0o040755, folder, new Uint8Array()));
    }
    parts.push(entry(inode++, 0o100644, path, content));
  }
  parts.push(entry(0, 0, "TRAILER!!!", new Uint8Array()));
  const bytes = Buffer.concat(parts);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
