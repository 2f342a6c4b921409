import { closeSync, fsyncSync, lstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { concat, toBase64Url, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { beginAnew, type Volume, volumeFaults, type VolumeState } from "../../security/volume.ts";
import { type CommandInput, type CommandResult, secretPath } from "./command.ts";
import { encryptsAsOurs } from "./crypt-table.ts";
import { deriveFromVolumeKey, fsyncPath } from "./key-check.ts";
import {
  fitsKey,
  type FoundHeader,
  inspectHeader,
  luksCipher,
  luksHeaderBytes,
  luksKeyBytes,
  luksKeyslotsBytes,
  luksMetadataBytes,
  luksSectorBytes,
  type LuksHeader,
  recordOf,
  recordTokenType,
} from "./luks2-header.ts";
import type { BlockSystem } from "./block-system.ts";

const programs = { crypt: "cryptsetup", mapper: "dmsetup", make: "mkfs.xfs" } as const;
/** Until its file system is made, a volume has this label: a crash before leaves one that counts as none. */
const labels = { unfinished: "piccolo-unfinished", whole: "piccolo" } as const;
const tokenId = "0";
const makeMs = 240_000;
/** What to do, in messages that reach the status and the screen. */
const anew = beginAnew("install the system anew from a USB stick");
const putBack = `put the disk back, or ${anew}`;
const partitionMs = 15_000;
const lookAgainMs = 250;

export interface Luks2Options {
  /** PARTLABEL of the one partition the volume lies in. */
  readonly partition: string;
  /** Name below /dev/mapper. */
  readonly mapping: string;
  /** Where it is mounted; absolute, and nothing else is mounted there. */
  readonly path: string;
  /** Where a copy of the header lies, outside. */
  readonly headerCopy: string;
  readonly system: BlockSystem;
  readonly world: World;
}

/**
 * A partition of encrypted sectors (LUKS2, dm-crypt) with XFS. What encrypts it is derived from the volume key and given to
 * the kernel as it is: no key slot of the header is used, and none is left in it, since whoever changes the header could
 * make one that any key opens. The kernel keeps mapping and mount when piccolod crashes.
 */
export class Luks2Volume implements Volume {
  readonly backend = "luks2";
  readonly path: string;
  readonly #options: Luks2Options;

  constructor(options: Luks2Options) {
    this.#options = options;
    this.path = options.path;
  }

  async state(): Promise<VolumeState> {
    const device = await this.#findDevice();
    if (device === undefined) return "absent";
    const { system, path, mapping } = this.#options;
    const mounts = system.mountsOn(path);
    if (mounts.length > 0) {
      const isOurs = mounts.length === 1 && system.isMapping(mounts[0]?.source ?? "", mapping);
      return isOurs && (await this.#isEncrypting(device)) && (await system.answers(path)) ? "open" : "stale";
    }
    const header = readHeader(device);
    if (typeof header === "object") return header.label === labels.unfinished ? "absent" : "closed";
    // Where a volume is removed, the copy goes first: beside one, zeros are a header that was lost.
    if (this.#headerCopy() !== undefined) return "closed";
    return header === "none" ? "absent" : "damaged";
  }

  async create(key: Uint8Array): Promise<void> {
    const device = await this.#findDevice();
    if (device === undefined) throw partitionMissing(this.#options.partition);
    if ((await this.state()) !== "absent") throw volumeFaults.fault("volume-busy", "there is a volume already");
    await this.#clean();
    this.#forgetHeaderCopy();
    const { world } = this.#options;
    // LUKS does not format without a key slot: its password is forgotten at once, and the slot is removed.
    const password = world.randomBytes(32);
    await this.#withDataKey(key, async (secret) => {
      const layout = Object.entries({
        type: "luks2",
        label: labels.unfinished,
        cipher: luksCipher,
        "key-size": String(luksKeyBytes * 8),
        "sector-size": String(luksSectorBytes),
        "luks2-metadata-size": kibibytes(luksMetadataBytes),
        "luks2-keyslots-size": kibibytes(luksKeyslotsBytes),
        offset: String(luksHeaderBytes / 512),
        pbkdf: "pbkdf2",
        "pbkdf-force-iterations": "1000",
      }).flatMap(([name, value]) => [`--${name}`, value]);
      const format = ["luksFormat", "-q", ...layout, "--volume-key-file", secretPath, "--key-file", "-", device];
      await this.#run(programs.crypt, format, { stdin: password, secret, timeoutMs: makeMs });
      password.fill(0);
      await this.#run(programs.crypt, ["luksErase", "-q", device]);
      await this.#map(device, secret);
    });
    const make = ["-q", "-f", "-K", "-L", "piccolo", "-m", "reflink=1,bigtime=1", this.#mapped];
    await this.#run(programs.make, make, { timeoutMs: makeMs });
    await this.#mount();
    await this.#run(programs.crypt, ["config", "--label", labels.whole, device]);
    await this.#copyHeader(device);
  }

  async open(key: Uint8Array): Promise<void> {
    const device = await this.#findDevice();
    const state = await this.state();
    if (device === undefined || state === "absent") {
      const message = `the volume in the partition ${this.#options.partition} is gone: ${putBack}`;
      throw volumeFaults.fault("volume-missing", message);
    }
    const dataKey = dataKeyOf(key);
    try {
      const header = await this.#usableHeader(device);
      if (!fitsKey(header, dataKey)) throw volumeFaults.fault("volume-wrong-key", "the key is another volume's");
      if (state === "open") return;
      await this.#clean();
      await this.#map(device, dataKey);
    } finally {
      dataKey.fill(0);
    }
    await this.#mount();
  }

  async close(): Promise<void> {
    const { system, path } = this.#options;
    if (system.mountsOn(path).length > 0) await system.unmount(path);
    await this.#unmap();
  }

  async destroy(): Promise<void> {
    const device = await this.#findDevice();
    await this.#clean();
    this.#forgetHeaderCopy();
    if (device === undefined) return;
    const file = openSync(device, "r+");
    try {
      const zeros = new Uint8Array(luksHeaderBytes);
      let at = 0;
      while (at < zeros.length) at += writeSync(file, zeros, 0, zeros.length - at, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Beside the data, so that a disk whose other partition was lost still has the slots that open it. */
  async keepRecord(record: Uint8Array): Promise<void> {
    const device = await this.#findDevice();
    if (device === undefined) throw partitionMissing(this.#options.partition);
    const header = readHeader(device);
    if (typeof header === "object") {
      const kept = recordOf(header);
      if (kept !== undefined && Buffer.compare(kept, record) === 0) return;
    }
    const token = JSON.stringify({ type: recordTokenType, keyslots: [], record: toBase64Url(record) });
    const replace = ["token", "import", "--token-id", tokenId, "--token-replace", "--json-file", "-", device];
    await this.#run(programs.crypt, replace, { stdin: toUtf8(token) });
    await this.#copyHeader(device);
  }

  async keptRecord(): Promise<Uint8Array | undefined> {
    const device = await this.#findDevice();
    const header = device === undefined ? "none" : readHeader(device);
    return typeof header === "object" && header.label === labels.whole ? recordOf(header) : undefined;
  }

  get #mapped(): string {
    return `/dev/mapper/${this.#options.mapping}`;
  }

  /** A disk may answer later than piccolod starts. Throws `volume-two-partitions`. */
  async #findDevice(): Promise<string | undefined> {
    const { system, partition, world } = this.#options;
    const endMs = world.monotonicMs() + (system.isSettled() ? 0 : partitionMs);
    for (;;) {
      const found = system.partitionsNamed(partition);
      if (found.length > 1) {
        const message = `there are ${found.length} partitions named ${partition} (${found.join(", ")}): switch the device off, take out the disk that is not its own, and start again`;
        throw volumeFaults.fault("volume-two-partitions", message);
      }
      if (found[0] !== undefined || world.monotonicMs() >= endMs) return found[0];
      await world.sleep(lookAgainMs);
    }
  }

  async #isEncrypting(device: string): Promise<boolean> {
    const { code, stdout } = await this.#options.system.run(programs.mapper, ["table", this.#options.mapping]);
    const number = this.#options.system.numberOf(device);
    return code === 0 && number !== undefined && encryptsAsOurs(stdout, number);
  }

  async #usableHeader(device: string): Promise<LuksHeader> {
    const found = readHeader(device);
    if (typeof found === "object") return found;
    // Both headers were lost; what was kept outside says the same as they did.
    const copy = this.#headerCopy();
    if (copy === undefined) {
      throw volumeFaults.fault("volume-damaged", `the header of the volume in ${device} is damaged: ${anew}`);
    }
    const restore = ["luksHeaderRestore", "-q", device, "--header-backup-file", this.#options.headerCopy];
    await this.#run(programs.crypt, restore);
    return copy;
  }

  async #map(device: string, dataKey: Uint8Array): Promise<void> {
    const { mapping } = this.#options;
    const open = ["open", "--type", "luks2", "--key-size", String(luksKeyBytes * 8), "--volume-key-file", secretPath];
    await this.#run(programs.crypt, [...open, device, mapping], { secret: dataKey });
    if (await this.#isEncrypting(device)) return;
    await this.#unmap();
    throw volumeFaults.fault("volume-damaged", "the volume's header was changed from outside: it stays closed");
  }

  async #mount(): Promise<void> {
    const { system, path } = this.#options;
    if (await system.mount(this.#mapped, path)) return;
    await this.#unmap();
    throw volumeFaults.fault("volume-damaged", `the file system of the volume cannot be mounted: ${anew}`);
  }

  /** Takes away what a process before this one, or somebody else, left on the mount point and the mapping. */
  async #clean(): Promise<void> {
    const { system, path } = this.#options;
    for (let left = system.mountsOn(path).length; left > 0; left--) await system.unmount(path);
    await this.#unmap();
  }

  async #unmap(): Promise<void> {
    const { system, mapping } = this.#options;
    if (!system.hasMapping(mapping)) return;
    const { code } = await system.run(programs.crypt, ["close", mapping]);
    if (code === 0 || !system.hasMapping(mapping)) return;
    throw volumeFaults.fault("volume-busy", `${this.#mapped} is still in use`);
  }

  async #withDataKey(key: Uint8Array, use: (secret: Uint8Array) => Promise<void>): Promise<void> {
    const dataKey = dataKeyOf(key);
    try {
      await use(dataKey);
    } finally {
      dataKey.fill(0);
    }
  }

  /** The program does not write over a file, so the new copy gets another name first. */
  async #copyHeader(device: string): Promise<void> {
    const { headerCopy, system } = this.#options;
    const next = `${headerCopy}.next`;
    discard(next);
    await this.#run(programs.crypt, ["luksHeaderBackup", device, "--header-backup-file", next]);
    fsyncPath(next);
    // A file takes the place of whatever lies there but of a folder.
    if (lstatSync(headerCopy, { throwIfNoEntry: false })?.isDirectory() === true) discard(headerCopy);
    system.replace(next, headerCopy);
  }

  /** Undefined also where something else lies in its place, such as a link, or a pipe that would keep who reads it waiting. */
  #headerCopy(): LuksHeader | undefined {
    const { headerCopy } = this.#options;
    if (lstatSync(headerCopy, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    const found = readHeader(headerCopy);
    return typeof found === "object" && found.label === labels.whole ? found : undefined;
  }

  /** Durable when it returns. */
  #forgetHeaderCopy(): void {
    const { headerCopy } = this.#options;
    for (const path of [headerCopy, `${headerCopy}.next`]) discard(path);
    fsyncPath(dirname(headerCopy));
  }

  /** Throws `volume-unavailable` where the program is missing or fails; its words hold no secret. */
  async #run(program: string, args: readonly string[], input: CommandInput = {}): Promise<CommandResult> {
    const result = await this.#options.system.run(program, args, input);
    if (result.code === 0) return result;
    const said = result.stderr.trim().split("\n").at(-1) ?? "";
    const how = result.code === undefined ? "could not be run" : `${args[0] ?? ""} failed: ${said}`;
    throw volumeFaults.fault("volume-unavailable", `${program} ${how}`);
  }
}

/** Whatever lies there, which somebody may have planted; a link is removed and not followed. */
function discard(path: string): void {
  rmSync(path, { force: true, recursive: true });
}

/** Two halves, one for each of the keys of XTS. */
function dataKeyOf(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const halves = ["luks2-data", "luks2-tweak"].map((use) => deriveFromVolumeKey(key, use));
  const whole = concat(...halves);
  for (const half of halves) half.fill(0);
  return whole;
}

const kibibytes = (bytes: number): string => `${bytes / 1024}k`;

function readHeader(device: string): FoundHeader {
  const bytes = new Uint8Array(luksHeaderBytes);
  let file: number;
  try {
    file = openSync(device, "r");
  } catch (cause) {
    throw volumeFaults.fault("volume-unavailable", `${device} cannot be read`, { cause });
  }
  try {
    let at = 0;
    for (let read = -1; read !== 0 && at < bytes.length; at += read) {
      read = readSync(file, bytes, at, bytes.length - at, at);
    }
    return inspectHeader(bytes.subarray(0, at));
  } catch (cause) {
    throw volumeFaults.fault("volume-damaged", `${device} cannot be read: the disk may be broken`, { cause });
  } finally {
    closeSync(file);
  }
}

function partitionMissing(partition: string): Error {
  return volumeFaults.fault("volume-missing", `there is no partition named ${partition}: ${putBack}`);
}
