import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { World } from "@piccolo/world";
import { type Authority, leafDays, makeLeaf } from "./certificates.ts";
import { ownAddresses } from "../own-addresses.ts";
import { pem } from "./der.ts";

const dayMs = 86_400_000;
const renewBeforeMs = 30 * dayMs;

export interface LeafOptions {
  /** The device's own now: a reset gives it another one. */
  readonly authority: () => Authority;
  readonly deviceName: string;
  readonly names: readonly string[];
  readonly world: World;
  readonly addresses?: () => readonly string[];
}

/** The certificate the portal shows, in PEM with its authority's; its key is of this start alone. */
export class Leaf {
  readonly #options: LeafOptions;
  readonly #key: KeyObject = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  #of = "";
  #by: Authority | undefined;
  #madeMs = 0;

  constructor(options: LeafOptions) {
    this.#options = options;
  }

  get #names(): readonly string[] {
    return [...this.#options.names, ...(this.#options.addresses ?? ownAddresses)()];
  }

  /** Another authority, other addresses, a clock that was put right, or the end of its time make another one necessary. */
  get isStale(): boolean {
    const { world, authority } = this.#options;
    if (this.#by !== authority()) return true;
    const ageMs = world.nowMs() - this.#madeMs;
    return ageMs < 0 || ageMs > leafDays * dayMs - renewBeforeMs || this.#of !== this.#names.join();
  }

  make(): { readonly key: string; readonly cert: string } {
    const { deviceName, world } = this.#options;
    const authority = this.#options.authority();
    const names = this.#names;
    const nowMs = world.nowMs();
    const leaf = makeLeaf({ authority, deviceName, key: this.#key, names, nowMs, random: world.randomBytes(16) });
    this.#of = names.join();
    this.#by = authority;
    this.#madeMs = nowMs;
    return {
      key: this.#key.export({ format: "pem", type: "pkcs8" }),
      cert: pem("CERTIFICATE", leaf) + pem("CERTIFICATE", authority.certificate),
    };
  }
}
