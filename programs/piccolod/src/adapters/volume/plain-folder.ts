import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Volume, volumeFaults, type VolumeState } from "../../security/volume.ts";
import { fsyncPath, isLink, verifyKeyCheck, writeKeyCheck } from "./key-check.ts";

const noConfig = new Uint8Array(0);

/** A folder that is not encrypted, for machines without FUSE and for tests: only with `--insecure-no-volume`. */
export class PlainFolderVolume implements Volume {
  readonly backend = "plain-folder";
  readonly path: string;
  readonly #folder: string;
  readonly #whole: string;
  #open = false;

  /** `folder` is the volume's alone. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#whole = join(folder, "plain");
    this.path = join(this.#whole, "content");
  }

  get #check(): string {
    return join(this.#whole, "key-check");
  }

  async state(): Promise<VolumeState> {
    if ([this.#whole, this.path].some(isLink)) return "damaged";
    if (!existsSync(this.#whole)) return "absent";
    if (!existsSync(this.#check) || !existsSync(this.path)) return "damaged";
    return this.#open ? "open" : "closed";
  }

  async create(key: Uint8Array): Promise<void> {
    if ((await this.state()) !== "absent") throw volumeFaults.fault("volume-busy", "there is a volume already");
    const next = `${this.#whole}.new`;
    rmSync(next, { recursive: true, force: true });
    mkdirSync(join(next, "content"), { recursive: true, mode: 0o700 });
    writeKeyCheck(join(next, "key-check"), key, noConfig);
    fsyncPath(next);
    renameSync(next, this.#whole);
    fsyncPath(this.#folder);
    this.#open = true;
  }

  async open(key: Uint8Array): Promise<void> {
    const state = await this.state();
    if (state === "absent") throw volumeFaults.fault("volume-missing", `the volume in ${this.#folder} is gone`);
    if (state === "damaged") {
      throw volumeFaults.fault("volume-damaged", `the volume in ${this.#folder} is damaged: a part of it is missing`);
    }
    verifyKeyCheck(this.#check, key, noConfig);
    this.#open = true;
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  async destroy(): Promise<void> {
    this.#open = false;
    rmSync(this.#whole, { recursive: true, force: true });
    rmSync(`${this.#whole}.new`, { recursive: true, force: true });
  }
}
