import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { generateKeyPairFromSeed, type privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { World } from "@piccolo/world";

export type RelayKey = ReturnType<typeof privateKeyFromRaw>;

/** The relay's identity and port, so that members find it again after a restart. */
export class RelayFolder {
  readonly #folder: string;
  readonly #world: World;

  constructor(folder: string, world: World) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#world = world;
  }

  async privateKey(): Promise<RelayKey> {
    const path = join(this.#folder, "key");
    if (!existsSync(path)) {
      const seed = this.#world.randomBytes(32);
      this.#write("key", seed);
      seed.fill(0);
    }
    const seed = readFileSync(path);
    if (seed.length !== 32) throw new Error(`${path} is damaged: restore it, or delete it to get a new relay identity`);
    const key = await generateKeyPairFromSeed("Ed25519", seed);
    seed.fill(0);
    return key;
  }

  rememberedPort(): number | undefined {
    const path = join(this.#folder, "port");
    const port = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  }

  rememberPort(port: number): void {
    this.#write("port", Buffer.from(String(port)));
  }

  #write(name: string, bytes: Uint8Array): void {
    const path = join(this.#folder, name);
    const file = openSync(`${path}.next`, "w", 0o600);
    writeSync(file, bytes);
    fsyncSync(file);
    closeSync(file);
    renameSync(`${path}.next`, path);
  }
}
