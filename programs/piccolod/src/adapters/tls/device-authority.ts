/**
 * Keeps the device's authority over starts. Its key lies on the volume, and outside sealed in the chip, so that the page on
 * which a phrase is typed while the volume is closed has the certificate people know.
 */
import { fromUtf8, toBase64Url, fromBase64Url, toUtf8 } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { z } from "zod";
import { isOperatingFailure } from "../../operating-failure.ts";
import type { SecurityChip } from "../../security/security-chip.ts";
import type { Log } from "../log.ts";
import type { DurableFolder } from "../state-folder.ts";
import { type Authority, authoritySeedBytes, keyOfSeed, makeAuthority } from "./certificates.ts";

const insideName = "tls-authority";
export const authorityFile = "tls-authority";
const Kept = z.strictObject({ certificate: z.string(), seed: z.string() });

interface Seeded {
  readonly seed: Uint8Array;
  readonly certificate: Uint8Array;
}

export interface DeviceAuthorityOptions {
  readonly state: DurableFolder;
  readonly chip: SecurityChip;
  readonly deviceName: string;
  readonly world: World;
  readonly log: Log;
}

export class DeviceAuthority {
  readonly #options: DeviceAuthorityOptions;

  constructor(options: DeviceAuthorityOptions) {
    this.#options = options;
  }

  /**
   * The authority of this device: the volume's, where it is open; else the one the chip keeps, or a new one, that is this start's. What
   * lies outside never becomes a volume's: whoever had the disk before can have put it there, and knows its key.
   */
  async open(content: DurableFolder | undefined): Promise<Authority> {
    const seeded = content === undefined ? ((await this.#fromChip()) ?? this.#make()) : await this.keep(content);
    const key = keyOfSeed(seeded.seed);
    if (key === undefined) throw new Error("a seed that was a key is none");
    return { key, certificate: seeded.certificate };
  }

  /**
   * Once the volume is open, and whenever what the chip sealed before was shut out: the volume's authority is the one the
   * next start has, whatever this one began with. A new volume gets a new one. Throws what the volume's disk refuses; what the
   * one beside it, or the chip, does not take is made up for with the next start.
   */
  async keep(content: DurableFolder): Promise<Seeded> {
    const { state, chip, log } = this.#options;
    let seeded = readInside(content);
    if (seeded === undefined) {
      this.forget();
      seeded = this.#make();
      content.write(insideName, encode(seeded.certificate, seeded.seed));
    }
    try {
      const outside = await this.#fromChip();
      if (outside !== undefined && Buffer.compare(outside.seed, seeded.seed) === 0) return seeded;
      state.write(authorityFile, encode(seeded.certificate, await chip.seal(seeded.seed, "pepper")));
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      log.warn("authority-not-kept-outside", { code: error.code });
    }
    return seeded;
  }

  /** What lies outside the volume: it is somebody's who had the device before. */
  forget(): void {
    this.#options.state.remove(authorityFile);
  }

  async #fromChip(): Promise<Seeded | undefined> {
    const kept = decode(this.#options.state.read(authorityFile));
    if (kept === undefined) return undefined;
    try {
      const seed = await this.#options.chip.unseal(kept.seed);
      return isSeed(seed) ? { seed, certificate: kept.certificate } : undefined;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#options.log.warn("authority-not-opened", { code: error.code });
      return undefined;
    }
  }

  #make(): Seeded {
    const { world, deviceName } = this.#options;
    for (;;) {
      const seed = world.randomBytes(authoritySeedBytes);
      const key = keyOfSeed(seed);
      if (key !== undefined)
        return { seed, certificate: makeAuthority(key, deviceName, world.randomBytes(16)).certificate };
    }
  }
}

function readInside(content: DurableFolder): Seeded | undefined {
  const kept = decode(content.read(insideName));
  return kept !== undefined && isSeed(kept.seed) ? kept : undefined;
}

const isSeed = (seed: Uint8Array): boolean => seed.length === authoritySeedBytes && keyOfSeed(seed) !== undefined;

function encode(certificate: Uint8Array, seed: Uint8Array): Uint8Array {
  return toUtf8(`${JSON.stringify({ certificate: toBase64Url(certificate), seed: toBase64Url(seed) })}\n`);
}

/** What was damaged, or changed from outside, counts as nothing. */
function decode(bytes: Uint8Array | undefined): Seeded | undefined {
  if (bytes === undefined || bytes.length > 16 * 1024) return undefined;
  try {
    const { certificate, seed } = Kept.parse(JSON.parse(fromUtf8(bytes)));
    return { certificate: fromBase64Url(certificate), seed: fromBase64Url(seed) };
  } catch {
    return undefined;
  }
}
