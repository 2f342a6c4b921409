/** Disks as files: what somebody does who has two of them on his table. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { deviceLayout, placeOf } from "@piccolo/release";

/** Puts a partition of one disk into the place it has on another. */
export function copyPartition(label: string, from: string, to: string): void {
  const { offset, sizeBytes } = placeOf(from, deviceLayout, label);
  const [source, target] = [openSync(from, "r"), openSync(to, "r+")];
  try {
    const part = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < sizeBytes; at += part.length) {
      readSync(source, part, 0, part.length, offset + at);
      writeSync(target, part, 0, part.length, offset + at);
    }
  } finally {
    closeSync(source);
    closeSync(target);
  }
}
