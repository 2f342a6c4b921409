import assert from "node:assert/strict";
import { CrashDisk, MemoryMetadata } from "../src/fakes/index.ts";
import type { OwnerEngine, OwnerEngineCrashPoint } from "../src/owner/index.ts";
import { fixedPolicy } from "../src/policy/index.ts";
import { transportFaults } from "../src/ports/index.ts";
import { PoweredDisk } from "./powered-disk.ts";
import { makeSmallNetwork, type SmallNetwork, type SmallNetworkOptions } from "./small-network.ts";

/** An owner's device whose process ends at a chosen crash point: from then on nothing it does reaches anything. */
export class MortalOwner {
  readonly metadata = new MemoryMetadata();
  readonly disk = new CrashDisk();
  readonly #powered = new PoweredDisk(this.disk);
  readonly #survives: boolean;
  readonly passed: OwnerEngineCrashPoint[] = [];
  #left: number;
  #isDead = false;
  #network: SmallNetwork | undefined;

  readonly #options: SmallNetworkOptions;

  /** `survives`: whether what was written and not fsynced outlives the cut. */
  constructor(crashAfter: number, survives: boolean, options: SmallNetworkOptions = {}) {
    this.#options = options;
    this.#left = crashAfter;
    this.#survives = survives;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get network(): SmallNetwork {
    assert.ok(this.#network !== undefined);
    return this.#network;
  }

  async start(): Promise<void> {
    const network = await makeSmallNetwork({
      policy: fixedPolicy({ k: 2, n: 4 }),
      holderCount: 4,
      spoolDisk: this.#powered,
      metadata: new Proxy(this.metadata, {
        get: (metadata, name) => {
          if (this.#isDead) throw new Error("the power is off");
          const member: unknown = Reflect.get(metadata, name);
          return typeof member === "function" ? (member.bind(metadata) as unknown) : member;
        },
      }),
      crashPoint: (name) => this.#pass(name),
      ...this.#options,
    });
    for (const holder of network.holders) {
      holder.gate = () =>
        this.#isDead
          ? Promise.reject(transportFaults.fault("peer-unreachable", "the asking device has no power"))
          : Promise.resolve();
    }
    this.#network = network;
  }

  /** The power goes at the crash point that is reached after so many others from now on. */
  arm(crashAfter: number): void {
    this.#left = crashAfter;
  }

  #pass(name: OwnerEngineCrashPoint): void {
    this.passed.push(name);
    if (!this.#isDead && this.#left-- === 0) {
      this.#isDead = true;
      this.#powered.cut(() => this.#survives);
    }
    if (this.#isDead) throw new Error(`the power was cut at ${name}`);
  }

  /** Starts the program again, after a crash or an orderly stop; with the crash still to come where `mortal`. */
  async restart(mortal: boolean): Promise<OwnerEngine> {
    // The old program has to be over before its successor may reach the metadata.
    await this.network.engine.stop();
    if (this.#isDead) this.#powered.restore();
    this.#isDead = false;
    if (!mortal) this.#left = Number.MAX_SAFE_INTEGER;
    return this.network.reopen();
  }
}
