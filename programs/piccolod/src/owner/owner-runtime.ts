import { toHex } from "@piccolo/bytes";
import { deriveOwnerKeys, type OwnerKeys } from "@piccolo/envelope";
import type { EngineOptions, OwnerEngine } from "@piccolo/storage/owner";
import { WireHolderClient } from "@piccolo/storage/owner";
import { authFaults } from "../auth/types.ts";
import type { Owner } from "../auth/vault.ts";
import type { NetworkFeature } from "../network/types.ts";

export interface OwnerRuntimeOptions {
  readonly network: NetworkFeature;
  readonly createEngine: (options: EngineOptions) => Promise<OwnerEngine>;
  /** What the engine needs that does not come from the owner's keys. */
  readonly engine: Omit<EngineOptions, "codec" | "keys" | "holderClient" | "members"> & {
    readonly hash: EngineOptions["codec"]["hash"];
  };
}

interface Opened {
  readonly keys: OwnerKeys;
  readonly engine: OwnerEngine;
}

/** What exists from the claim on: the owner's keys in memory, the storage engine, and membership in a network. */
export class OwnerRuntime {
  readonly #options: OwnerRuntimeOptions;
  #opened: Opened | undefined;

  constructor(options: OwnerRuntimeOptions) {
    this.#options = options;
  }

  /** Throws `not-claimed` before the claim. */
  get engine(): OwnerEngine {
    if (this.#opened === undefined)
      throw authFaults.fault("not-claimed", "this device has no owner yet; set it up first");
    return this.#opened.engine;
  }

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** Account id in hex; empty before the claim. */
  get account(): string {
    return this.#opened === undefined ? "" : toHex(this.#opened.keys.account);
  }

  async open(owner: Owner): Promise<void> {
    const { network, createEngine } = this.#options;
    const { hash, ...rest } = this.#options.engine;
    const keys = deriveOwnerKeys(owner.rootSecret, owner.epoch);
    const { members, transport } = network;
    const engine = await createEngine({
      ...rest,
      codec: { account: keys.account, maskKey: keys.metadataKey(), hash },
      keys: () => keys,
      members,
      holderClient: new WireHolderClient({ ownAccount: keys.account, transport, members, hash }),
    });
    this.#opened = { keys, engine };
    await network.start({ name: owner.name, keys });
    engine.start();
  }

  async close(): Promise<void> {
    await this.#opened?.engine.stop();
    await this.#options.network.stop();
    this.#opened?.keys.erase();
  }
}
