import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import { extend, tellsOfVolume, volumeMeasurement } from "@piccolo/attest";
import { ByteReader, ByteWriter, concat } from "@piccolo/bytes";
import { tpmFaults } from "@piccolo/tpm2";
import type { World } from "@piccolo/world";
import {
  type ChipDescription,
  type ChipIdentity,
  sealedSecretBytesMax,
  type SealedUse,
  type SealedWhen,
  type SecurityChip,
  securityChipFaults,
  superseded,
} from "../../security/security-chip.ts";

export interface MemoryChipOptions {
  readonly world: World;
  /** 32 bytes that make this chip the one it is. Whoever has them opens everything it sealed: it protects nothing. */
  readonly seed: Uint8Array;
  /** What outlives the power; without it, what this object knows. */
  readonly memory?: ChipMemory;
}

/** Where the chip counts the generations of what it sealed. */
export interface ChipMemory {
  /** 0 where nothing was written. */
  read(): number;
  write(generation: number): void;
}

export function forgetfulMemory(): ChipMemory {
  let kept = 0;
  return { read: () => kept, write: (generation) => void (kept = generation) };
}

const uses: readonly SealedUse[] = ["volume", "pepper"];
const nonceBytes = 12;
const tagBytes = 16;
const generationBytes = 8;
const nonceAt = 1 + generationBytes;
const headBytes = nonceAt + nonceBytes;
const stateBytes = 32;

/** A chip without a chip, for tests and for devices that are told to run without one. A new one is a new boot. */
export class MemoryChip implements SecurityChip {
  readonly #world: World;
  readonly #key: Uint8Array;
  readonly #memory: ChipMemory;
  #measured: readonly number[] = [];
  #window: Uint8Array = new Uint8Array(stateBytes);
  #closed = false;

  constructor({ world, seed, memory = forgetfulMemory() }: MemoryChipOptions) {
    assert.equal(seed.length, 32);
    this.#memory = memory;
    this.#world = world;
    this.#key = new Uint8Array(createHmac("sha256", seed).update("piccolo memory chip").digest());
  }

  async seal(secret: Uint8Array, use: SealedUse, when: SealedWhen = "now"): Promise<Uint8Array> {
    assert.ok(secret.length >= 1 && secret.length <= sealedSecretBytesMax, "1 to 128 bytes are sealed");
    this.#refuseClosed();
    const generation = new ByteWriter().u64(this.#memory.read() + (when === "now" ? 0 : 1)).finish();
    const head = concat(Uint8Array.of(uses.indexOf(use)), generation, this.#world.randomBytes(nonceBytes));
    const cipher = createCipheriv("aes-256-gcm", this.#key, head.subarray(nonceAt));
    cipher.setAAD(head);
    return concat(head, cipher.update(secret), cipher.final(), cipher.getAuthTag(), this.#state());
  }

  async unseal(blob: Uint8Array): Promise<Uint8Array> {
    this.#refuseClosed();
    const { use, generation, secret } = this.#decipher(blob);
    if (this.#memory.read() > generation) throw superseded();
    if (use === "volume" && tellsOfVolume(this.#window, undefined)) {
      const message = "the volume key was used in this boot already; restart the device to use it again";
      throw securityChipFaults.fault("tpm-window-closed", message);
    }
    if (!this.#state().every((byte, at) => byte === blob[blob.length - stateBytes + at])) {
      throw tpmFaults.fault("tpm-policy", "the device did not start as it did before; start the unchanged system");
    }
    return secret;
  }

  async supersede(blob: Uint8Array): Promise<void> {
    this.#refuseClosed();
    const { generation, secret } = this.#decipher(blob);
    secret.fill(0);
    if (generation > this.#memory.read()) this.#memory.write(generation);
  }

  #decipher(blob: Uint8Array): {
    readonly use: SealedUse | undefined;
    readonly generation: number;
    readonly secret: Uint8Array;
  } {
    const body = blob.subarray(0, Math.max(0, blob.length - stateBytes));
    if (body.length <= headBytes + tagBytes) throw otherChip();
    const decipher = createDecipheriv("aes-256-gcm", this.#key, body.subarray(nonceAt, headBytes));
    decipher.setAAD(body.subarray(0, headBytes));
    decipher.setAuthTag(body.subarray(-tagBytes));
    const plain = new Uint8Array(decipher.update(body.subarray(headBytes, -tagBytes)));
    try {
      decipher.final();
    } catch {
      throw otherChip();
    }
    return {
      use: uses[body[0] ?? uses.length],
      generation: new ByteReader(body.subarray(1)).u64(),
      secret: plain,
    };
  }

  /** What was measured into PCRs 7 and 11 so far, as far as a sealed blob cares. */
  #state(): Uint8Array {
    return new Uint8Array(createHmac("sha256", this.#key).update(this.#measured.join()).digest());
  }

  #refuseClosed(): void {
    if (this.#closed) throw securityChipFaults.fault("tpm-missing", "the TPM was closed; restart the device");
  }

  async checkStart(): Promise<void> {
    this.#refuseClosed();
    if (this.#measured.length === 0) return;
    throw tpmFaults.fault("tpm-policy", "the device did not start as it should; start the unchanged system");
  }

  async isOutdated(): Promise<boolean> {
    return false;
  }

  /** It knows of no releases. */
  async raiseMinimumRelease(): Promise<void> {
    this.#refuseClosed();
  }

  async closeWindow(identity: Uint8Array | undefined): Promise<void> {
    this.#refuseClosed();
    if (tellsOfVolume(this.#window, identity)) return;
    this.#window = extend("sha256", this.#window, volumeMeasurement(identity));
  }

  /** Stands for another firmware or system: what was sealed before stays shut. */
  measure(pcr: number): void {
    this.#measured = [...this.#measured, pcr];
  }

  async pcrs(): Promise<ReadonlyMap<number, Uint8Array>> {
    this.#refuseClosed();
    const values: Map<number, Uint8Array> = new Map(
      Array.from({ length: 16 }, (_, pcr) => [pcr, new Uint8Array(stateBytes)] as const),
    );
    for (const pcr of this.#measured) {
      const value = values.get(pcr) ?? new Uint8Array(stateBytes);
      values.set(pcr, extend("sha256", value, new Uint8Array(stateBytes)));
    }
    values.set(15, this.#window);
    return values;
  }

  async describe(): Promise<ChipDescription> {
    this.#refuseClosed();
    return { manufacturer: "none", firmware: "0", lockout: false, simulated: true };
  }

  async identity(): Promise<ChipIdentity> {
    this.#refuseClosed();
    return {
      endorsementKey: createHmac("sha256", this.#key).update("endorsement key").digest("hex"),
      certificates: [],
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#key.fill(0);
  }
}

function otherChip(): Error {
  return tpmFaults.fault("tpm-other-chip", "this was sealed in another TPM; enter the recovery phrase");
}
