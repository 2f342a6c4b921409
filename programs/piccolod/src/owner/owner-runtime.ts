import { toHex } from "@piccolo/bytes";
import { type KeyRing, type OwnerChain, sealToFileKey } from "@piccolo/envelope";
import type { EngineOptions, OwnerEngine } from "@piccolo/storage/owner";
import { HolderHealth, WireHolderClient } from "@piccolo/storage/owner";
import { SegmentCheckpointStore } from "@piccolo/storage/metadata-log";
import { authFaults } from "../auth/types.ts";
import type { Backup } from "../backup/backup.ts";
import type { NetworkFeature, NetworkOwner } from "../network/types.ts";
import type { Settling } from "../recovery/settling.ts";
import type { Identity } from "../security/identity.ts";

export interface OwnerRuntimeOptions {
  readonly network: NetworkFeature;
  readonly settling: Pick<Settling, "staleness" | "run">;
  readonly backup: Pick<Backup, "open" | "stop">;
  /** As it is now: a re-key changes it. */
  readonly identity: () => Identity;
  /** How the owner key came from the account's first one. */
  readonly chain: () => OwnerChain;
  /** Throws `locked` while the device is. */
  readonly keys: () => KeyRing;
  readonly createEngine: (options: EngineOptions) => Promise<OwnerEngine>;
  /** What pads segments and masks copies; made once, and part of the backup. */
  readonly maskKey: () => Uint8Array;
  /** What the engine needs that does not come from the owner's keys. */
  readonly engine: Omit<EngineOptions, "codec" | "keys" | "sealFek" | "holderClient" | "members"> & {
    readonly hash: EngineOptions["codec"]["hash"];
  };
  /** Begins what commits by itself, as soon as something may be committed. */
  readonly work: () => void;
}

interface Opened {
  readonly account: Uint8Array;
  readonly engine: OwnerEngine;
}

/**
 * What exists from the claim on, locked or not: the storage engine, which looks after ciphertext, membership in a
 * network, and the backup of the owner's database. Whatever needs the owner's keys asks for them, and hears `locked`
 * where they are not in memory.
 */
export class OwnerRuntime {
  readonly #options: OwnerRuntimeOptions;
  readonly #stopping = new AbortController();
  #opened: Opened | undefined;
  #settling: Promise<void> | undefined;

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

  async open(): Promise<void> {
    const { network, backup, settling, createEngine, keys, identity, maskKey, work } = this.#options;
    const { hash, ...rest } = this.#options.engine;
    const { members, transport } = network;
    const { account } = identity();
    const holderClient = new WireHolderClient({ ownAccount: account, transport, members, hash });
    const codec = {
      account,
      hash,
      // Not before something is coded: a device that restores its database gets it with that.
      get maskKey() {
        return maskKey();
      },
    };
    const sealFek: EngineOptions["sealFek"] = (fek, versionId) => {
      const { account: of, epoch, filePublicKey } = identity();
      const wrappedFek = sealToFileKey(filePublicKey, fek, { account: of, versionId, epoch }, rest.world);
      return { wrappedFek, fekEpoch: epoch };
    };
    const engine = await createEngine({ ...rest, codec, keys, sealFek, members, holderClient });
    this.#opened = { account, engine };
    await network.start(this.#owner(account));
    // After membership, which says who the witnesses are.
    const { world, report, policy, ownDomain } = rest;
    const health = new HolderHealth(world);
    let turn = 0;
    const nextTurn = (): number => turn++;
    const parts = {
      codec: { account, hash },
      holderClient,
      members,
      health,
      world,
      report,
      policy,
      ownDomain,
      nextTurn,
      vault: network.vault(() => false),
    };
    const begin = (): void =>
      backup.open(new SegmentCheckpointStore(parts), () => {
        engine.start();
        work();
      });
    if (settling.staleness === undefined) begin();
    // What a recovery found may be stale: until that is settled it is read, and nothing more.
    else this.#settling = this.#beginOnceSettled(begin);
  }

  async #beginOnceSettled(begin: () => void): Promise<void> {
    const { signal } = this.#stopping;
    try {
      await this.#options.settling.run(signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (!signal.aborted) begin();
  }

  #owner(account: Uint8Array): NetworkOwner {
    const { identity, chain, keys } = this.#options;
    return {
      account,
      keys,
      get name() {
        return identity().name;
      },
      get ownerPublicKey() {
        return identity().ownerPublicKey;
      },
      get epoch() {
        return identity().epoch;
      },
      get certificate() {
        return identity().certificate;
      },
      get chain() {
        const { rotations, ...first } = chain();
        // A re-key that has begun is not the device's yet: its certificate is of the epoch before.
        const reached = rotations.filter(({ epoch }) => epoch <= identity().epoch);
        return reached.length === 0 ? undefined : { ...first, rotations: reached };
      },
    };
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error("the device stops"));
    await this.#settling;
    await this.#options.backup.stop();
    await this.#opened?.engine.stop();
    await this.#options.network.stop();
  }
}
