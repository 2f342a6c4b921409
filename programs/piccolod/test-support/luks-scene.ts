/** A `Luks2Volume` under the suite of volumes, on a plain file or on a real partition. */
import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { realWorld } from "@piccolo/world/real";
import type { BlockSystem } from "../src/adapters/volume/block-system.ts";
import { Luks2Volume } from "../src/adapters/volume/luks2.ts";
import { luksHeaderBytes, luksMetadataBytes } from "../src/adapters/volume/luks2-header.ts";
import type { VolumeUnderTest } from "./volume-suite.ts";

export interface LuksScene extends VolumeUnderTest {
  readonly volume: Luks2Volume;
  readonly again: () => Luks2Volume;
  readonly headerCopy: string;
  readonly header: () => Buffer;
}

export interface LuksPlace {
  /** A plain file or a partition. */
  readonly disk: string;
  /** Where the mount point and the header's copy lie. */
  readonly folder: string;
  readonly system: BlockSystem;
}

const key = new Uint8Array(32).fill(7);
/** Formatted, without a file system. */
const commandsOfHalf = 3;

export function luksScene({ disk, folder, system }: LuksPlace, restart: () => Promise<void>): LuksScene {
  const headerCopy = join(folder, "header");
  const make = (on: BlockSystem = system): Luks2Volume =>
    new Luks2Volume({
      partition: "piccolo-data",
      mapping: "piccolo",
      path: join(folder, "mount"),
      headerCopy,
      system: on,
      world: realWorld,
    });
  const header = (): Buffer => {
    const bytes = Buffer.alloc(luksHeaderBytes);
    const file = openSync(disk, "r");
    readSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
    return bytes;
  };
  const write = (bytes: Uint8Array): void => {
    const file = openSync(disk, "r+");
    writeSync(file, bytes, 0, bytes.length, 0);
    fsyncSync(file);
    closeSync(file);
  };
  let right: Buffer | undefined;
  let copy: Buffer | undefined;
  const spoilt = (how: (header: Buffer) => void) => () => {
    right ??= header();
    copy ??= readFileSync(headerCopy);
    rmSync(headerCopy, { force: true });
    const changed = Buffer.from(right);
    how(changed);
    write(changed);
  };
  return {
    volume: make(),
    again: () => make(),
    headerCopy,
    header,
    spoil: [
      spoilt((bytes) => bytes.fill(1, 5000, 5001).fill(1, luksMetadataBytes + 5000, luksMetadataBytes + 5001)),
      spoilt((bytes) => bytes.fill(0, 0, luksMetadataBytes + 6)),
    ],
    lose: spoilt((bytes) => bytes.fill(0, 0, 2 * luksMetadataBytes).fill(1, luksHeaderBytes - 1)),
    repair: () => {
      if (right !== undefined) write(right);
      if (copy !== undefined) writeFileSync(headerCopy, copy);
    },
    halfMake: async () => {
      let left = commandsOfHalf;
      const failing: BlockSystem = {
        ...system,
        run: (...command) => {
          if (--left < 0) throw new Error("the machine stopped");
          return system.run(...command);
        },
      };
      await assert.rejects(make(failing).create(key), /the machine stopped/);
      await restart();
    },
    rest: () => [
      ...(header().every((byte) => byte === 0) ? [] : ["header"]),
      ...[headerCopy, `${headerCopy}.next`].filter((path) => existsSync(path)),
    ],
  };
}
