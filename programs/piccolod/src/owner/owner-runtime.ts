import { toHex } from "@piccolo/bytes";
import type { OwnerKeys } from "@piccolo/envelope";
import type { EngineOptions, OwnerEngine } from "@piccolo/storage/owner";
import { WireHolderClient } from "@piccolo/storage/owner";
import { authFaults } from "../auth/types.ts";
import type { NetworkFeature } from "../network/types.ts";
import type { Identity } from "../security/identity.ts";

export interface OwnerRuntimeOptions {
  readonly network: NetworkFeature;
  /** Throws `locked` while the device is. */
  readonly keys: () => OwnerKeys;
  readonly createEngine: (options: EngineOptions) => Promise<OwnerEngine>;
  /** What the engine needs that does not come from the owner's keys. */
  readonly engine: Omit<EngineOptions, "codec" | "keys" | "holderClient" | "members"> & {
    readonly hash: EngineOptions["codec"]["hash"];
  };
}

interface Opened {
  readonly account: Uint8Array;
  readonly engine: OwnerEngine;
}

/**
 * What exists from the claim on, locked or not: the storage engine, which looks after ciphertext, and membership in a
 * network. Whatever needs the owner's keys asks for them, and hears `locked` where they are not in memory.
 */
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
    return this.#opened === undefined ? "" : toHex(this.#opened.account);
  }

  async open({ account, name, ownerPublicKey, certificate, maskKey }: Identity): Promise<void> {
    const { network, createEngine, keys } = this.#options;
    const { hash, ...rest } = this.#options.engine;
    const { members, transport } = network;
    const engine = await createEngine({
      ...rest,
      codec: { account, maskKey, hash },
      keys,
      members,
      holderClient: new WireHolderClient({ ownAccount: account, transport, members, hash }),
    });
    this.#opened = { account, engine };
    await network.start({ name, account, ownerPublicKey, certificate, keys });
    engine.start();
  }

  async close(): Promise<void> {
    await this.#opened?.engine.stop();
    await this.#options.network.stop();
  }
}
